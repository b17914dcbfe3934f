"""plotly.js for pages: its cartesian bundle draws every figure here, at a third of the full one's size.

The file and its licence are `plotly-cartesian.min.js` and `LICENSE` of the npm package plotly.js-cartesian-dist-min,
unchanged.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

VERSION = "4.1.1"
SHA256 = "79542150855a52c567260e3137095dbe2b744e6d702a5cabe67da246942fba7a"
FOLDER = files("budgetnas.reports") / "plotlyjs"


@cache
def plotly_script() -> str:
    """Return the script that a page with figures embeds once."""
    return (FOLDER / "plotly-cartesian.min.js").read_text("utf-8")
