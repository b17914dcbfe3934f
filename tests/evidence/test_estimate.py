from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.evidence.estimate import LEVEL, Estimate, bootstrap

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
