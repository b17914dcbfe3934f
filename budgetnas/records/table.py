"""A small table of words: the same on the terminal, on the page and in a note."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

EMPTY = ("", "-")  # cells that say nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table of words.

    Attributes:
        title: what it shows.
        columns: their names; the first column holds names, all others numbers.
        rows: as many words as columns each.
        notes: lines below it.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def trimmed(table: Table) -> Table:
    """Leave out the columns that say nothing: every cell is empty or a dash. Without a column of values no row is left.

    Notes stay: they say why there is nothing to see.
    """
    cells = zip(*table.rows, strict=True)
    kept = [i for i, column in enumerate(cells) if i == 0 or any(cell not in EMPTY for cell in column)]
    if len(kept) < min(2, len(table.columns)):
        return replace(table, rows=())
    rows = [[row[i] for i in kept] for row in table.rows]
    return replace(table, columns=[table.columns[i] for i in kept], rows=rows)
