from __future__ import annotations

import numpy as np
import pytest
from benchmarks.intervals import fieller, pairs

from budgetnas.evidence.fidelity import difference, fidelity, tau

REPEATS = 200


@pytest.mark.parametrize(("number", "true_tau"), [(10, 0.0), (12, 0.5), (20, 0.3), (30, 0.7)])
def test_the_interval_of_tau_holds_the_truth_about_as_often_as_it_says(number, true_tau):
    found = [tau(*pairs(number, true_tau, repeat)) for repeat in range(REPEATS)]
    assert np.mean([one.low <= true_tau <= one.high for one in found]) > 0.92


def test_where_the_proxy_is_good_fiellers_interval_is_too_narrow_and_the_bootstrap_is_not():
    found = [tau(*pairs(12, 0.85, repeat)) for repeat in range(REPEATS)]
    assert np.mean([one.low <= 0.85 <= one.high for one in found]) > 0.92
    narrow = [fieller(one.value, 12) for one in found]
    assert np.mean([low <= 0.85 <= high for low, high in narrow]) < 0.9


def test_a_lead_between_equals_is_seldom_claimed():
    claims = 0
    for repeat in range(REPEATS):
        full, *noise = np.random.default_rng([2, repeat]).standard_normal((3, 20))
        lead = difference(full + noise[0], full + noise[1], full)
        claims += lead.is_above_zero or lead.is_below_zero
    assert claims / REPEATS < 0.08


def test_the_interval_of_regret_holds_the_expected_one_where_there_is_one():
    found = [fidelity("p", *pairs(12, 0.7, repeat), k=3).regret for repeat in range(REPEATS)]
    expected = np.mean([one.value for one in found])
    shown = [one for one in found if one.low is not None]
    assert 0.7 < len(shown) / REPEATS < 0.85  # in the rest nearly all resamples agree
    assert np.mean([one.low <= expected <= one.high for one in shown]) > 0.9
    assert {one.value for one in found if one.low is None} == {0}
