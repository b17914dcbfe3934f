"""Run the command line as `python -m budgetnas`."""

from budgetnas.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
