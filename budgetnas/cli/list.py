"""`budgetnas list`: the runs of a folder, a row each."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budgetnas.outcome.runs import Run
    from budgetnas.records.table import Table

DESCRIPTION = "List the runs of a folder, newest first: state, trainings done of asked, the best. Nothing is disturbed."
EXAMPLE = "budgetnas list"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", nargs="?", default="runs", metavar="DIR", help="folder of runs (default runs)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Print the rows."""
    import json
    from dataclasses import asdict

    from budgetnas.outcome.runs import find_runs

    found = find_runs(Path(arguments.folder))
    if arguments.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return

    from budgetnas.cli.tables import open_console, show_table

    console = open_console()
    if found:
        show_table(console, _table(arguments.folder, found))
    else:
        console.print(f"`{arguments.folder}` holds no run yet: budgetnas search --max-params 5e6", markup=False)


def _table(folder: str, found: list[Run]) -> Table:
    from budgetnas.records.table import Table

    return Table(
        title=f"Runs in {folder}",
        columns=("run", "kind", "state", "data", "cap", "done", "best %", "test %", "network", "params"),
        rows=[_row(one) for one in found],
        notes=[note for one in found for note in _notes(one)],
    )


def _row(one: Run) -> tuple[str, ...]:
    return (
        one.name,
        one.kind or "",
        one.state,
        one.data or "",
        "" if one.max_params is None else f"{one.max_params:,}",
        "" if one.done is None else f"{one.done:,} of {one.asked:,}",
        _percent(one.score),
        _percent(one.test_accuracy),
        one.spec or "",
        "" if one.params is None else f"{one.params:,}",
    )


def _notes(one: Run) -> list[str]:
    """Say what a row has no room for."""
    from budgetnas.outcome.runs import AFTER_FULL, AFTER_LAST

    told = [(one.process and "running by process", one.process), (one.why and "unreadable:", one.why)]
    if one.score is not None and one.score_of not in (AFTER_FULL, AFTER_LAST):
        told.append(("best is", one.score_of))
    return [f"{one.name}: {what} {value}" for what, value in told if value]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"
