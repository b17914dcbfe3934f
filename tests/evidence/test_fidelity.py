from __future__ import annotations

import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from budgetnas.evidence import fidelity as module
from budgetnas.evidence.estimate import RESAMPLES
from budgetnas.evidence.fidelity import (
    FEWEST_PAIRS,
    by_chance,
    difference,
    fidelity,
    kendall,
    tau,
)

PROXY = np.array([0.52, 0.61, 0.58, 0.70, 0.66, 0.49, 0.61, 0.73, 0.64, 0.55, 0.68, 0.60])
OTHER = np.array([0.40, 0.42, 0.51, 0.39, 0.47, 0.44, 0.50, 0.46, 0.48, 0.41, 0.43, 0.42])
FULL = np.array([0.90, 0.92, 0.91, 0.94, 0.95, 0.89, 0.93, 0.94, 0.92, 0.88, 0.96, 0.90])

# Whole numbers, so that there are ties.
COLUMN = st.lists(st.integers(-6, 6), min_size=FEWEST_PAIRS, max_size=24)


@st.composite
def columns(draw, number):
    first = draw(COLUMN)
    others = [st.lists(st.integers(-6, 6), min_size=len(first), max_size=len(first)) for _ in range(number - 1)]
    return [np.array(column, dtype=float) for column in (first, *map(draw, others))]


def recall(proxy, full, k):
    return float(module.recall(np.asarray(proxy, dtype=float), np.asarray(full, dtype=float), k))


def regret(proxy, full, k):
    return float(module.regret(np.asarray(proxy, dtype=float), np.asarray(full, dtype=float), k))


def loop(statistic, number, seed):
    """The interval of a statistic of rows, by a loop over the resamples that the room draws."""
    drawn = np.sort(np.random.default_rng(seed).integers(number, size=(RESAMPLES, number)), axis=1)
    return np.nanquantile([statistic(rows) for rows in drawn], [0.025, 0.975])


@settings(max_examples=40)
@given(columns(2))
def test_kendall_is_scipys_tau_b_in_its_range(both):
    left, right = both
    assume(len(set(left)) > 1 and len(set(right)) > 1)
    expected = kendalltau(left, right).statistic
    assert kendall(left, right) == pytest.approx(expected, abs=1e-12)
    assert -1 <= kendall(left, right) <= 1
    assert tau(left, right).value == pytest.approx(expected, abs=1e-12)


@settings(max_examples=40)
@given(columns(2))
def test_kendall_knows_order_only(both):
    left, right = both
    assume(len(set(left)) > 1 and len(set(right)) > 1)
    assert kendall(np.exp(left), 3 * right - 7) == kendall(left, right)
    assert kendall(-left, right) == pytest.approx(-kendall(left, right), abs=1e-12)
    assert kendall(right, left) == pytest.approx(kendall(left, right), abs=1e-12)
    assert tau(np.exp(left), 3 * right - 7) == tau(left, right)


@pytest.mark.parametrize(
    ("left", "right"), [([], []), ([1.0], [2.0]), ([1.0, 1.0], [1.0, 2.0]), ([1.0, 2.0], [3.0, 3.0])]
)
def test_kendall_is_undefined_where_nothing_varies(left, right):
    assert np.isnan(kendall(left, right))
    assert np.isnan(tau(left, right).value)


def test_nothing_that_varies_has_no_interval_however_many_nets():
    found = tau(np.ones(30), np.arange(30))
    assert np.isnan(found.value)
    assert (found.low, found.high, found.n) == (None, None, 30)


def test_the_interval_of_tau_is_that_of_a_loop_with_scipy():
    found = tau(PROXY, FULL, seed=3)
    assert found.value == pytest.approx(kendalltau(PROXY, FULL).statistic)
    expected = loop(lambda rows: kendalltau(PROXY[rows], FULL[rows]).statistic, 12, 3)
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-12)


def test_the_interval_of_a_difference_is_that_of_a_paired_loop():
    found = difference(PROXY, OTHER, FULL, seed=4)
    first, second = kendalltau(PROXY, FULL).statistic, kendalltau(OTHER, FULL).statistic
    assert found.value == pytest.approx(first - second)
    expected = loop(
        lambda rows: kendalltau(PROXY[rows], FULL[rows]).statistic - kendalltau(OTHER[rows], FULL[rows]).statistic,
        12,
        4,
    )
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-12)


def test_the_intervals_of_recall_and_regret_are_those_of_a_loop():
    found = fidelity("4 epochs", PROXY, FULL, k=3, seed=5)
    assert (found.name, found.n, found.k) == ("4 epochs", 12, 3)
    assert found.recall.value == recall(PROXY, FULL, 3)
    assert found.regret.value == regret(PROXY, FULL, 3)
    expected = loop(lambda rows: recall(PROXY[rows], FULL[rows], 3), 12, 5)
    assert (found.recall.low, found.recall.high) == pytest.approx(tuple(expected))
    expected = loop(lambda rows: regret(PROXY[rows], FULL[rows], 3), 12, 5)
    assert (found.regret.low, found.regret.high) == pytest.approx(tuple(expected))


def test_of_the_best_nets_those_are_counted_that_the_proxy_has_too():
    # By full score the best are 10, 4, 3 (before its tie 7); by proxy 7, 3, 10.
    assert recall(PROXY, FULL, 1) == 0
    assert recall(PROXY, FULL, 3) == pytest.approx(2 / 3)
    assert regret(PROXY, FULL, 1) == pytest.approx(0.02)
    assert regret(PROXY, FULL, 2) == pytest.approx(0.02)
    assert regret(PROXY, FULL, 3) == 0


def test_of_ties_the_earlier_net_comes_first():
    full = [0.5, 0.9, 0.9, 0.1]
    assert [recall([0, 1, 0, 0], full, 1), recall([0, 0, 1, 0], full, 1)] == [1, 0]
    assert regret([0, 0, 1, 0], full, 1) == 0
    assert regret([1, 1, 1, 1], full, 1) == pytest.approx(0.4)
    assert recall([1, 1, 1, 1], full, 2) == 0.5


@given(columns(2), st.integers(1, 30))
def test_recall_and_regret_stay_in_their_ranges_and_promoting_all_loses_nothing(both, k):
    proxy, full = both
    assert 0 <= recall(proxy, full, k) <= 1
    assert 0 <= regret(proxy, full, k) <= full.max() - full.min()
    assert regret(proxy, full, k + 1) <= regret(proxy, full, k)
    if k >= len(full):
        assert recall(proxy, full, k) == 1


@settings(max_examples=40)
@given(columns(1), st.integers(1, 12))
def test_a_proxy_in_the_order_of_the_full_scores_loses_nothing(one, k):
    full = one[0]
    found = fidelity("itself", np.exp(full), full, k=k)
    if len(set(full)) == 1:
        assert {str(one) for one in (found.tau, found.recall, found.regret)} == {"undefined"}
    else:  # recall and regret of no loss are certain of this sample only
        assert (found.recall.value, found.recall.low, found.recall.high) == (1, None, None)
        assert (found.regret.value, found.regret.low, found.regret.high) == (0, None, None)
        assert found.tau.value == found.tau.low == found.tau.high == 1


@settings(max_examples=40)
@given(columns(3), st.integers(0, 3))
def test_a_difference_changes_sides_with_its_proxies(three, seed):
    first, second, full = three
    one, other = difference(first, second, full, seed=seed), difference(second, first, full, seed=seed)
    if one.low is None:
        assert np.isnan(one.value)
        return
    assert -2 <= one.low <= one.high <= 2
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)
    assert one.value == pytest.approx(-other.value, abs=1e-12, nan_ok=True)


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(FEWEST_PAIRS, 60), st.floats(-0.95, 0.95))
def test_an_interval_holds_its_value_where_scores_vary(seed, number, correlation):
    first, second = np.random.default_rng(seed).standard_normal((2, number))
    found = tau(first, correlation * first + np.sqrt(1 - correlation**2) * second)
    assert -1 <= found.low <= found.value <= found.high <= 1


def test_a_proxy_has_no_lead_on_itself():
    found = difference(PROXY, PROXY, FULL)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_there_is_no_interval_below_ten_nets():
    nine, ten = (fidelity("p", PROXY[:number], FULL[:number], k=2) for number in (9, 10))
    for few, enough in zip((nine.tau, nine.recall, nine.regret), (ten.tau, ten.recall, ten.regret), strict=True):
        assert (few.low, few.high, few.n) == (None, None, 9)
        assert enough.low <= enough.value <= enough.high
        assert np.isfinite(few.value)
    assert difference(PROXY[:9], OTHER[:9], FULL[:9]).low is None


def test_without_any_net_everything_is_undefined():
    found = fidelity("p", [], [], k=1)
    assert [str(one) for one in (found.tau, found.recall, found.regret)] == ["undefined"] * 3
    assert found.n == 0


@settings(max_examples=40)
@given(st.lists(st.integers(-6, 6), min_size=1, max_size=7), st.integers(1, 8))
def test_chance_is_the_mean_over_all_draws(full, k):
    drawn = [np.isin(np.arange(len(full)), rows) for rows in combinations(range(len(full)), min(k, len(full)))]
    found = by_chance(full, k=k)
    assert found.recall == pytest.approx(np.mean([recall(one, full, k) for one in drawn]))
    assert found.regret == pytest.approx(np.mean([regret(one, full, k) for one in drawn]))


def test_missing_scores_and_columns_that_do_not_match_are_refused():
    with pytest.raises(AssertionError, match="a score is missing"):
        kendall([0.1, float("nan")], [0.1, 0.2])
    with pytest.raises(AssertionError, match="differ in length"):
        fidelity("p", PROXY[:11], FULL, k=1)
    with pytest.raises(AssertionError, match="nothing is promoted"):
        fidelity("p", PROXY, FULL, k=0)


def test_a_hundred_nets_take_no_time_that_a_person_would_notice():
    proxy, noise = np.random.default_rng(0).standard_normal((2, 100))
    started = time.process_time()
    found = fidelity("p", proxy, proxy + noise, k=10)
    assert time.process_time() - started < 2
    assert found.tau.low > 0.4
