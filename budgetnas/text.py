"""Numbers, lists and tables as text for terminals, pages and Markdown."""

from __future__ import annotations

import csv
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from unicodedata import combining, east_asian_width

MOST = 10  # words of a list that are written out
LINE = 200  # letters of a quotation from another program


def is_text(word: str) -> bool:
    """Return whether a word is valid text: no NUL, and no surrogates, as Python reads bytes that are not UTF-8."""
    return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in word)


def printable(text: str) -> str:
    """Return `text` with every unprintable character as its ASCII escape."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def one_line(said: object, *, most: int | None = LINE) -> str:
    """Return a text, or the message of an error, in one line of at most `most` letters.

    An error without a message is named by its class.
    """
    line = " ".join(str(said).split())[:most]
    return line or (type(said).__name__ if isinstance(said, BaseException) else "")


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


def write_percent(
    share: float,
    spread: float | None = None,
    interval: Sequence[float] | None = None,
    *,
    unit: str = "",
    scale: float = 100,
) -> str:
    """Write an accuracy in percent: `95.43`, `95.43 +- 0.12` or `95.43 +- 0.12 [94.9, 95.9]`.

    Args:
        share: share of correct images, in [0, 1].
        spread: standard deviation over seeds; None for none.
        interval: its two ends; None for none.
        unit: text between the number and its interval.
        scale: factor to percent; 1 for values in percent.
    """
    deviation = "" if spread is None else f" +- {scale * spread:.2f}"
    ends = "" if interval is None else f" {write_interval(*interval, scale=scale)}"
    return f"{scale * share:.2f}{deviation}{unit}{ends}"


def write_interval(low: float, high: float, *, scale: float = 100) -> str:
    """Write an interval in percent: `[96.4, 99.2]`; `scale` as in `write_percent`."""
    return f"[{scale * low:.1f}, {scale * high:.1f}]"


def write_shape(shape: Sequence[int]) -> str:
    """Write the sides of an array: `64x32x32`."""
    return "x".join(map(str, shape))


def write_gb(size: int) -> str:
    """Write a number of bytes in gigabytes: `3.2 GB`."""
    return f"{size / 1e9:.1f} GB"


def write_csv(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Write a table as CSV: a line of columns, then a line per row; lines end in a line feed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


_MARKS = re.compile(r"([\\`*_\[\]|~#$@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)  # active anywhere in a line
_LEADING = re.compile(r"^(?:(\d+)([.)])(?=\s|$)|()([-+=]))")  # a list or heading at its start


def escaped(text: str) -> str:
    """Return `text` as one line of Markdown, escaped: it renders literally, without HTML, links or markup."""
    line = escape(one_line(text, most=None), quote=False)
    return _LEADING.sub(r"\1\3\\\2\4", _MARKS.sub(r"\\\1", line))


EMPTY = ("", "-")  # empty cells


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table of words.

    Attributes:
        title: heading above it.
        columns: headers.
        rows: one word per column each.
        notes: lines below the table.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def trimmed(table: Table) -> Table:
    """Remove columns whose cells are all empty or a dash, and all rows if no column of values is left.

    Notes stay, since they explain the empty table.
    """
    cells = zip(*table.rows, strict=True)
    kept = [i for i, column in enumerate(cells) if i == 0 or any(cell not in EMPTY for cell in column)]
    if len(kept) < min(2, len(table.columns)):
        return replace(table, rows=())
    rows = [[row[i] for i in kept] for row in table.rows]
    return replace(table, columns=[table.columns[i] for i in kept], rows=rows)


def are_words(table: Table) -> list[bool]:
    """Return for each column whether it holds words: the first does, and others if most cells start with a letter."""
    begins = [[row[i][:1].isalpha() for row in table.rows if row[i]] for i in range(len(table.columns))]
    return [i == 0 or 2 * sum(column) > len(column) for i, column in enumerate(begins)]


def aligned(table: Table) -> list[str]:
    """Return the columns and the rows of a table as lines, without its title and notes.

    Words are left-aligned, numbers right-aligned, with two spaces between columns.
    """
    table = trimmed(table)
    cells = zip(table.columns, *table.rows, strict=True)
    columns = [_padded(column, is_left) for column, is_left in zip(cells, are_words(table), strict=True)]
    return ["  ".join(line).rstrip() for line in zip(*columns, strict=True)]


def _padded(cells: Sequence[str], is_left: bool) -> list[str]:
    widths = [terminal_width(cell) for cell in cells]
    blanks = [" " * (max(widths) - width) for width in widths]
    return [cell + blank if is_left else blank + cell for cell, blank in zip(cells, blanks, strict=True)]


def terminal_width(text: str) -> int:
    """Return the width of a text in terminal cells: two for a wide (East Asian) letter, none for a combining accent."""
    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "FW" else 1 for letter in text)


def shortened(text: str, width: int) -> str:
    """Return a text of at most `width` terminal cells; a longer one has two dots in place of its middle.

    >>> shortened("4x64-5x128-3x256-2x512", 12)
    '4x64-..2x512'
    """
    if terminal_width(text) <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        head = kept // 2
        cut = f"{text[:head]}..{text[len(text) - kept + head :]}"
        if terminal_width(cut) <= width:
            return cut
    return ".."[:width]


class Display(ABC):
    """A result with a representation: a line in a terminal, a small table in a notebook."""

    __slots__ = ()

    @abstractmethod
    def brief(self) -> Mapping[str, str]:
        """Return the most important facts, by name."""

    def __repr__(self) -> str:
        """Return one line."""
        return f"<{type(self).__name__}: {', '.join(f'{name} {value}' for name, value in self.brief().items())}>"

    def _repr_html_(self) -> str:
        """Return a table for a notebook."""
        return html_table(type(self).__name__, (), self.brief().items())


def html_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as HTML; every word is escaped.

    Args:
        title: caption.
        columns: headers; none for a table of names and values.
        rows: one value per column each.
    """
    head = _html_row("th", columns) if columns else ""
    return f"<table><caption>{escape(title)}</caption>{head}{''.join(_html_row('td', row) for row in rows)}</table>"


def _html_row(cell: str, values: Iterable[object]) -> str:
    return f"<tr>{''.join(f'<{cell}>{escape(str(value))}</{cell}>' for value in values)}</tr>"
