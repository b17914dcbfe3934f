"""Counts and finds in a prefix of a list, against a plain look."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.space.dominance import DominanceCounter, sort_stably


def agrees(values, first, last, at_most, number):
    """Assert that all three questions about one range are answered as a plain look does."""
    counter = DominanceCounter(values)
    ask = [np.array([one]) for one in (first, last, at_most)]
    inside = first + np.flatnonzero(values[first:last] <= at_most)
    assert counter.count(ask[1], ask[2]).tolist() == [(values[:last] <= at_most).sum()]
    if len(inside):
        assert counter.largest(*ask).tolist() == [values[inside].max()]
        assert counter.select(*ask, np.array([number % len(inside)])).tolist() == [inside[number % len(inside)]]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200), st.data())
def test_counts_the_largest_and_the_place_equal_a_plain_look(values, data):
    first, last = sorted(data.draw(st.integers(0, len(values))) for _ in range(2))
    agrees(np.array(values), first, last, data.draw(st.integers(-1, 31)), data.draw(st.integers(0, 200)))


@pytest.mark.parametrize("size", [63, 64, 65, 128, 4_095, 4_096, 4_097, 5_000, 262_144, 262_200])
@pytest.mark.parametrize("most", [5, 10**12])
def test_lists_that_just_fill_a_level_are_answered_too(size, most):
    rng = np.random.default_rng(size)
    values = rng.integers(0, most, size)
    for first, last in ((0, size), (0, size - 1), (size // 3, size), (size // 2, size // 2 + 1)):
        for at_most in (-1, 0, int(np.median(values)), most):
            agrees(values, first, last, at_most, int(rng.integers(size)))


@given(st.lists(st.integers(-3, 8) | st.integers(0, 2**62), max_size=80))
def test_a_stable_sort_is_that_of_numpy(values):
    array = np.array(values, dtype=np.int64)
    found, order = sort_stably(array)
    assert order.tolist() == np.argsort(array, kind="stable").tolist()
    assert found.tolist() == sorted(values)
