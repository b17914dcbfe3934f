"""Pages from the templates beside this module, which escape every text: sections, tables, figures, and their frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly import io

import budgetnas
from budgetnas.reports.facts import Lines
from budgetnas.reports.plotly_script import plotly_script
from budgetnas.text import Table, are_words, trimmed


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a page.

    Attributes:
        name: the page links to `#section-NAME`.
        heading: of the section, and of the link to it.
        content: HTML; a section without content is left out.
    """

    name: str
    heading: str
    content: Markup


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("budgetnas.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


def part(name: str, *values: Any, **options: Any) -> Markup:
    """Return HTML of a macro of `parts.html`."""
    return Markup(getattr(_templates().get_template("parts.html").module, name)(*values, **options).strip())


def joined(*parts: Markup) -> Markup:
    """Return pieces of HTML one after another."""
    return Markup("\n").join(filter(None, parts))


def paragraph(text: str, kind: str = "") -> Markup:
    """Return a paragraph; "" without text."""
    return part("paragraphs", [text], kind)


def words_table(table: Table, *, heading: bool = True, prose: Iterable[str] = (), has_total: bool = False) -> Markup:
    """Return a table under its title, with its notes below.

    Args:
        table: words are left-aligned, numbers right-aligned.
        heading: whether its title is shown.
        prose: columns of long text, which wraps.
        has_total: whether the last row sums the others.
    """
    table, prose = trimmed(table), frozenset(prose)
    kinds = [
        "prose" if name in prose else "name" if is_words else ""
        for name, is_words in zip(table.columns, are_words(table), strict=True)
    ]
    rows = list(table.rows)
    total = rows.pop() if rows and has_total else None
    return part("table", table.title, table.columns, kinds, rows, total, table.notes, heading)


def plot(figure: go.Figure, name: str, caption: str) -> Markup:
    """Return a figure with its caption as HTML.

    Args:
        figure: the figure.
        name: id of its element on the page.
        caption: caption, as text.
    """
    drawn = io.to_html(
        figure,
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        config={
            "responsive": True,
            "displaylogo": False,
            "modeBarButtons": [["toImage", "resetScale2d"]],
            "toImageButtonOptions": {"format": "svg", "filename": name},
        },
    )
    return part("figure", Markup(drawn), caption)


def drawn(svg: str, caption: str, *, name: str) -> Markup:
    """Return a drawing (SVG) under its caption (text); where it is wider than the page, it scrolls sideways."""
    return part("figure", Markup(svg), caption, name)


def page(
    template: str,
    *,
    title: str,
    kind: str,
    sections: Iterable[Section],
    description: str = "",
    command: str = "",
    about: Lines = (),
    **values: Any,
) -> str:
    """Return a page as HTML, with its style and scripts inside, and with plotly's script if it draws a figure.

    Args:
        template: its file, which extends `base.html`.
        title: name of what the page is about.
        kind: of page, in words.
        sections: of the page; those without content are left out.
        description: the page in a sentence.
        command: the command that makes what it is about; "" for none.
        about: (name, value) of its footer.
        values: what the template needs beside these.
    """
    shown = [section for section in sections if section.content]
    contents = [section.content for section in shown] + [one for one in values.values() if isinstance(one, Markup)]
    plotly = Markup(plotly_script()) if any("Plotly.newPlot" in one for one in contents) else ""
    return (
        _templates()
        .get_template(template)
        .render(
            title=title,
            kind=kind,
            description=description,
            sections=shown,
            command=command,
            about=about,
            plotly=plotly,
            version=budgetnas.__version__,
            **values,
        )
    )
