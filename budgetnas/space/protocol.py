"""What a search space is: named dimensions, the exact cost of every point, and which points are neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from budgetnas.arrays import BoolArray, FloatArray, IntArray
from budgetnas.exceptions import UsageError
from budgetnas.space.chain import Chain


@dataclass(frozen=True, kw_only=True, slots=True)
class Dimension:
    """One choice of a space.

    Attributes:
        name: of the choice; its Optuna parameter is called the same.
        values: whole numbers to choose from, all different. If ordered they ascend, and params must not fall from
            one to the next, the other dimensions being equal.
        ordered: whether neighbouring values are alike (a width), or all are equally far apart (an operation).
        labels: what a person calls the values; the values themselves unless given.

    Raises:
        UsageError: no values, values that repeat or do not ascend, or not one label for each.
    """

    name: str
    values: Sequence[int]
    ordered: bool = True
    labels: Sequence[Any] | None = None

    def __post_init__(self) -> None:
        values = list(self.values)
        if not values or len(set(values)) != len(values) or (self.ordered and values != sorted(values)):
            raise UsageError(
                f"`{self.name}` has the values {values[:8]}, but must have at least one, all different"
                f"{', ascending' if self.ordered else ''}."
            )
        if self.labels is not None and not len(self.labels) == len(set(self.labels)) == len(values):
            raise UsageError(
                f"`{self.name}` has the labels {list(self.labels)[:8]} for {len(values)} values: give each its own."
            )

    def label(self, value: int) -> Any:
        """Return what a person calls a value."""
        return value if self.labels is None else self.labels[list(self.values).index(value)]


class Space(Protocol):
    """A search space. Subclasses give `dimensions` and `params`; everything else has a default."""

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The choices, in the order of a point's columns."""
        ...

    def params(self, points: IntArray) -> IntArray:
        """Count the trainable parameters of points [N, D], exactly: [N]."""
        ...

    def macs(self, points: IntArray) -> IntArray:
        """Count multiply-accumulates for one image: [N]; 0 where the space does not know them."""
        return np.zeros(len(points), dtype=np.int64)

    def canonical(self, points: IntArray) -> IntArray:
        """Return the one point that stands for each network: [N, D].

        Where dimensions depend on one another (the width of a stage that is not there), many points of the grid stand
        for one network, or for none. This maps each of them to a member, and members to themselves.
        """
        return points

    def strata(self, points: IntArray) -> IntArray:
        """Return the group of each point, [N], that draws weigh alike: for residual networks the number of stages."""
        return np.zeros(len(points), dtype=np.int64)

    def features(self, points: IntArray) -> FloatArray:
        """Describe points by numbers that a surrogate learns from: [N, F], on scales where equal steps are alike.

        The default: log2 of params, of MACs where they are known, and of positive ordered values; other ordered
        values as they are; one column per value of an unordered dimension.
        """
        columns = [np.log2(np.maximum(self.params(points), 1)), np.log2(np.maximum(self.macs(points), 1))]
        for i, dimension in enumerate(self.dimensions):
            column = points[:, i]
            if not dimension.ordered:
                columns += [(column == value).astype(np.float64) for value in dimension.values]
            elif min(dimension.values) > 0:
                columns.append(np.log2(column))
            else:
                columns.append(column.astype(np.float64))
        return np.stack(columns, axis=1)

    def chains(self) -> Mapping[int, Chain] | None:
        """Return the space as cost tables by stratum, if costs couple neighbouring choices only; else None.

        With them sets too large to list are counted and drawn from exactly.
        """
        return None

    def decode(self, point: IntArray) -> Any:
        """Make what a person trains of one point [D]: a dict of labels by name unless the space says otherwise."""
        return {d.name: d.label(int(value)) for d, value in zip(self.dimensions, point, strict=True)}


def grid_size(space: Space) -> int:
    """Count the points of the grid, members or not, in Python integers."""
    size = 1
    for dimension in space.dimensions:
        size *= len(dimension.values)
    return size


def grid_points(space: Space, ranks: IntArray) -> IntArray:
    """Return the points of the grid at `ranks` [N], the last dimension running fastest: [N, D]."""
    points = np.empty((len(ranks), len(space.dimensions)), dtype=np.int64)
    for i in reversed(range(len(space.dimensions))):
        values = np.asarray(space.dimensions[i].values, dtype=np.int64)
        ranks, column = np.divmod(ranks, len(values))
        points[:, i] = values[column]
    return points


def is_member(space: Space, points: IntArray) -> BoolArray:
    """Tell which points of the grid stand for themselves: [N]."""
    found: BoolArray = (space.canonical(points) == points).all(axis=1)
    return found


def on_grid(space: Space, points: IntArray) -> BoolArray:
    """Tell which points lie on the grid: [N]. Networks that a person adds to a study need not."""
    columns = [np.isin(points[:, i], dimension.values) for i, dimension in enumerate(space.dimensions)]
    found: BoolArray = np.all(columns, axis=0)
    return found


def to_grid(space: Space, points: IntArray) -> IntArray:
    """Move every value to the nearest of its dimension, of two the lower, and return the members: [N, D]."""
    moved = np.empty_like(points)
    for i, dimension in enumerate(space.dimensions):
        values = np.asarray(dimension.values, dtype=np.int64)
        moved[:, i] = values[np.abs(values[None, :] - points[:, i, None]).argmin(axis=1)]
    return space.canonical(moved)


def neighbours(space: Space, point: IntArray) -> IntArray:
    """Return the distinct members one step from `point` [D], without itself: [N, D].

    For a point off the grid they are those of the nearest on it, and that one too.
    """
    start = to_grid(space, point[None])[0]
    found = [start[None]]
    for i, dimension in enumerate(space.dimensions):
        values = np.asarray(dimension.values, dtype=np.int64)
        if dimension.ordered:
            rank = int(np.searchsorted(values, start[i]))
            values = values[[near for near in (rank - 1, rank + 1) if 0 <= near < len(values)]]
        points = np.tile(start, (len(values), 1))
        points[:, i] = values
        found.append(points)
    members: IntArray = np.unique(space.canonical(np.concatenate(found)), axis=0)
    others: IntArray = members[(members != point).any(axis=1)]
    return others
