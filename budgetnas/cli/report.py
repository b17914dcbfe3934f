"""`budgetnas report`: the files of a run, made again from its storage."""

from __future__ import annotations

import argparse

DESCRIPTION = "Make the report of a run again from its storage, finished or not: page, CSV, JSON. Nothing trains."
SUFFIXES = (".csv", ".json")
EXAMPLE = "budgetnas report runs/digits-hard-5M-s0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print where the files are as JSON")


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what says which run is meant."""
    parser.add_argument("run", metavar="RUN", help="folder of a run")
    parser.add_argument("--storage", metavar="URL", help="Optuna storage of the run (default: study.db in its folder)")


def run(arguments: argparse.Namespace) -> None:
    """Write the files and say where they are."""
    import json

    from budgetnas.runs.files import rewrite

    page = rewrite(arguments.run, arguments.storage)
    beside = sorted(path.name for path in page.parent.iterdir() if path.suffix in SUFFIXES)
    if arguments.json:
        print(json.dumps({"report": str(page), "beside_it": beside}, indent=2))
        return
    print(f"report     {page}")
    print(f"beside it  {', '.join(beside)}")
