from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from budgetnas.space.band import choose_band, make_index
from budgetnas.space.feasible import ArchitectureIndex
from budgetnas.space.resnet import ResNetSpace
from budgetnas.space.sampled import SampledIndex

SPACE = ResNetSpace(stages=(1, 3), blocks=(1, 2), widths=(4, 10), width_step=2)
LOW, HIGH, MACS = 2_000, 8_000, 1_500_000


@pytest.fixture(scope="module")
def exact():
    return ArchitectureIndex(SPACE, max_macs=MACS)


@pytest.fixture(scope="module")
def sampled():
    return SampledIndex(SPACE, max_macs=MACS)


def test_sizes_are_exact_and_counts_lie_within_their_margins(exact, sampled):
    assert sampled.size() == exact.size()
    thresholds = np.array([LOW - 1, 4_000, HIGH])
    seen = []
    for ignore_macs in (False, True):
        truth, found = (index.counts(thresholds, ignore_macs=ignore_macs) for index in (exact, sampled))
        for stages in truth:
            for real, estimate in zip(truth[stages].tolist(), found[stages].tolist(), strict=True):
                assert abs(real - estimate) <= 2 * sampled.margin(estimate, stages) + 1
        seen.append(sum(int(counts[-1]) for counts in truth.values()))
    assert seen[0] < seen[1]
    assert exact.margin(5, 1) == 0


def test_extremes_of_a_small_space_are_all_drawn(exact, sampled):
    assert sampled.smallest().params == exact.smallest().params
    assert sampled.largest(HIGH).params == exact.largest(HIGH).params
    assert sampled.most_macs(LOW, HIGH).macs == exact.most_macs(LOW, HIGH).macs
    assert sampled.largest(10) is None


@pytest.mark.parametrize("stratified", [False, True])
def test_draws_by_rejection_follow_their_distribution(exact, sampled, stratified):
    names = {SPACE.decode(member.point).id: int(member.point[0]) for member in exact.band(LOW, HIGH).members()}
    draws = sampled.band(LOW, HIGH).draw(20_000, rng=np.random.default_rng(3), stratified=stratified)
    drawn = [SPACE.decode(member.point).id for member in draws]
    assert set(drawn) <= set(names)
    counts = exact.band(LOW, HIGH).counts
    share = [1 / len(names) if not stratified else 1 / counts[s] / len(counts) for s in names.values()]
    observed = [drawn.count(name) for name in names]
    assert stats.chisquare(observed, 20_000 * np.array(share)).pvalue > 1e-3


def test_the_grid_decides_how_a_space_is_known():
    assert make_index(ResNetSpace(), max_macs=None).is_exact
    assert not make_index(ResNetSpace(width_step=2), max_macs=None).is_exact


def test_the_smallest_network_is_exact_however_large_the_space():
    space = ResNetSpace(stages=(4, 4), width_step=1)
    smallest = make_index(space, max_macs=None).smallest()
    assert space.decode(smallest.point).id == "1x16-1x16-1x16-1x16"
    assert smallest.params == 20_186


def test_a_band_that_draws_hardly_meet_is_drawn_from_with_repeats():
    space = ResNetSpace(width_step=2)
    index = SampledIndex(space, max_macs=None)
    band = choose_band(index, 300_000, min_utilisation=0.8, wanted=1_000)
    draws = band.draw(1_000, rng=np.random.default_rng(0))
    assert len(draws) == 1_000
    assert all(band.low <= member.params <= band.high for member in draws)
