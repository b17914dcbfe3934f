from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.amounts import parse_cap, parse_size, write_cap, write_size
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


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("300kB", 300_000), ("128KiB", 131_072), ("1MB", 10**6), ("1MiB", 2**20), ("0.5 MiB", 2**19),
        ("2GB", 2 * 10**9), ("3e5", 300_000), ("300_000", 300_000), (3e5, 300_000),
        ("1.5kB", 1_500), ("300", 300), ("300B", 300), (300, 300),
    ],
)  # fmt: skip
def test_sizes_are_read_as_people_write_them(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1kB", "0.5", "0.1B", "1.0001kB", "1e16", "nan", True, "9" * 400, "1  kB"])
def test_what_is_no_size_is_refused_by_name(text):
    with pytest.raises(UsageError, match="`max_memory` is"):
        parse_size(text, name="max_memory")


@pytest.mark.parametrize("unit", ["kb", "KB", "Kb", "k", "M", "kiB", "TB", "bytes", "%resnet18"])
def test_an_unknown_unit_is_one_line_that_names_the_units(unit):
    with pytest.raises(
        UsageError, match=r"^`max_bytes` is '300.*kB, MB, GB, KiB, MiB, GiB \(kB is 1,000 bytes"
    ) as caught:
        parse_size(f"300{unit}")
    assert "\n" not in str(caught.value)


@given(st.integers(1, 10**14))
def test_a_written_size_reads_back(size):
    written = write_size(size)
    assert parse_size(written.replace(",", "_").removesuffix("bytes").removesuffix("byte")) == size


def test_sizes_are_written_in_the_unit_that_is_exact_and_short():
    written = [write_size(size) for size in (300_000, 131_072, 2**20, 300, 1, 304_722, 1_000, 1_024, 1_500)]
    assert written == ["300 kB", "128 KiB", "1 MiB", "300 bytes", "1 byte", "304,722 bytes", "1 kB", "1 KiB", "1.5 kB"]
