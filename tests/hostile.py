"""What no file and no word should hold, for the fuzz tests: odd values, and valid content with some of it put wrong.

`BUDGETNAS_FUZZ=50 pytest tests -k fuzz` tries fifty times as many examples.
"""

from __future__ import annotations

import copy
import os
from html.parser import HTMLParser

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from budgetnas.exceptions import BudgetNASError

TIMES = int(os.environ.get("BUDGETNAS_FUZZ", "1"))
DEEP = 60  # deeper ones would exhaust the stack of the tests themselves
WORDS = ("", " ", "\n", "\0", "a\0b", "é", "\ud800", "\x1b[2J", "../x", "/etc/passwd", "..\\x", "x" * 5_000, "%", "{}",
         "$x", "nan", "inf", "1e999", "0x10", "\u0661", "-1", "<script>alert(1)</script>", "none", "auto", "5M",
         "9%resnet18")  # fmt: skip
NUMBERS = (0, 1, -1, 2, 10**6, 10**9, 2**31, 2**63, 10**18, 10**30, -(10**400), 1 << 20_000, 0.0, -0.5, 0.5, 1e-300,
           1e300, float("nan"), float("inf"), -float("inf"))  # fmt: skip


def deep(levels: int = DEEP):
    """Return a list in a list, and so on."""
    found = []
    for _ in range(levels):
        found = [found]
    return found


PLAIN = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(NUMBERS),
    st.booleans(),
    st.none(),
    st.text(max_size=8),
    st.integers(),
    st.floats(),
)
VALUES = st.one_of(
    PLAIN,
    st.lists(PLAIN, max_size=3),
    st.dictionaries(st.text(max_size=4), PLAIN, max_size=2),
    st.just(deep()),
)


def fuzz(examples: int):
    """Return the settings of a fuzz test."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=examples * TIMES, suppress_health_check=checks)


def only_ours(step, *arguments, **options):
    """Do a step; return what it returns, or None for an error that a person can act on. All others are faults."""
    try:
        return step(*arguments, **options)
    except BudgetNASError:
        return None


@st.composite
def mutated(draw, content):
    """Return a copy of nested dicts and lists in which one to three places were put wrong."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(content))
        if not places:
            break
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        how = draw(st.sampled_from(("replace", "replace", "replace", "drop", "add", "wrap")))
        if how == "drop":
            del holder[key]
        elif how == "wrap":
            holder[key] = [holder[key]]
        elif how == "add" and isinstance(holder, dict):
            holder[draw(st.sampled_from((*WORDS, "unknown")))] = copy.deepcopy(draw(VALUES))
        else:
            holder[key] = copy.deepcopy(draw(VALUES))
    return content


def _places(content, levels=6):
    pairs = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in list(pairs):
        yield content, key
        if levels and isinstance(value, dict | list):
            yield from _places(value, levels - 1)


@st.composite
def damaged(draw, content: bytes):
    """Return bytes with some of them cut off, changed, put in twice or in front."""
    how = draw(st.sampled_from(("cut", "flip", "flip", "flip", "double", "lead")))
    place = draw(st.integers(0, max(0, len(content) - 1)))
    if how == "cut":
        return content[:place]
    if how == "double":
        return content[:place] + content[place : place + draw(st.integers(1, 400))] + content[place:]
    if how == "lead":
        return draw(st.binary(max_size=20)) + content
    found = bytearray(content)
    for _ in range(draw(st.integers(1, 8))):
        found[draw(st.integers(0, len(found) - 1))] = draw(st.integers(0, 255))
    return bytes(found)


SCRIPTS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\\<img src=x onerror=alert(1) y=a>",
    "</script></style></title><svg/onload=alert(1)>",
    "[x](javascript:alert(1)) ![y](//e.org/z) <//e.org> www.e.org",
    "`a` | b | *c* _d_ ~~e~~ # f\n\n# g\n- h",
    "&lt;b&gt; &#x3c;i&#x3e; {{7*7}} ${7*7} $x$",
)


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, tuple((name, value) if name in ("href", "src") else name for name, value in attrs)))

    def handle_comment(self, data):
        self.found.append("comment")


def tags(html: str):
    """Return the elements of a page in their order, each with its attributes, and where a link leads."""
    reader = _Tags()
    reader.feed(html)
    reader.close()
    return reader.found
