"""Words, numbers, lists and tables as people read them: in a terminal, on a page, in Markdown."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

MOST = 10  # words of a list that are written out


def is_text(word: str) -> bool:
    """Tell whether a word is text; bytes that are no UTF-8, which Python reads as half characters, and NUL are not."""
    return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in word)


def printable(text: str) -> str:
    """Return `text` with every letter that cannot be printed written as Python would, in ASCII."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def listed(words: Sequence[object]) -> str:
    """Write a list as `a, b, c and 4 more`, ten words of it, so that any terminal, page and database can hold it."""
    shown = ", ".join(printable(str(word)) for word in words[:MOST])
    return f"{shown} and {len(words) - MOST:,} more" if len(words) > MOST else shown


def write_macs(macs: int) -> str:
    """Write MACs short: 864952004 as `0.865 G`."""
    return f"{macs / 1e9:.3f} G" if macs >= 1e8 else f"{macs / 1e6:.3f} M"


def plural(number: int, word: str) -> str:
    """Write a number of things: `1 seed`, `3 seeds`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def write_time(seconds: float) -> str:
    """Write a duration for a plan: `40 s`, `6 min`, `2.5 h`, `24 days`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:,.3g} days"


def write_percent(share: float, spread: float | None = None) -> str:
    """Write an accuracy in percent, with its standard deviation if there is one: `95.43`, `95.43 +- 0.12`."""
    return f"{100 * share:.2f}" + ("" if spread is None else f" +- {100 * spread:.2f}")


def write_interval(low: float, high: float) -> str:
    """Write an interval of shares in percent: `[96.4, 99.2]`."""
    return f"[{100 * low:.1f}, {100 * high:.1f}]"


_MARKS = re.compile(r"([\\`*_\[\]|~#$@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)  # that mean something anywhere in a line
_LEADING = re.compile(r"^(?:(\d+)([.)])(?=\s|$)|()([-+=]))")  # that make a list or a heading at its beginning


def escaped(text: str) -> str:
    """Return `text` as one line of Markdown that shows it as it is, with no HTML, link or mark of its own."""
    line = escape(" ".join(text.split()), quote=False)
    return _LEADING.sub(r"\1\3\\\2\4", _MARKS.sub(r"\\\1", line))


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


class Shown(ABC):
    """A result that shows itself: a line in a terminal, a small table in a notebook."""

    __slots__ = ()

    @abstractmethod
    def brief(self) -> Mapping[str, str]:
        """Return what a person wants to know first, by name."""

    def __repr__(self) -> str:
        """Write it in one line."""
        return f"<{type(self).__name__}: {', '.join(f'{name} {value}' for name, value in self.brief().items())}>"

    def _repr_html_(self) -> str:
        """Write it for a notebook."""
        return html_table(type(self).__name__, (), self.brief().items())


def html_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as HTML; every word is escaped.

    Args:
        title: above it.
        columns: their names; none for a table of names and values.
        rows: as many values as columns each.
    """
    head = _html_row("th", columns) if columns else ""
    return f"<table><caption>{escape(title)}</caption>{head}{''.join(_html_row('td', row) for row in rows)}</table>"


def _html_row(cell: str, values: Iterable[object]) -> str:
    return f"<tr>{''.join(f'<{cell}>{escape(str(value))}</{cell}>' for value in values)}</tr>"
