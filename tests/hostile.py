"""What no file and no word should hold, for the fuzz tests: odd values, and valid content with some of it put wrong.

`BUDGETNAS_FUZZ=50 pytest tests -k fuzz` tries fifty times as many examples.
"""

from __future__ import annotations

import copy
import gc
import os
from functools import partial
from html.parser import HTMLParser

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from budgetnas.exceptions import BudgetNASError

TIMES = int(os.environ.get("BUDGETNAS_FUZZ", "1"))
DEEP = 60  # deeper ones would exhaust the stack of the tests themselves
WORDS = ("", " ", "\n", "\0", "a\0b", "é", "\ud800", "\x1b[2J", "../x", "/etc/passwd", "..\\x", "x" * 5_000, "%", "{}",
         "$x", "nan", "inf", "1e999", "0x10", "\u0661", "-1", "<script>alert(1)</script>", "none", "auto", "5M",
         "9%resnet18")  # fmt: skip
NUMBERS = (0, 1, -1, 2, 10**6, 10**9, 2**31, 2**63, 10**18, 10**30, -(10**400), 10**4_000, 0.0, -0.5, 0.5, 1e-300,
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
    gc.disable()  # a finalizer of another test's object would fail where a step exhausts the stack
    try:
        return step(*arguments, **options)
    except BudgetNASError:
        return None
    finally:
        gc.enable()


PLACES = st.integers(0, 9_999)  # of a file, in ten thousandths
EDITS = st.lists(
    st.tuples(
        PLACES,
        st.sampled_from(("replace", "replace", "replace", "drop", "add", "wrap")),
        st.sampled_from((*WORDS, "unknown")),
        VALUES,
    ),
    min_size=1,
    max_size=3,
)


def edited(content, edits):
    """Return a copy of nested dicts and lists in which some places were put wrong."""
    content = copy.deepcopy(content)
    for place, how, word, value in edits:
        places = list(_places(content))
        if not places:
            break
        holder, key = places[place * len(places) // 10_000]
        if how == "drop":
            del holder[key]
        elif how == "wrap":
            holder[key] = [holder[key]]
        else:
            holder[word if how == "add" and isinstance(holder, dict) else key] = copy.deepcopy(value)
    return content


def mutated(content):
    """Draw copies of nested dicts and lists in which some places were put wrong."""
    return EDITS.map(partial(edited, content))


def _places(content, levels=6):
    pairs = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in list(pairs):
        yield content, key
        if levels and isinstance(value, dict | list):
            yield from _places(value, levels - 1)


HARMS = st.lists(
    st.tuples(PLACES, st.sampled_from(("cut", "flip", "flip", "flip", "double", "put")), st.binary(max_size=20)),
    min_size=1,
    max_size=4,
)


def harmed(content: bytes, harms) -> bytes:
    """Return bytes with some of them cut off, changed, doubled or put in."""
    for place, how, more in harms:
        start = place * len(content) // 10_000
        rest = {
            "cut": b"",
            "flip": more + content[start + len(more) :],
            "double": content[start : start + 16 * len(more)] + content[start:],
            "put": more + content[start:],
        }[how]
        content = content[:start] + rest
    return content


def damaged(content: bytes):
    """Draw bytes with some of them cut off, changed, doubled or put in."""
    return HARMS.map(partial(harmed, content))


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
