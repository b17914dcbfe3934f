"""What a search found, printed."""

from __future__ import annotations

from budgetnas.cli.console import Console
from budgetnas.outcome.result import SearchResult
from budgetnas.outcome.told import headline, tables, warnings
from budgetnas.outcome.trusted import drawn_at_random
from budgetnas.outcome.worth import compare, verdict
from budgetnas.records.numbers import write_macs, write_percent
from budgetnas.records.table import Table


def show(console: Console, result: SearchResult) -> None:
    """Print a search as far as it is."""
    counts, folder = result.counts(), result.folder
    console.told(
        f"{counts['counted']} counted, {counts['pruned']} pruned over the cap, {counts['trained']} trained"
        + (f", {counts['failed']} failed" if counts["failed"] else "")
        + f"; ended because {result.stopped}."
    )
    for notice in result.notices():
        console.told(f"NOTE: {notice}")
    if result.trusted:
        console.told(f"by short trainings: {result.recommendation()}")
    if result.finalists:
        console.show_table(_finalists_table(result))
    for table in tables(result).values():
        console.show_table(table)
    console.told(headline(result))
    console.told(f"verdict    {verdict(result, compare(result))}")
    console.warned(warnings(result))
    if result.setup.data.notice:
        console.noticed(result.setup.data.notice)
    console.told(f"test set   read {result.looked()}")
    console.told(f"report     {folder / 'report.html'}")
    if result.winner:
        console.told(f"network    {folder / 'best'}")
    storage = result.setup.study.output.storage
    console.told(f"dashboard  budgetnas dashboard {folder}" + (f" --storage {storage}" if storage else ""))


def _finalists_table(result: SearchResult) -> Table:
    random = drawn_at_random(result.facts)
    return Table(
        title="Full trainings",
        columns=("trial", "network", "params", "of cap", "MACs", "short %", "seeds", "full val. %", "test %"),
        rows=[
            (
                f"{finalist.parent} at random" if finalist.parent in random else str(finalist.parent),
                finalist.candidate.spec.id,
                f"{finalist.candidate.params:,}",
                f"{finalist.candidate.params / result.setup.cap:.2%}",
                write_macs(finalist.candidate.macs),
                write_percent(result.trials[finalist.parent].score or 0.0),
                str(len(finalist.runs)),
                write_percent(finalist.score, finalist.spread),
                _percent(result.test_accuracy(finalist), result.test_spread(finalist)),
            )
            for finalist in result.finalists
        ],
    )


def _percent(share: float | None, spread: float | None) -> str:
    return "" if share is None else write_percent(share, spread)
