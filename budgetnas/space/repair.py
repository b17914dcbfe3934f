"""Repair: makes a point fit a cap and fill it, by exchanged values, one common factor, then single steps.

The rule, in order:

1. *Exchange.* If a point does not fit even with every ordered dimension at its lowest value, unordered values change:
   as few as possible (the nearest by Hamming distance); of equally near points, the one with most params there.
2. *Scale.* All ordered values are multiplied by one factor and rounded to their grids; the largest factor that fits is
   taken. So their ratios stay as close to the given ones as the grids allow. The factor may be above 1: a network that
   is too small grows.
3. *Fill.* While any single ordered value can rise by one step and the network still fits, the value furthest below its
   ratio rises; of equals, the later dimension.

The result never exceeds the cap, and no single step of growth fits (a step that `canonical` turns into a smaller
network is no growth).
"""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np

from budgetnas.arrays import BoolArray, FloatArray, IntArray
from budgetnas.budget import Budget
from budgetnas.space.members import BandCost, Member, Members, cost
from budgetnas.space.protocol import Dimension, Space, to_grid

_MOST_EXCHANGES = 200_000


def repair(
    space: Space, point: IntArray, budget: Budget, *, min_params: int = 0, by: BandCost = "params"
) -> Member | None:
    """Return the member that a point becomes under a budget, by the rule above.

    >>> from budgetnas import ResNetSpace, ResNetSpec
    >>> space = ResNetSpace()
    >>> given = space.encode(ResNetSpec(blocks=(4, 5, 3), widths=(64, 128, 256)))
    >>> found = repair(space, given, Budget(max_params=1_000_000))
    >>> str(space.decode(found.point)), found.params
    ('2x40-3x72-2x144', 988610)

    Args:
        space: of the point.
        point: [D] of the grid, or near it.
        budget: what it must fit.
        min_params: fewest params where all dimensions are unordered: then the nearest point with as many is taken.
        by: the cost that `min_params` is of.

    Returns:
        The member, or None where nothing that fits was found.
    """
    rule = _Repair(space, budget, min_params=min_params, by=by)
    given = to_grid(space, point[None].astype(np.int64))[0]
    start = rule.exchange(given)
    if start is None:
        return None
    ordered = [i for i, dimension in enumerate(space.dimensions) if dimension.ordered]
    scaled = rule.scale(start, ordered)
    return rule.cost(rule.fill(scaled, start, ordered)[None]).at(0)


class _Repair:
    """The three steps of a repair under one budget."""

    def __init__(self, space: Space, budget: Budget, *, min_params: int, by: BandCost) -> None:
        self.space, self.budget, self.min_params, self.by = space, budget, min_params, by
        self.has_ordered = any(d.ordered and len(d.values) > 1 for d in space.dimensions)

    def cost(self, points: IntArray) -> Members:
        return cost(self.space, points, self.budget)

    def fits(self, points: IntArray) -> BoolArray:
        return self.budget.mask(self.cost(points))

    def exchange(self, point: IntArray) -> IntArray | None:
        """Return the point with fewest unordered values changed that can be made to fit, or None."""
        dimensions = enumerate(self.space.dimensions)
        unordered = [i for i, dimension in dimensions if not dimension.ordered and len(dimension.values) > 1]
        for distance in range(len(unordered) + 1):
            points = _exchanges(self.space, point, unordered, distance)
            if points is None:
                return self._descend(point, unordered)
            lowest = self.cost(self._lowest(self.space.canonical(points)))
            able = self.budget.mask(lowest)
            able &= self.has_ordered or lowest.by(self.by) >= self.min_params
            if able.any():
                nearest: IntArray = points[int(np.where(able, lowest.params, -1).argmax())]
                return np.asarray(self.space.canonical(nearest[None])[0])
        return None

    def _descend(self, point: IntArray, unordered: list[int]) -> IntArray | None:
        """Exchange one value after another for the one of fewest params, in spaces too large to enumerate."""
        while not self.fits(self._lowest(point[None]))[0]:
            near = _exchanges(self.space, point, unordered, 1)
            assert near is not None
            near = self.space.canonical(near)
            params = self.space.params(self._lowest(near))
            if params.min() >= self.space.params(self._lowest(point[None]))[0]:
                return None
            point = near[int(params.argmin())]
        return point

    def _lowest(self, points: IntArray) -> IntArray:
        low = points.copy()
        for i, dimension in enumerate(self.space.dimensions):
            if dimension.ordered:
                low[:, i] = dimension.values[0]
        return self.space.canonical(low)

    def scale(self, point: IntArray, ordered: list[int]) -> IntArray:
        """Return the point with all its ordered values scaled by the largest factor that fits."""
        # Scaled values change only at factors where one of them reaches the middle between two grid values.
        turns = {i: _middles(self.space.dimensions[i]) / _size(self.space.dimensions[i], point[i]) for i in ordered}
        factors = np.unique(np.concatenate([[0.0], *turns.values()]))
        points = np.tile(point, (len(factors), 1))
        for i, turn in turns.items():
            values = np.asarray(self.space.dimensions[i].values, dtype=np.int64)
            points[:, i] = values[np.searchsorted(turn, factors, side="right")]
        points = self.space.canonical(points)
        return points[np.flatnonzero(self.fits(points))[-1]] if ordered else point

    def fill(self, point: IntArray, ratios: IntArray, ordered: list[int]) -> IntArray:
        """Return the point with its ordered values raised until no single step fits."""
        dimensions = self.space.dimensions
        while True:
            lag = sorted(ordered, key=lambda i: (_size(dimensions[i], point[i]) / _size(dimensions[i], ratios[i]), -i))
            steps = [step for i in lag if (step := _step(dimensions[i], point, i)) is not None]
            if not steps:
                return point
            grown = self.space.canonical(np.stack(steps))
            able = self.fits(grown) & (grown != point).any(axis=1)
            able &= (grown[:, ordered] >= point[ordered]).all(axis=1)  # without steps that `canonical` reverts
            if not able.any():
                return point
            point = grown[int(able.argmax())]


def _exchanges(space: Space, point: IntArray, unordered: list[int], distance: int) -> IntArray | None:
    """Return the points with exactly `distance` unordered values changed; None where they are too many to list."""
    others = {i: [value for value in space.dimensions[i].values if value != point[i]] for i in unordered}
    found, size = [], 0
    for chosen in combinations(unordered, distance):
        choices = list(product(*(others[i] for i in chosen)))
        values = np.array(choices, dtype=np.int64).reshape(len(choices), distance)
        points = np.tile(point, (len(values), 1))
        points[:, list(chosen)] = values
        found.append(points)
        size += len(points)
        if size > _MOST_EXCHANGES:
            return None
    return np.concatenate(found)


def _step(dimension: Dimension, point: IntArray, i: int) -> IntArray | None:
    """Return the point with one value raised by a grid step; None at the top."""
    rank = int(np.searchsorted(np.asarray(dimension.values), point[i], side="right"))
    if rank == len(dimension.values):
        return None
    grown = point.copy()
    grown[i] = dimension.values[rank]
    return grown


def _size(dimension: Dimension, value: Any) -> float:
    """Return a value as a positive size, shifted where the grid reaches 0 or below."""
    return float(value - min(0, dimension.values[0] - 1))


def _middles(dimension: Dimension) -> FloatArray:
    sizes = np.array([_size(dimension, value) for value in dimension.values])
    middles: FloatArray = (sizes[1:] + sizes[:-1]) / 2
    return middles
