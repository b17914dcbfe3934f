from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from budgetnas.evidence.estimate import LEVEL, Estimate, bootstrap, judge, welch, welch_on_images

LEFT = np.array([0.31, 0.62, 0.12, 0.55, 0.91, 0.43, 0.78, 0.29])
RIGHT = np.array([0.25, 0.70, 0.20, 0.41, 0.88, 0.52, 0.61, 0.35])


def means(rows):
    return rows.mean(axis=1)


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(value=0.62, low=0.31, high=0.84, n=20), "0.62 [0.31, 0.84]"),
        (Estimate(value=0.618, n=3), "0.62"),
        (Estimate(value=-0.001, low=-0.004, high=0.0, n=12), "0.00 [0.00, 0.00]"),
        (Estimate(value=1.0, low=1.0, high=1.0, n=12), "1.00"),
        (Estimate(value=float("nan"), n=12), "undefined"),
    ],
)
def test_it_is_written_with_its_interval_where_it_has_one(estimate, text):
    assert str(estimate) == text


def test_more_places_can_be_asked_for():
    assert Estimate(value=-0.00123, low=-0.0045, high=0.0021, n=9).write(4) == "-0.0012 [-0.0045, 0.0021]"


def test_only_an_interval_that_leaves_zero_out_is_above_or_below_it():
    signs = {
        (0.1, 0.3): (True, False),
        (-0.3, -0.1): (False, True),
        (-0.1, 0.3): (False, False),
        (0.0, 0.3): (False, False),
        (-0.3, 0.0): (False, False),
        (None, None): (False, False),
    }
    for (low, high), expected in signs.items():
        estimate = Estimate(value=0.2, low=low, high=high, n=12)
        assert (estimate.is_above_zero, estimate.is_below_zero) == expected


def test_the_bootstrap_is_what_a_loop_makes_of_the_same_resamples():
    rng, values = np.random.default_rng(7), []
    for rows in rng.integers(8, size=(300, 8)):
        rows = sorted(rows)
        values.append(np.mean([LEFT[row] - 2 * RIGHT[row] for row in rows]))
    expected = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    found = bootstrap(lambda left, right: means(left - 2 * right), LEFT, RIGHT, seed=7, resamples=300)
    assert found == pytest.approx(expected)


def test_it_agrees_with_the_interval_that_theory_gives_of_a_mean():
    sample = np.random.default_rng(0).normal(size=400)
    reach = 1.96 * sample.std() / 20
    low, high = bootstrap(means, sample)
    assert low == pytest.approx(sample.mean() - reach, abs=0.01)
    assert high == pytest.approx(sample.mean() + reach, abs=0.01)


def test_resamples_keep_the_order_of_the_nets():
    rows = []
    bootstrap(lambda drawn: rows.append(drawn) or means(drawn), np.arange(20), resamples=50)
    assert (np.diff(rows[0], axis=1) >= 0).all()
    assert rows[0].shape == (50, 20)


def test_resamples_without_a_finite_value_are_left_out():
    def inverse_spread(rows):
        with np.errstate(divide="ignore"):
            return 1 / rows.std(axis=1)

    low, high = bootstrap(inverse_spread, np.array([0.0, 0.0, 1.0]))
    assert 2 < low <= high < 3
    assert bootstrap(inverse_spread, np.zeros(5)) == (None, None)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30), st.integers(0, 5))
def test_a_mean_and_its_interval_stay_inside_the_sample_and_repeat_by_seed(sample, seed):
    low, high = bootstrap(means, sample, seed=seed, resamples=50)
    slack = 1e-9 * max(1, *map(abs, sample))
    assert min(sample) - slack <= low <= high <= max(sample) + slack
    assert bootstrap(means, sample, seed=seed, resamples=50) == (low, high)


def test_columns_of_different_lengths_and_none_are_refused():
    with pytest.raises(AssertionError, match="differ in length"):
        bootstrap(means, [1.0, 2.0], [1.0])
    with pytest.raises(AssertionError, match="nothing to draw from"):
        bootstrap(means, [])


REPEATS = [95.43, 95.66, 95.51]
OTHERS = [95.03, 95.46, 94.98, 95.20, 95.11]
SCORES = st.lists(st.floats(0, 100), min_size=2, max_size=8)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (REPEATS, OTHERS),
        (OTHERS, REPEATS),
        (REPEATS[:2], REPEATS[1:]),
        ([90.1, 90.2, 90.1], [91.0, 93.0]),
        (REPEATS[:2], OTHERS),
    ],
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
    for left, right in ((REPEATS[:1], OTHERS), (REPEATS, OTHERS[:1]), ([1.0], [1.0])):
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
    assert judge(welch(REPEATS, OTHERS)) == "gain shown"
    assert judge(welch(OTHERS, REPEATS)) == "loss shown"
    assert judge(welch(REPEATS[:2], OTHERS[:2])) == "no gain shown"


def test_no_repeat_is_refused():
    with pytest.raises(AssertionError, match="no repeats"):
        welch([], REPEATS)
    with pytest.raises(AssertionError, match="no repeats"):
        welch(REPEATS, [])


def right(rng, n, images, easy, skill):
    """Whether n trainings are right on each image: the images differ, and each network has images of its own."""
    chances = np.clip(easy + skill + rng.normal(0, 0.3, size=images), 0, 1)
    return rng.random((n, images)) < chances


def test_the_level_of_an_interval_is_that_of_scipy():
    one, other = [0.9, 0.92, 0.95, 0.91], [0.88, 0.9, 0.85]
    exact = ttest_ind(one, other, equal_var=False).confidence_interval(0.984)
    found = welch(one, other, level=0.984)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))


def test_other_images_widen_the_interval_so_far_that_it_holds_the_truth():
    rng, held, narrow = np.random.default_rng(3), 0, 0
    easy = rng.uniform(0.4, 0.9, size=300)
    for _ in range(200):
        drawn = rng.choice(easy, size=250)
        left, other = (right(rng, 4, 250, drawn, 0) for _ in range(2))
        wide = welch_on_images(left, other)
        seeds = welch(*(list(side.mean(axis=1)) for side in (left, other)))
        assert wide.value == pytest.approx(seeds.value)
        assert wide.low <= seeds.low
        assert wide.high >= seeds.high
        held += wide.low <= 0 <= wide.high
        narrow += seeds.low <= 0 <= seeds.high
    assert narrow / 200 < 0.95 <= held / 200


def test_the_wider_interval_reaches_about_as_far_as_a_bootstrap_over_images_and_seeds():
    rng = np.random.default_rng(5)
    easy = rng.uniform(0.3, 1.0, size=2_000)
    left, other = right(rng, 8, 2_000, easy, 0.03), right(rng, 8, 2_000, easy, 0)
    found = welch_on_images(left, other)
    means = []
    for _ in range(400):
        images = rng.integers(2_000, size=2_000)
        sides = [side[rng.integers(8, size=8)][:, images] for side in (left, other)]
        means.append(sides[0].mean() - sides[1].mean())
    low, high = np.quantile(means, [0.025, 0.975])
    assert 0.9 < (found.high - found.low) / (high - low) < 1.15


def test_repeats_that_do_not_differ_have_no_wider_interval_either():
    same = np.array([[True, False, True], [False, True, True]])
    assert welch_on_images(same, same[::-1]).low is None
    assert welch_on_images(same[:1], same[:1]).low is None


def test_what_other_images_may_undo_is_shown_on_this_test_set():
    over_seeds, wider = (Estimate(value=0.3, low=low, high=0.6 - low, n=5) for low in (0.1, -0.1))
    assert judge(over_seeds, over_seeds) == "gain shown"
    assert judge(over_seeds, wider) == "gain shown on this test set"
    loss = Estimate(value=-0.3, low=-0.5, high=-0.1, n=5)
    assert judge(loss, wider) == "loss shown on this test set"
    assert judge(wider, wider) == "no gain shown"
