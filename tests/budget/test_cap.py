from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.budget.cap import parse_cap, write_cap
from budgetnas.exceptions import UsageError


@pytest.mark.parametrize(
    ("text", "cap"),
    [
        ("5e6", 5_000_000), ("5M", 5_000_000), ("272k", 272_000), ("5_000_000", 5_000_000), ("1.75G", 1_750_000_000),
        ("272474", 272_474), (5e6, 5_000_000), (300_000, 300_000), ("2.5e5", 250_000), ("5E+6", 5_000_000),
    ],
)  # fmt: skip
def test_caps_are_read_as_people_write_them(text, cap):
    assert parse_cap(text) == cap


@pytest.mark.parametrize(
    "text",
    ["0", "-1", "abc", "nan", "inf", "", "5 M", "1e99", "0.5", "5m", "1.5", "5__0", "1e16", "5e6M", float("nan"), True],
)
def test_what_is_no_cap_is_refused_by_name(text):
    with pytest.raises(UsageError, match="`max_params` is"):
        parse_cap(text)


@given(st.integers(1, 10**12))
def test_a_written_cap_reads_back(cap):
    assert parse_cap(write_cap(cap)) == cap


def test_caps_are_written_short():
    assert [write_cap(cap) for cap in (5_000_000, 272_000, 272_474, 1_500_000)] == ["5M", "272k", "272474", "1.5M"]
