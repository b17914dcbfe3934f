"""The frame of a self-contained page, with its style and scripts inside."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from string import Template

from plotly import offline

from budgetnas.reports.style import STYLE

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
        plotly=offline.get_plotlyjs() if "Plotly.newPlot" in body else "",
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
