"""Fill pages with what the code says: a line `<!-- filled: NAME -->` becomes Markdown that is made at the build.

So nothing that the code knows is typed twice. Links from a page to an example lead to where the example was run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from api_reference import api_reference
from command_reference import command_reference
from flow_figure import FIGURE, draw_flow
from reported_and_measured import reported_and_measured
from sphinx.application import Sphinx
from sphinx.util import logging

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"


def contributing() -> str:
    """Return the page for maintainers, its links turned towards `docs`, those to no page left out."""
    text = CONTRIBUTING.read_text().replace("](docs/", "](")
    return text.replace("[CHANGELOG.md](CHANGELOG.md)", "CHANGELOG.md")


FILLS = {
    "api": api_reference,
    "commands": command_reference,
    "contributing": contributing,
    "reported and measured": reported_and_measured,
}
MARK = re.compile(r"^<!-- filled: (.+) -->$", re.MULTILINE)
EXAMPLE = re.compile(r"\]\((?:\.\./)+examples/(\w+)\.py\)")

logger = logging.getLogger(__name__)


def fill(text: str) -> str:
    """Return a page with its marks filled and its links to examples turned.

    Raises:
        KeyError: a mark has a name that nothing fills.
    """
    text = MARK.sub(lambda mark: FILLS[mark[1]](), text)
    return EXAMPLE.sub(r"](/examples/\1.rst)", text)


def check_figure(app: Sphinx) -> None:
    """Warn, which ends the build, where the figure is not what the code draws now."""
    if app.builder.name == "html" and FIGURE.read_text() != draw_flow():
        logger.warning("%s is out of date: python docs/extensions/flow_figure.py", FIGURE.name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Join the build."""

    def fill_source(app: Sphinx, name: str, source: list[str]) -> None:
        if not name.startswith("examples/"):
            source[0] = fill(source[0])

    app.connect("builder-inited", check_figure)
    app.connect("source-read", fill_source)
    return {"parallel_read_safe": True}
