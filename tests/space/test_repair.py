from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.budget import Budget
from budgetnas.space.protocol import Dimension, Space, is_member
from budgetnas.space.repair import repair
from budgetnas.space.resnet import ResNetSpace
from budgetnas.space.widths import WidthSpace

CIFAR = DataShape()


class Weighted(Space):
    """Params are a weighted sum of the values: any dimensions, ordered or not."""

    def __init__(self, dimensions, weights):
        self._dimensions, self._weights = tuple(dimensions), np.array(weights)

    @property
    def dimensions(self):
        return self._dimensions

    def params(self, points):
        return points @ self._weights

    def macs(self, points):
        return self.params(points) * 3


def assert_full(space, found, cap, max_macs=None):
    """It fits, and no single step of growth of it does."""
    fits = lambda points: (space.params(points) <= cap) & (max_macs is None or space.macs(points) <= max_macs)  # noqa: E731
    point = found.point[None]
    assert is_member(space, point).all()
    assert fits(point).all()
    assert (found.params, found.macs) == (space.params(point)[0], space.macs(point)[0])
    for i, dimension in enumerate(space.dimensions):
        above = [value for value in dimension.values if value > found.point[i]]
        if dimension.ordered and above:
            grown = point.copy()
            grown[0, i] = above[0]
            grown = space.canonical(grown)
            assert (grown == point).all() or not fits(grown).any()


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 90)), min_size=1, max_size=4),
    st.integers(1, 60_000),
    st.integers(1, 8),
)
def test_widths_of_one_depth_fill_the_cap(stages, cap, step):
    space = WidthSpace(given=ResNetSpec.from_stages(*zip(*stages, strict=True)), widths=range(2, 91, step), shape=CIFAR)
    found = repair(space, np.array([w for _, w in stages]), Budget(max_params=cap))
    if found is None:
        assert space.params(np.full((1, len(stages)), 2))[0] > cap
    else:
        assert_full(space, found, cap)


resnets = st.builds(
    ResNetSpace,
    stages=st.sampled_from([(1, 4), (2, 3), (1, 1)]),
    blocks=st.sampled_from([(1, 8), (2, 3)]),
    widths=st.sampled_from([(16, 512), (5, 40)]),
    width_step=st.integers(1, 16),
    monotone=st.booleans(),
    shape=st.builds(DataShape, height=st.integers(8, 40), classes=st.integers(2, 100)),
)


@given(resnets, st.integers(0, 2**31), st.integers(3, 7), st.one_of(st.none(), st.floats(6, 10)))
def test_any_residual_network_fits_and_is_full(space, seed, digits, macs):
    rng = np.random.default_rng(seed)
    raw = np.array([rng.choice(np.asarray(d.values)) for d in space.dimensions])
    cap, max_macs = int(10**digits), None if macs is None else int(10**macs)
    found = repair(space, raw, Budget(max_params=cap, max_macs=max_macs))
    fewest, most = space.depth_range
    lowest = space.canonical(np.array([[s, *[space.blocks[0]] * 4, *[space.widths[0]] * 4] for s in (fewest, most)]))
    if found is None:
        assert space.params(lowest)[0] > cap or space.macs(lowest)[0] > max_macs
        return
    assert_full(space, found, cap, max_macs)
    kept = np.array([[raw[0], *[space.blocks[0]] * 4, *[space.widths[0]] * 4]])
    if space.params(kept)[0] <= cap and (max_macs is None or space.macs(kept)[0] <= max_macs):
        assert found.point[0] == raw[0]


@st.composite
def mixed(draw):
    kinds = draw(st.lists(st.tuples(st.booleans(), st.integers(1, 4), st.integers(0, 9)), min_size=1, max_size=5))
    dimensions = [
        Dimension(name=f"d{i}", values=range(low, low + size), ordered=is_ordered)
        for i, (is_ordered, size, low) in enumerate(kinds)
    ]
    space = Weighted(dimensions, draw(st.lists(st.integers(1, 9), min_size=len(kinds), max_size=len(kinds))))
    return space, np.array([draw(st.sampled_from(list(d.values))) for d in dimensions])


@given(mixed(), st.integers(0, 150))
def test_unordered_values_move_to_the_nearest_that_fits(space_and_point, cap):
    space, point = space_and_point
    found = repair(space, point, Budget(max_params=cap))
    every = np.array(list(product(*(d.values for d in space.dimensions))))
    fitting = every[space.params(every) <= cap]
    if found is None:
        assert not len(fitting)
        return
    assert_full(space, found, cap)
    unordered = [i for i, d in enumerate(space.dimensions) if not d.ordered]
    distance = lambda points: (points[:, unordered] != point[unordered]).sum(axis=1)  # noqa: E731
    assert distance(found.point[None])[0] == distance(fitting).min()


def test_a_categorical_space_too_large_to_go_through_is_descended():
    dimensions = [Dimension(name=f"op{i}", values=range(1, 10), ordered=False) for i in range(12)]
    space = Weighted(dimensions, [1] * 12)
    found = repair(space, np.full(12, 9), Budget(max_params=20))
    assert found.params <= 20
    assert repair(space, np.full(12, 9), Budget(max_params=11)) is None


def test_what_already_fills_the_cap_stays_as_it_is():
    space = WidthSpace(given=ResNetSpec.from_id("4x64-5x128-3x256"), widths=range(1, 1000), shape=CIFAR)
    point = np.array([64, 128, 256])
    found = repair(space, point, Budget(max_params=int(space.params(point[None])[0])))
    assert found.point.tolist() == [64, 128, 256]


@pytest.mark.parametrize("cap", [4_500_000, 5_000_000, 9_000_000])
def test_ratios_stay_as_near_as_the_grid_allows(cap):
    space = WidthSpace(given=ResNetSpec.from_id("2x64-2x128-4x256"), widths=range(1, 8192), shape=CIFAR)
    found = repair(space, np.array([64, 128, 256]), Budget(max_params=cap)).point
    given = np.array([64, 128, 256])
    assert ((found - 1.5) / given).max() <= ((found + 1.5) / given).min()  # one factor explains all of them


def test_what_canonical_takes_back_down_is_no_growth():
    class Divisible(Weighted):
        def canonical(self, points):
            valid = points[:, 0] % points[:, 1] == 0
            return np.where(valid[:, None], points, 1)

    sizes = [Dimension(name="w", values=range(1, 5)), Dimension(name="h", values=range(1, 5))]
    for cap in range(2, 9):
        found = repair(Divisible(sizes, [1, 1]), np.array([4, 2]), Budget(max_params=cap))
        assert found.params <= cap


def test_dimensions_of_one_value_cost_nothing():
    space = Weighted([Dimension(name=f"d{i}", values=(1,), ordered=False) for i in range(30)], [1] * 30)
    assert repair(space, np.ones(30, dtype=int), Budget(max_params=29)) is None


def test_values_at_and_below_nothing_can_be_scaled():
    space = Weighted([Dimension(name="a", values=range(-3, 4)), Dimension(name="b", values=(0, 5, 50))], [1, 1])
    assert_full(space, repair(space, np.array([3, 50]), Budget(max_params=20)), 20)
