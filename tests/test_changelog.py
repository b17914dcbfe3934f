"""The changelog keeps the form of Keep a Changelog 1.1, and begins with the version that this is."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from pathlib import Path

import budgetnas

CHANGELOG = Path(__file__).parent.parent / "CHANGELOG.md"
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
VERSION = re.compile(r"## \[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d|unreleased)")
LINES = CHANGELOG.read_text(encoding="utf-8").splitlines()
HEADINGS = [line for line in LINES if line.startswith("## ") and line != "## [Unreleased]"]


def test_every_version_has_its_number_and_day_newest_first():
    assert LINES[0] == "# Changelog"
    found = [VERSION.fullmatch(line) for line in HEADINGS]
    assert None not in found, HEADINGS
    numbers = [tuple(map(int, match.groups()[:3])) for match in found]
    assert all(newer > older for newer, older in pairwise(numbers))
    days = [match[4] for match in found]
    assert "unreleased" not in days[1:]
    released = [date.fromisoformat(day) for day in days if day != "unreleased"]
    assert released == sorted(released, reverse=True)


def test_the_top_version_is_the_packages():
    assert HEADINGS[0].startswith(f"## [{budgetnas.__version__}] - ")


def test_every_section_is_of_a_known_kind_and_holds_a_list():
    kinds = [i for i, line in enumerate(LINES) if line.startswith("### ")]
    assert kinds
    for i in kinds:
        assert LINES[i].removeprefix("### ") in KINDS
        assert LINES[i + 2].startswith("- ")
    first = LINES.index(HEADINGS[0])
    known = re.compile(r"(|#{2,3} .*|- .*|  .*|\[.*\]: .*)")  # blank, heading, item, its next line, link
    assert all(known.fullmatch(line) for line in LINES[first:])
