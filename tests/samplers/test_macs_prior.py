from __future__ import annotations

import numpy as np
import pytest
from spaces import BAND, DEFAULT, Cells

from budgetnas.samplers.macs_prior import LEVELS_OFF, MacsPrior, prior_of, usual_macs
from budgetnas.space.band import make_index

MIDDLE = 1e8
ONE = MacsPrior(middles=((5_000_000, MIDDLE),))


def rises(macs, params=4_500_000, prior=ONE):
    macs = np.atleast_1d(macs)
    return prior.rises(np.broadcast_to(params, macs.shape), macs)


def test_it_counts_doublings_below_the_median():
    assert rises(MIDDLE).tolist() == [0]
    assert rises(MIDDLE / np.array([2, 4, 3])) == pytest.approx([-1, -2, -np.log2(3)])


def test_it_levels_off_above_the_median():
    above = rises(MIDDLE * 2.0 ** np.array([0.01, 0.5, 1, 3, 8]))
    assert above[0] == pytest.approx(0.01, rel=0.02)
    assert above[1] == pytest.approx(LEVELS_OFF * (1 - np.exp(-1)))
    assert (np.diff(above) > 0).all()
    assert (above < LEVELS_OFF).all()
    assert above[-1] == pytest.approx(LEVELS_OFF, rel=1e-6)


def test_it_never_falls_and_rises_ever_more_slowly():
    risen = rises(MIDDLE * 2.0 ** np.linspace(-5, 5, 201))
    steps = np.diff(risen)
    assert (steps > 0).all()
    assert (np.diff(steps) < 1e-9).all()


def test_a_network_is_compared_with_the_median_of_its_own_tier():
    tiers = MacsPrior(middles=((1_000_000, 1e7), (5_000_000, 1e8)))
    params = np.array([900_000, 1_000_000, 1_000_001, 5_000_000, 6_000_000])  # the last is over every cap
    assert rises(np.full(5, 1e7), params, tiers) == pytest.approx([0, 0, *[-np.log2(10)] * 3])


def test_networks_without_macs_are_no_harm():
    assert np.isfinite(rises(np.array([0, 1, MIDDLE]))).all()


def test_the_usual_macs_are_the_median_of_the_band():
    macs = BAND.draw(4_000, rng=np.random.default_rng(7), stratified=False).macs
    low, high = np.quantile(macs, [0.45, 0.55])
    assert low < usual_macs(BAND) < high
    assert usual_macs(BAND) == usual_macs(make_index(DEFAULT, max_macs=1_748_374_528).band(4_000_000, 5_000_000))


def test_a_space_without_macs_has_no_prior():
    band = make_index(Cells(), max_macs=None).band(5_000, 20_000)
    assert usual_macs(band) == 0
    assert prior_of([(20_000, usual_macs(band))]) is None
    assert prior_of([(10, 0.0), (20, 1e6)]) is None
    assert prior_of([(5_000_000, MIDDLE)]) == ONE
