"""`budgetnas report`: regenerates the files of a run from its storage, or compares several runs."""

from __future__ import annotations

import argparse

DESCRIPTION = (
    "Regenerate the report of a run from its storage, finished or not: page, CSV, JSON. With several runs, compare "
    "them on one page. Nothing is trained."
)
SUFFIXES = (".csv", ".json")
EXAMPLE = "budgetnas report runs/digits-hard-5M-s0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN", nargs="+", help="folder of a run; of several to compare them")
    add_storage_argument(parser)
    parser.add_argument("--out", metavar="FILE", help="page of a comparison (default comparison.html here)")
    parser.add_argument("--figures", metavar="DIR", help="also write every figure of the page there, as SVG and PNG")
    parser.add_argument("--json", action="store_true", help="print the paths of the files as JSON")


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that name a run."""
    parser.add_argument("run", metavar="RUN", help="folder of a run")
    add_storage_argument(parser)


def add_storage_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the option that names the storage of a run."""
    parser.add_argument("--storage", metavar="URL", help="Optuna storage of the run (default: study.db in its folder)")


def run(arguments: argparse.Namespace) -> None:
    """Write the files and print their paths."""
    import json

    from budgetnas.exceptions import UsageError

    if len(arguments.run) > 1:
        if arguments.figures is not None:
            raise UsageError(
                "is given with several runs, but draws those of one report: name one run.", argument="figures"
            )
        _compare(arguments)
        return

    from budgetnas.runs.files import draw, rewrite

    if arguments.out is not None:
        raise UsageError(
            "is given with one run, whose report lies in its folder: name more runs, or leave it out.", argument="out"
        )
    page = rewrite(arguments.run[0], arguments.storage)
    beside = sorted(path.name for path in page.parent.iterdir() if path.suffix in SUFFIXES)
    figures = draw(arguments.run[0], arguments.storage, arguments.figures) if arguments.figures else []
    if arguments.json:
        drawn = {"figures": list(map(str, figures))} if figures else {}
        print(json.dumps({"report": str(page), "beside_it": beside, **drawn}, indent=2))
        return
    print(f"report     {page}")
    print(f"beside it  {', '.join(beside)}")
    if figures:
        print(f"figures    {len(figures)} files in {arguments.figures}")


def _compare(arguments: argparse.Namespace) -> None:
    import json
    import shlex
    import sys
    from pathlib import Path

    from budgetnas.cli.output import open_console, show_notice
    from budgetnas.runs.comparison import FILE, write_comparison

    command = shlex.join(["budgetnas", *sys.argv[1:]])
    content = write_comparison(arguments.run, Path(arguments.out or FILE), command=command, storage=arguments.storage)
    if arguments.json:
        print(json.dumps(content, indent=2))
        return
    for warning in content["warnings"]:
        show_notice(open_console(stderr=True), warning)
    print(f"comparison  {content['comparison']}")
