"""The interface of a search space: named dimensions, the exact cost of every point, and its neighbours.

A point is a row of whole numbers, one per dimension; points travel as int64 arrays [N, D]. Subclass `Space`, give
`dimensions` and `params`, and every index, band, repair and sampler works on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from budgetnas.arch.device import Precision
from budgetnas.arrays import BoolArray, FloatArray, IntArray
from budgetnas.exceptions import UsageError
from budgetnas.space.chain import Chain, Prices


@dataclass(frozen=True, kw_only=True, slots=True)
class Dimension:
    """One choice of a space.

    Attributes:
        name: its name, also of its Optuna parameter.
        values: distinct integers to choose from. If ordered, they ascend, and params must not fall from one value to
            the next while the other dimensions stay the same.
        ordered: whether neighbouring values are similar (a width), or all are equally different (an operation).
        labels: names of the values; default: the values themselves.

    Raises:
        UsageError: there are no values, they repeat or do not ascend, or the number of labels differs.
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
        """Return the label of a value."""
        return value if self.labels is None else self.labels[list(self.values).index(value)]


class Space(Protocol):
    """A search space. Subclasses define `dimensions` and `params`; everything else has a default."""

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

    def bytes(self, points: IntArray, weights: Precision) -> IntArray:
        """Count the bytes of the exported file, from above, at a precision of the weights: [N].

        Raises:
            UsageError: the space does not know them, which is the default.
        """
        raise _unknown("max_bytes", "bytes")

    def memory(self, points: IntArray, weights: Precision) -> IntArray:
        """Count the bytes of the peak memory for one image, at a precision of the tensors: [N].

        Raises:
            UsageError: the space does not know it, which is the default.
        """
        raise _unknown("max_memory", "memory")

    def canonical(self, points: IntArray) -> IntArray:
        """Return the canonical point of each network: [N, D].

        Where dimensions depend on one another (the width of an absent stage), several points of the grid mean the same
        network, or none. This maps every point to a member, and members to themselves.
        """
        return points

    def strata(self, points: IntArray) -> IntArray:
        """Return the stratum of each point: [N]. Stratified draws weigh all strata equally; default: one stratum."""
        return np.zeros(len(points), dtype=np.int64)

    def name_stratum(self, stratum: int) -> str:
        """Say what the members of a stratum have in common, as in "12 networks of 3 stages"."""
        return f"stratum {stratum}"

    def kind_of(self, stratum: int) -> int:
        """Return the kind of a stratum, a number; a search starts with networks of every kind."""
        return 0

    def features(self, points: IntArray) -> FloatArray:
        """Return the features of points for a surrogate: [N, F], on scales where equal steps matter equally.

        The default: log2 of params, of MACs where they are known, and of positive ordered values; other ordered
        values unchanged; one column per value of an unordered dimension.
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
        """Return the space as cost tables by stratum if only neighbouring choices share costs, else None.

        With chains, sets too large to list are counted and sampled exactly.
        """
        return None

    def chains_of(self, prices: Prices) -> Mapping[int, Chain]:
        """Return the chains of other costs than params and MACs, for which the space must know bytes and memory.

        Raises:
            UsageError: the space does not know them, which is the default.
        """
        raise _unknown("max_memory", "memory") if prices.max_memory is not None else _unknown("max_bytes", "bytes")

    def decode(self, point: IntArray) -> Any:
        """Return the network of a point [D]; default: a dict of labels by name."""
        return {d.name: d.label(int(value)) for d, value in zip(self.dimensions, point, strict=True)}


def _unknown(cap: str, name: str) -> UsageError:
    return UsageError(f"is set, but this space counts no {name}: take another cap, or a `ResNetSpace`.", argument=cap)


def grid_size(space: Space) -> int:
    """Count the points of the grid, members or not, as a Python integer."""
    size = 1
    for dimension in space.dimensions:
        size *= len(dimension.values)
    return size


def grid_points(space: Space, ranks: IntArray) -> IntArray:
    """Return the points [N, D] of the grid at `ranks` [N]; the last dimension varies fastest."""
    points = np.empty((len(ranks), len(space.dimensions)), dtype=np.int64)
    for i in reversed(range(len(space.dimensions))):
        values = np.asarray(space.dimensions[i].values, dtype=np.int64)
        ranks, column = np.divmod(ranks, len(values))
        points[:, i] = values[column]
    return points


def is_member(space: Space, points: IntArray) -> BoolArray:
    """Return which points of the grid are members: [N]."""
    found: BoolArray = (space.canonical(points) == points).all(axis=1)
    return found


def on_grid(space: Space, points: IntArray) -> BoolArray:
    """Return which points are on the grid: [N]. Networks that a user adds to a study may be off it."""
    columns = [np.isin(points[:, i], dimension.values) for i, dimension in enumerate(space.dimensions)]
    found: BoolArray = np.all(columns, axis=0)
    return found


def to_grid(space: Space, points: IntArray) -> IntArray:
    """Round every value to the nearest of its dimension, a tie to the lower one, and return the members: [N, D]."""
    rounded = np.empty_like(points)
    for i, dimension in enumerate(space.dimensions):
        values = np.asarray(dimension.values, dtype=np.int64)
        rounded[:, i] = values[np.abs(values[None, :] - points[:, i, None]).argmin(axis=1)]
    return space.canonical(rounded)


def neighbours(space: Space, point: IntArray) -> IntArray:
    """Return the distinct members one step from `point` [D], without the point: [N, D].

    For a point off the grid: the nearest point on it, and its neighbours.
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
