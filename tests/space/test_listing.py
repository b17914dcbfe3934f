"""Spaces that are no chain: listed where their grid is small, drawn from where it is not."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from budgetnas.exceptions import InfeasibleBudgetError, UsageError
from budgetnas.space.band import choose_band, make_index
from budgetnas.space.listing import ListedIndex
from budgetnas.space.protocol import Dimension, Space, grid_points, grid_size, is_member, neighbours, on_grid
from budgetnas.space.resnet import ResNetSpace
from budgetnas.space.sampled import SampledIndex


class Pair(Space):
    """Two sizes and an operation; a "none" has no second size. Cubic params, so no chain."""

    dimensions = (
        Dimension(name="op", values=(0, 1, 2), ordered=False, labels=("none", "1x1", "3x3")),
        Dimension(name="first", values=(4, 8, 12, 20)),
        Dimension(name="second", values=range(1, 6)),
    )

    def params(self, points):
        return points[:, 1] * points[:, 2] ** 2 * (1 + 8 * (points[:, 0] == 2)) + points[:, 1]

    def macs(self, points):
        return 7 * self.params(points) + 100 * (points[:, 0] == 1)

    def canonical(self, points):
        second = np.where(points[:, 0] == 0, 1, points[:, 2])
        return np.stack([points[:, 0], points[:, 1], second], axis=1)

    def strata(self, points):
        return points[:, 0]


SPACE = Pair()
EVERY = np.array([p for p in product(range(3), (4, 8, 12, 20), range(1, 6)) if p[0] or p[2] == 1])


@pytest.mark.parametrize(("low", "high", "macs"), [(0, 10**9, None), (50, 400, None), (50, 400, 1_500), (7, 7, 1)])
def test_a_listed_space_is_what_brute_force_finds(low, high, macs):
    index = make_index(SPACE, max_macs=macs)
    assert isinstance(index, ListedIndex)
    params, cost = SPACE.params(EVERY), SPACE.macs(EVERY)
    fits = cost <= (np.inf if macs is None else macs)
    inside = fits & (params >= low) & (params <= high)
    band = index.band(low, high)
    assert index.size() == len(EVERY) == 44
    assert {tuple(p) for p in band.members().points.tolist()} == {tuple(p) for p in EVERY[inside].tolist()}
    assert len(band) == inside.sum() == sum(band.counts.values())
    assert band.counts == {s: int((inside & (EVERY[:, 0] == s)).sum()) for s in set(EVERY[inside, 0].tolist())}
    for ignore_macs, counted in ((False, fits), (True, fits | True)):
        counts = index.counts(np.array([high]), ignore_macs=ignore_macs)
        truth = {s: ((params <= high) & counted & (EVERY[:, 0] == s)).sum() for s in set(EVERY[counted, 0].tolist())}
        assert {stratum: int(found[0]) for stratum, found in counts.items()} == truth
    for found, values, pick in (
        (index.smallest(), params[fits], min),
        (index.largest(high), params[fits & (params <= high)], max),
    ):
        assert (found.params if found else None) == (pick(values) if len(values) else None)
    most = index.most_macs(low, high)
    assert (most.macs if most else None) == (cost[inside].max() if inside.any() else None)


@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("kind", [ListedIndex, SampledIndex])
def test_draws_follow_their_distribution(kind, stratified):
    band = kind(SPACE, max_macs=None).band(20, 900)
    exact = make_index(SPACE, max_macs=None).band(20, 900)
    names = [tuple(p) for p in exact.members().points.tolist()]
    drawn = [tuple(p) for p in band.draw(20_000, rng=np.random.default_rng(1), stratified=stratified).points.tolist()]
    observed = np.array([drawn.count(name) for name in names])
    assert observed.sum() == 20_000
    share = [1 / len(names) if not stratified else 1 / exact.counts[n[0]] / len(exact.counts) for n in names]
    assert stats.chisquare(observed, 20_000 * np.array(share)).pvalue > 1e-3


def test_estimates_of_a_grid_lie_within_their_margins():
    exact, sampled = make_index(SPACE, max_macs=1_500), SampledIndex(SPACE, max_macs=1_500)
    assert abs(sampled.size() - exact.size()) < 1
    for at_most in (40, 200):
        for stratum, counts in exact.counts(np.array([at_most])).items():
            estimate = int(sampled.counts(np.array([at_most]))[stratum][0])
            assert abs(counts[0] - estimate) <= 2 * sampled.margin(estimate, stratum) + 1
    assert sampled.smallest().params == exact.smallest().params


def test_ten_million_points_are_listed_and_more_are_drawn():
    class Many(Space):
        def __init__(self, dimensions):
            self._dimensions = tuple(Dimension(name=f"d{i}", values=range(1, 11)) for i in range(dimensions))

        @property
        def dimensions(self):
            return self._dimensions

        def params(self, points):
            return points.prod(axis=1)

    large = make_index(Many(8), max_macs=None)
    assert not large.is_exact
    assert "95 %" in large.method
    assert large.size() == 10**8
    band = choose_band(large, 100_000, min_utilisation=0.8, wanted=1_000)
    draws = band.draw(500, rng=np.random.default_rng(0))
    assert ((draws.params >= band.low) & (draws.params <= 100_000)).all()
    small = make_index(Many(4), max_macs=None)
    assert small.is_exact
    assert len(small.band(1, 1)) == 1
    assert "listing" in small.method


def test_a_space_beyond_any_integer_is_still_counted_and_drawn_from():
    class Deep(Space):
        dimensions = tuple(Dimension(name=f"d{i}", values=range(1, 11)) for i in range(20))

        def params(self, points):
            return points.sum(axis=1)

    index = make_index(Deep(), max_macs=None)
    assert index.size() == 10**20
    assert 0 < sum(int(counts[0]) for counts in index.counts(np.array([110])).values()) < 10**20
    draws = index.band(90, 110).draw(50, rng=np.random.default_rng(0))
    assert ((draws.params >= 90) & (draws.params <= 110)).all()


def test_points_of_the_grid_and_what_lies_next_to_one():
    points = grid_points(SPACE, np.arange(grid_size(SPACE)))
    assert len(np.unique(points, axis=0)) == 60
    assert is_member(SPACE, points).sum() == 44
    near = {tuple(p) for p in neighbours(SPACE, np.array([1, 8, 5])).tolist()}
    assert near == {(0, 8, 1), (2, 8, 5), (1, 4, 5), (1, 12, 5), (1, 8, 4)}
    off_grid = {tuple(p) for p in neighbours(SPACE, np.array([0, 10, 1])).tolist()}
    assert off_grid == {(0, 8, 1), (1, 8, 1), (2, 8, 1), (0, 4, 1), (0, 12, 1)}
    outside = neighbours(ResNetSpace(stages=(1, 3)), np.array([4, 1, 1, 1, 1, 64, 128, 250, 512]))
    assert on_grid(ResNetSpace(stages=(1, 3)), outside).all()


def test_residual_networks_and_their_points_are_each_others_inverse():
    space = ResNetSpace()
    for member in make_index(space, max_macs=None).band(4_000_000, 5_000_000).draw(50, rng=np.random.default_rng(0)):
        assert (space.encode(space.decode(member.point)) == member.point).all()
        assert is_member(space, member.point[None]).all()
    assert Pair().decode(np.array([2, 8, 3])) == {"op": "3x3", "first": 8, "second": 3}


def test_dimensions_and_budgets_that_cannot_be_are_named():
    for values, ordered, labels, words in (
        ((), True, None, r"`w` has the values \[\]"),
        ((2, 1), True, None, "ascending"),
        ((1, 1), False, None, "all different"),
        ((1, 2), False, ("a",), "for 2 values"),
        ((1, 2), False, ("a", "a"), "each its own"),
    ):
        with pytest.raises(UsageError, match=words):
            Dimension(name="w", values=values, ordered=ordered, labels=labels)
    with pytest.raises(InfeasibleBudgetError, match=r"smallest architecture of the space has 8 parameters \({'op'"):
        choose_band(make_index(SPACE, max_macs=None), 3, min_utilisation=0.8, wanted=1)
