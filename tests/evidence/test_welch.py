from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from budgetnas.evidence.estimate import Estimate
from budgetnas.evidence.welch import judge, welch

LEFT = [95.43, 95.66, 95.51]
RIGHT = [95.03, 95.46, 94.98, 95.20, 95.11]
SCORES = st.lists(st.floats(0, 100), min_size=2, max_size=8)


@pytest.mark.parametrize(
    ("left", "right"),
    [(LEFT, RIGHT), (RIGHT, LEFT), (LEFT[:2], LEFT[1:]), ([90.1, 90.2, 90.1], [91.0, 93.0]), (LEFT[:2], RIGHT)],
)
def test_the_interval_is_scipys(left, right):
    found = welch(left, right)
    test = ttest_ind(left, right, equal_var=False)
    low, high = test.confidence_interval(0.95)
    assert found.value == pytest.approx(sum(left) / len(left) - sum(right) / len(right))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.n == min(len(left), len(right))
    assert (found.low > 0 or found.high < 0) == (test.pvalue < 0.05)


def test_the_interval_is_the_one_computed_by_hand():
    # Variances 1 and 4 of four repeats each: standard error sqrt(5/4), (5/4)^2 / ((1/16 + 1) / 3) = 4.412 degrees.
    scale = (3 / 20) ** 0.5  # the variance of -3, -1, 1, 3 is 20/3
    left = [10 + scale * step for step in (-3, -1, 1, 3)]
    right = [8 + 2 * scale * step for step in (-3, -1, 1, 3)]
    found = welch(left, right)
    assert found.value == pytest.approx(2)
    assert found.high - found.value == pytest.approx(2.678 * 1.25**0.5, abs=0.01)


@given(SCORES, SCORES)
def test_the_other_way_round_it_changes_sides(left, right):
    one, other = welch(left, right), welch(right, left)
    assert one.value == pytest.approx(-other.value)
    if one.low is None:
        assert other.low is None
    else:
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
        assert one.low <= one.value <= one.high


@given(SCORES, SCORES, st.floats(-50, 50))
def test_a_shift_of_one_side_shifts_the_interval(left, right, shift):
    left, right = ([round(score, 2) for score in side] for side in (left, right))
    assume(len(set(left)) > 1 or len(set(right)) > 1)
    shift = round(shift, 2)
    one, other = welch(left, right), welch([score + shift for score in left], right)
    assert (other.low, other.high) == pytest.approx((one.low + shift, one.high + shift), abs=1e-6)


def test_one_repeat_has_no_interval():
    for left, right in ((LEFT[:1], RIGHT), (LEFT, RIGHT[:1]), ([1.0], [1.0])):
        found = welch(left, right)
        assert (found.low, found.high, found.n) == (None, None, 1)
        assert judge(found) == "no interval: one repeat"
    assert welch([0.75], [0.5, 0.25]).value == pytest.approx(0.375)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(2, 6))
def test_repeats_that_do_not_differ_claim_no_certainty(left, right, number):
    found = welch([left] * number, [right] * 3)
    assert (found.low, found.high) == (None, None)
    assert judge(found) == "no interval: repeats do not differ"


def test_one_side_that_varies_is_enough_for_an_interval():
    assert welch([0.9, 0.9], [0.9, 0.8]).low is not None


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.4, "gain shown"),
        (-0.4, -0.01, "loss shown"),
        (-0.1, 0.4, "no gain shown"),
        (0.0, 0.4, "no gain shown"),
        (-0.4, 0.0, "no gain shown"),
    ],
)
def test_the_verdict_follows_the_interval(low, high, verdict):
    assert judge(Estimate(value=(low + high) / 2, low=low, high=high, n=3)) == verdict


def test_real_repeats_are_judged_both_ways():
    assert judge(welch(LEFT, RIGHT)) == "gain shown"
    assert judge(welch(RIGHT, LEFT)) == "loss shown"
    assert judge(welch(LEFT[:2], RIGHT[:2])) == "no gain shown"


def test_no_repeat_is_refused():
    with pytest.raises(AssertionError, match="no repeats"):
        welch([], LEFT)
    with pytest.raises(AssertionError, match="no repeats"):
        welch(LEFT, [])
