"""Numbers, lists and tables as text for terminals, pages and Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

MOST = 10  # words of a list that are written out


def is_text(word: str) -> bool:
    """Return whether a word is valid text: no NUL, and no surrogates, as Python reads bytes that are not UTF-8."""
    return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in word)


def printable(text: str) -> str:
    """Return `text` with every unprintable character as its ASCII escape."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def listed(words: Sequence[object]) -> str:
    """Write a list as `a, b, c and 4 more`: at most ten words, all printable."""
    shown = ", ".join(printable(str(word)) for word in words[:MOST])
    return f"{shown} and {len(words) - MOST:,} more" if len(words) > MOST else shown


def write_macs(macs: int) -> str:
    """Write MACs short: 864952004 as `0.865 G`."""
    return f"{macs / 1e9:.3f} G" if macs >= 1e8 else f"{macs / 1e6:.3f} M"


def plural(number: int, word: str) -> str:
    """Write a number with its noun: `1 seed`, `3 seeds`."""
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


_MARKS = re.compile(r"([\\`*_\[\]|~#$@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)  # active anywhere in a line
_LEADING = re.compile(r"^(?:(\d+)([.)])(?=\s|$)|()([-+=]))")  # a list or heading at its start


def escaped(text: str) -> str:
    """Return `text` as one line of Markdown, escaped: it renders literally, without HTML, links or markup."""
    line = escape(" ".join(text.split()), quote=False)
    return _LEADING.sub(r"\1\3\\\2\4", _MARKS.sub(r"\\\1", line))


EMPTY = ("", "-")  # empty cells


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table of words.

    Attributes:
        title: heading above it.
        columns: headers; the first column holds names, all others numbers.
        rows: one word per column each.
        notes: lines below the table.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def trimmed(table: Table) -> Table:
    """Remove columns whose cells are all empty or a dash; remove all rows where no column of values is left.

    Notes stay: they explain the empty table.
    """
    cells = zip(*table.rows, strict=True)
    kept = [i for i, column in enumerate(cells) if i == 0 or any(cell not in EMPTY for cell in column)]
    if len(kept) < min(2, len(table.columns)):
        return replace(table, rows=())
    rows = [[row[i] for i in kept] for row in table.rows]
    return replace(table, columns=[table.columns[i] for i in kept], rows=rows)
