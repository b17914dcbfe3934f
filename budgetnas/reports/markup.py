"""Facts as HTML, where all text is escaped, and the frame of a self-contained page with its style and scripts."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from string import Template

import plotly.graph_objects as go
from plotly import io

from budgetnas.reports.plotly_script import plotly_script
from budgetnas.reports.style import STYLE
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
        config={
            "responsive": True,
            "displaylogo": False,
            "modeBarButtons": [["toImage", "resetScale2d"]],
            "toImageButtonOptions": {"format": "svg", "filename": name},
        },
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


SCRIPT = """
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = Array.from(table.tHead.rows[0].cells);
  const words = new Intl.Collator(undefined, {numeric: true});
  const key = (row, i) => {
    const cell = row.cells[i];
    return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent;
  };
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : words.compare(a, b);
  table.tHead.addEventListener("click", event => {
    const head = event.target.closest("th");
    if (!head) return;
    const i = heads.indexOf(head);
    const down = head.getAttribute("aria-sort") === "ascending";
    const rows = Array.from(body.rows, row => [key(row, i), row]);
    rows.sort(([a], [b]) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      return down ? compare(b, a) : compare(a, b);
    });
    for (const other of heads) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows.map(([, row]) => row));
  });
}

const opened = [];
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details:not([open])")) {
    details.open = true;
    opened.push(details);
  }
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    Plotly.relayout(plot, {autosize: false, width: 660});
  }
});
window.addEventListener("afterprint", () => {
  while (opened.length) opened.pop().open = false;
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    Plotly.relayout(plot, {autosize: true, width: null});
  }
});
"""


_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>$title</title>
<style>$style</style>
<script>$plotly</script>
</head>
<body>
<header>
<h1>$title</h1>
$opening
</header>
<main>
$sections
</main>
<script>$script</script>
</body>
</html>
""")


def shell(*, title: str, opening: str, sections: Iterable[str]) -> str:
    """Return a page as HTML, with plotly's script if it draws a figure.

    Args:
        title: title, as text.
        opening: HTML below the title.
        sections: HTML of each section; empty ones are left out.
    """
    body = "\n".join(filter(None, sections))
    return _PAGE.substitute(
        title=escape(title),
        style=STYLE,
        plotly=plotly_script() if "Plotly.newPlot" in body else "",
        opening=opening,
        sections=body,
        script=SCRIPT,
    )


def run_again(command: str) -> str:
    """Return the section with the command that reproduces the page."""
    return section("again", "Run it again", f"<pre>{escape(command)}</pre>")


def section(name: str, heading: str, content: str) -> str:
    """Return a section with its heading (text) and content (HTML); "" without content."""
    if not content:
        return ""
    return f'<section id="section-{name}">\n<h2>{escape(heading)}</h2>\n{content}\n</section>'
