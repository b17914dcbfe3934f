from __future__ import annotations

import numpy as np
import pytest
from benchmarks.finals_looks import ends
from scipy.stats import nct, t

from budgetnas.evidence.power import assumed_sd, pooled_sd, smallest_gain

LOOKS = (3, 5, 8, 12)


@pytest.mark.parametrize(
    ("seeds", "mostly", "half"),
    [
        (3, (0.46, 0.71, 0.92), (0.32, 0.48, 0.63)),
        (5, (0.30, 0.47, 0.61), (0.21, 0.32, 0.42)),
        (6, (0.27, 0.41, 0.54), (0.19, 0.29, 0.38)),
        (8, (0.23, 0.35, 0.45), (0.16, 0.24, 0.32)),
        (12, (0.18, 0.28, 0.36), (0.13, 0.19, 0.25)),
    ],
)
def test_one_look_shows_what_was_found_by_simulation_before(seeds, mostly, half):
    for sd, expected, even in zip((0.15, 0.23, 0.30), mostly, half, strict=True):
        assert smallest_gain(sd, [seeds]) == pytest.approx(expected, abs=0.006)
        assert smallest_gain(sd, [seeds], power=0.5) == pytest.approx(even, abs=0.006)


def test_the_power_at_the_smallest_gain_is_the_one_asked_for():
    gain = smallest_gain(2.0, [4], power=0.9)
    assert nct.sf(t.ppf(0.975, 6), 6, gain / (2.0 * np.sqrt(2 / 4))) == pytest.approx(0.9)


def test_several_looks_show_it_as_often_when_they_are_simulated():
    gain = smallest_gain(0.23, LOOKS)
    assert smallest_gain(0.23, [12]) < gain < smallest_gain(0.23, [8])
    shown, _, _ = ends(LOOKS, gain, 1.0, 2_000)
    assert shown == pytest.approx(0.8, abs=0.025)


def test_fewer_images_spread_more():
    assert assumed_sd(10_000) == pytest.approx(0.2345, abs=1e-4)
    assert assumed_sd(300) > 1


def test_the_spread_of_repeats_is_that_within_networks():
    rng = np.random.default_rng(0)
    groups = [10 * i + rng.normal(0, 0.3, size=4) for i in range(200)]
    sd, free = pooled_sd(groups)
    assert free == 600
    assert sd == pytest.approx(0.3, rel=0.1)
    assert pooled_sd([[1.0], [3.0]]) is None
