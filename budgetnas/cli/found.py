"""What a search found, printed."""

from __future__ import annotations

from budgetnas.cli.console import Console
from budgetnas.outcome.headline import headline, remarks
from budgetnas.outcome.recommended import recommendation
from budgetnas.outcome.result import SearchResult
from budgetnas.outcome.told import tables, warnings
from budgetnas.outcome.worth import compare, verdict


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
        console.told(f"by short trainings: {recommendation(result)}")
    for table in tables(result).values():
        console.show_table(table)
    for line in (headline(result), *remarks(result)):
        console.told(line)
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
