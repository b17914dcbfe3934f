"""Facts as HTML; all text is escaped here."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import plotly.graph_objects as go
from plotly import io

from budgetnas.text import Table, are_words, trimmed


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph; "" without text."""
    return f"<p{class_of(kind)}>{escape(text)}</p>" if text else ""


def warned(warnings: Iterable[str]) -> str:
    """Return a paragraph for each warning."""
    return "".join(paragraph(f"Warning: {warning}", "notice") for warning in warnings)


def definitions(lines: Iterable[tuple[str, str]]) -> str:
    """Return a list of names with their values."""
    pairs = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in lines)
    return f"<dl>{pairs}</dl>"


def words_table(table: Table, *, heading: str = "h3", prose: Iterable[str] = (), has_total: bool = False) -> str:
    """Return a table under its title, with its notes below.

    Args:
        table: words are left-aligned, numbers right-aligned.
        heading: the element of its title; "" for none.
        prose: columns of long text, which wraps.
        has_total: whether the last row sums the others.
    """
    table, prose = trimmed(table), frozenset(prose)
    title = f"<{heading}>{escape(table.title)}</{heading}>" if heading else ""
    notes = "".join(paragraph(note, "note") for note in table.notes)
    if not table.rows:
        return title + notes if notes else ""
    kinds = [
        "prose" if name in prose else "name" if is_words else ""
        for name, is_words in zip(table.columns, are_words(table), strict=True)
    ]
    head = _row("th", table.columns, kinds)
    rows = [_row("td", row, kinds) for row in table.rows]
    foot = f"<tfoot>{rows.pop()}</tfoot>" if has_total else ""
    body = f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody>{foot}</table>"
    return f'{title}<div class="scroll" tabindex="0">{body}</div>{notes}'


def _row(cell: str, words: Iterable[str], kinds: Iterable[str]) -> str:
    cells = (f"<{cell}{class_of(kind)}>{escape(word)}</{cell}>" for word, kind in zip(words, kinds, strict=True))
    return f"<tr>{''.join(cells)}</tr>"


def plot(figure: go.Figure, name: str, caption: str, *, least_width: int = 0) -> str:
    """Return a figure with its caption as HTML.

    Args:
        figure: the figure.
        name: id of its element on the page.
        caption: caption, as text.
        least_width: in pixels; on a narrower page the figure scrolls sideways.
    """
    drawn = io.to_html(
        figure,
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        config={"responsive": True, "displayModeBar": False},
    )
    inner = f'<div class="wide" style="min-width: {least_width}px">{drawn}</div>' if least_width else str(drawn)
    scroll = ' class="scroll" tabindex="0"' if least_width else ""
    return captioned(f"<div{scroll}>{inner}</div>", caption)


def captioned(content: str, caption: str) -> str:
    """Return HTML under a caption (text)."""
    return f"<figure><figcaption>{escape(caption)}</figcaption>{content}</figure>"


def class_of(*kinds: str) -> str:
    """Return the `class` attribute of an element; "" without classes."""
    named = " ".join(filter(None, kinds))
    return f' class="{named}"' if named else ""
