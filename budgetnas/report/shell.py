"""The frame of a self-contained page: style and scripts inside, no request to anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from string import Template

from plotly import offline

from budgetnas.report.script import SCRIPT
from budgetnas.report.style import STYLE

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
        title: as text.
        opening: HTML below the title.
        sections: HTML, empty ones are left out.
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
    """Return the part of a page that says what made it."""
    return section("again", "Run it again", f"<pre>{escape(command)}</pre>")


def section(name: str, heading: str, content: str) -> str:
    """Return a part of a page under its heading (text), nothing without content (HTML)."""
    if not content:
        return ""
    return f'<section id="section-{name}">\n<h2>{escape(heading)}</h2>\n{content}\n</section>'
