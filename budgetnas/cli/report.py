"""`budgetnas report`: regenerates the files of a run from its storage."""

from __future__ import annotations

import argparse

DESCRIPTION = "Regenerate the report of a run from its storage, finished or not: page, CSV, JSON. Nothing is trained."
SUFFIXES = (".csv", ".json")
EXAMPLE = "budgetnas report runs/digits-hard-5M-s0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run_arguments(parser)
    parser.add_argument("--figures", metavar="DIR", help="also write every figure of the page there, as SVG and PNG")
    parser.add_argument("--json", action="store_true", help="print the paths of the files as JSON")


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that name a run."""
    parser.add_argument("run", metavar="RUN", help="folder of a run")
    parser.add_argument("--storage", metavar="URL", help="Optuna storage of the run (default: study.db in its folder)")


def run(arguments: argparse.Namespace) -> None:
    """Write the files and print their paths."""
    import json

    from budgetnas.runs.files import draw, rewrite

    page = rewrite(arguments.run, arguments.storage)
    beside = sorted(path.name for path in page.parent.iterdir() if path.suffix in SUFFIXES)
    figures = draw(arguments.run, arguments.storage, arguments.figures) if arguments.figures else []
    if arguments.json:
        drawn = {"figures": list(map(str, figures))} if figures else {}
        print(json.dumps({"report": str(page), "beside_it": beside, **drawn}, indent=2))
        return
    print(f"report     {page}")
    print(f"beside it  {', '.join(beside)}")
    if figures:
        print(f"figures    {len(figures)} files in {arguments.figures}")
