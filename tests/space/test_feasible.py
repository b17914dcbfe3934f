from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.exceptions import UsageError
from budgetnas.space.feasible import ArchitectureIndex
from budgetnas.space.resnet import ResNetSpace


def brute_force(space: ResNetSpace) -> dict[str, tuple[int, int]]:
    """Every member by name, with params and MACs, from the layers."""
    found = {}
    for stages in range(space.depth_range[0], space.depth_range[1] + 1):
        for blocks in product(range(space.blocks[0], space.blocks[1] + 1), repeat=stages):
            for widths in product(space.grid.tolist(), repeat=stages):
                if space.monotone and list(widths) != sorted(widths):
                    continue
                spec = ResNetSpec(blocks=blocks, widths=widths)
                cost = count(spec, space.shape)
                found[spec.id] = (cost.params, cost.macs)
    return found


small_spaces = st.builds(
    ResNetSpace,
    stages=st.sampled_from([(1, 1), (1, 3), (2, 4), (3, 3), (1, 4)]),
    blocks=st.sampled_from([(1, 2), (2, 2)]),
    widths=st.sampled_from([(3, 9), (4, 8), (5, 5)]),
    width_step=st.integers(1, 3),
    monotone=st.booleans(),
    shape=st.builds(DataShape, height=st.integers(8, 20), width=st.integers(8, 20), channels=st.integers(1, 3)),
)


@settings(max_examples=25)
@given(small_spaces, st.floats(0, 1), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 1)))
def test_counts_extremes_and_members_equal_brute_force(space, one, other, macs_share):
    truth = brute_force(space)
    params = sorted(cost[0] for cost in truth.values())
    macs = sorted(cost[1] for cost in truth.values())
    low, high = sorted((round(one * params[-1]), round(other * params[-1])))
    cap = None if macs_share is None else macs[round(macs_share * (len(macs) - 1))]
    fits = {name: p for name, (p, m) in truth.items() if cap is None or m <= cap}
    index = ArchitectureIndex(space, max_macs=cap)

    assert index.size() == len(truth)
    inside = {name for name, p in fits.items() if low <= p <= high}
    band = index.band(low, high)
    assert len(band) == len(inside)
    assert {space.decode(member.point).id for member in band.members()} == inside
    counted = sum(int(below[0]) for below in index.counts(np.array([high])).values())
    assert counted == sum(p <= high for p in fits.values())
    smallest = index.smallest()
    assert smallest is not None
    assert smallest.params == min(fits.values())
    most = index.most_macs(low, high)
    assert (most.macs if most else None) == max((truth[name][1] for name in inside), default=None)
    assert most is None or space.decode(most.point).id in inside
    largest = index.largest(high)
    assert (largest.params if largest else None) == max((p for p in fits.values() if p <= high), default=None)


@pytest.mark.parametrize("stratified", [False, True])
def test_draws_follow_their_distribution(stratified):
    space = ResNetSpace(stages=(1, 3), blocks=(1, 2), widths=(4, 10), width_step=2)
    index = ArchitectureIndex(space, max_macs=1_500_000)
    band = index.band(2_000, 8_000)
    names = [space.decode(member.point).id for member in band.members()]
    draws = band.draw(20_000, rng=np.random.default_rng(1), stratified=stratified)
    drawn = [space.decode(member.point).id for member in draws]
    observed = np.array([drawn.count(name) for name in names])
    assert len(band.counts) > 1
    weight = {stages: 1 / size / len(band.counts) for stages, size in band.counts.items()}
    share = [1 / len(band) if not stratified else weight[name.count("-") + 1] for name in names]
    assert stats.chisquare(observed, 20_000 * np.array(share)).pvalue > 1e-3


def test_every_draw_lies_in_its_band_and_under_the_cap_on_macs():
    space = ResNetSpace()
    index = ArchitectureIndex(space, max_macs=1_748_374_528)
    for member in index.band(4_500_000, 5_000_000).draw(200, rng=np.random.default_rng(2)):
        cost = count(space.decode(member.point), space.shape)
        assert (cost.params, cost.macs) == (member.params, member.macs)
        assert 4_500_000 <= cost.params <= 5_000_000
        assert cost.macs <= 1_748_374_528


def test_the_default_raw_space_has_the_sizes_of_an_independent_count():
    index = ArchitectureIndex(ResNetSpace(monotone=False), max_macs=None)
    counts = index.counts(np.array([4_499_999, 5_000_000]))
    assert {stages: int(c[1] - c[0]) for stages, c in counts.items()} == {
        1: 11, 2: 5_831, 3: 1_614_647, 4: 348_553_703,
    }  # fmt: skip


def test_stages_below_two_pixels_are_not_in_the_space():
    assert ResNetSpace(shape=DataShape(height=8, width=8)).depth_range == (1, 3)
    assert ResNetSpace(shape=DataShape(height=32, width=9)).depth_range == (1, 4)
    with pytest.raises(UsageError, match="resize the images"):
        ResNetSpace(stages=(4, 4), shape=DataShape(height=8, width=8))
