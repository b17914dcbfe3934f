"""Words of others as Markdown that shows them as they are."""

from __future__ import annotations

import re
from html import escape

_MARKS = re.compile(r"([\\`*_\[\]|~#$@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)  # that mean something anywhere in a line
_LEADING = re.compile(r"^(?:(\d+)([.)])(?=\s|$)|()([-+=]))")  # that make a list or a heading at its beginning


def escaped(text: str) -> str:
    """Return `text` as one line of Markdown that shows it as it is, with no HTML, link or mark of its own."""
    line = escape(" ".join(text.split()), quote=False)
    return _LEADING.sub(r"\1\3\\\2\4", _MARKS.sub(r"\\\1", line))
