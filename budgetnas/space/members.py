"""Sets of members, and the interfaces of a space's index and of its bands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from budgetnas.arrays import BoolArray, IntArray
from budgetnas.budget import Budget
from budgetnas.space.protocol import Space

BandCost = Literal["params", "bytes"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One network of a set: its point [D] and its costs.

    Attributes:
        point: [D] of its space.
        params: trainable parameters.
        macs: for one image.
        bytes: of the exported file; None where no cap needs them.
        memory: peak of the tensors for one image, in bytes; None where no cap needs it.
    """

    point: IntArray
    params: int
    macs: int
    bytes: int | None = None
    memory: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Members:
    """Networks of a set as arrays: points [N, D], and each cost of a `Member` [N], or None for all."""

    points: IntArray
    params: IntArray
    macs: IntArray
    bytes: IntArray | None = None
    memory: IntArray | None = None

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[Member]:
        return (self.at(i) for i in range(len(self)))

    def at(self, i: int) -> Member:
        """Return the member at index `i`."""
        return Member(
            point=self.points[i],
            params=int(self.params[i]),
            macs=int(self.macs[i]),
            bytes=None if self.bytes is None else int(self.bytes[i]),
            memory=None if self.memory is None else int(self.memory[i]),
        )

    @classmethod
    def join(cls, parts: Sequence[Members]) -> Members:
        """Concatenate one or more sets, all with the same costs."""
        return cls(
            points=np.concatenate([part.points for part in parts]),
            params=np.concatenate([part.params for part in parts]),
            macs=np.concatenate([part.macs for part in parts]),
            bytes=_joined([part.bytes for part in parts]),
            memory=_joined([part.memory for part in parts]),
        )

    def take(self, rows: npt.NDArray[np.integer] | BoolArray) -> Members:
        """Return the members at `rows`, given as indices or as a mask."""
        return Members(
            points=self.points[rows],
            params=self.params[rows],
            macs=self.macs[rows],
            bytes=None if self.bytes is None else self.bytes[rows],
            memory=None if self.memory is None else self.memory[rows],
        )

    def by(self, cost: BandCost) -> IntArray:
        """Return the cost that a band is of, [N]."""
        found: IntArray = getattr(self, cost)
        return found


def _joined(parts: Sequence[IntArray | None]) -> IntArray | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None


def cost(space: Space, points: IntArray, budget: Budget | None = None) -> Members:
    """Count the params and MACs of points [N, D], and the bytes and memory that a budget caps."""
    caps = {} if budget is None else budget.caps()
    return Members(
        points=points,
        params=space.params(points),
        macs=space.macs(points),
        bytes=space.bytes(points, budget.weights) if budget is not None and "bytes" in caps else None,
        memory=space.memory(points, budget.weights) if budget is not None and "memory" in caps else None,
    )


class Band(Protocol):
    """The members of a space whose params, or bytes, lie between `low` and `high`, both included.

    Attributes:
        cost: the cost that it is of.
        low: least of that cost.
        high: most of that cost.
        budget: the caps of its members: `high` on that cost, and those of its index on others.
        counts: number of members by stratum (for residual networks: by number of stages), empty ones left out.
        is_exact: whether the counts are exact, and the members can be listed.
    """

    cost: BandCost
    low: int
    high: int
    budget: Budget
    counts: dict[int, int]
    is_exact: bool

    def __len__(self) -> int:
        """Count the members."""
        ...

    def members(self) -> Members:
        """List every member once if the band is exact, else nothing. The band must fit into memory."""
        ...

    def draw(
        self, number: int, *, rng: np.random.Generator, stratified: bool = True, stratum: int | None = None
    ) -> Members:
        """Draw members independently, with replacement.

        Args:
            number: number of draws.
            rng: source of random numbers.
            stratified: whether to draw a stratum uniformly, then a member of it; else uniformly over all members.
            stratum: draw uniformly from this stratum only; overrides `stratified`.

        Returns:
            `number` members; their order is part of the draw.
        """
        ...


class SpaceIndex(Protocol):
    """The index of a whole space under caps: counts, extremes, bands.

    What is said of params below holds for bytes where its cost is bytes.

    Attributes:
        space: the space.
        cost: the cost of its bands and thresholds.
        max_macs: the cap on MACs for one image; None for no cap.
        method: how its answers are found, in a few words.
        is_exact: whether counts and extremes are exact.
    """

    space: Space
    cost: BandCost
    max_macs: int | None
    method: str
    is_exact: bool

    def size(self) -> int:
        """Count the whole space, without caps; exact unless it has no chains and is too large to list."""
        ...

    def counts(self, at_most: IntArray, *, ignore_macs: bool = False) -> dict[int, IntArray]:
        """Count, per stratum, the members with params up to each threshold; `at_most` and results [T].

        With `ignore_macs` those over the cap on MACs are counted too.
        """
        ...

    def margin(self, count: int, stratum: int) -> int:
        """Return the half width of the 95 % interval of a count of members of `stratum`; 0 if exact."""
        ...

    def smallest(self) -> Member | None:
        """Return the member of fewest params under the cap on MACs, or None."""
        ...

    def largest(self, at_most: int) -> Member | None:
        """Return the member of most params up to `at_most` under the cap on MACs, or None."""
        ...

    def most_macs(self, low: int, high: int) -> Member | None:
        """Return the member of most MACs within their cap, with params from `low` to `high`, or None."""
        ...

    def band(self, low: int, high: int, *, also: Sequence[int] = ()) -> Band:
        """Return the members with params from `low` to `high`, both included.

        Args:
            low: fewest params.
            high: most params.
            also: thresholds that `counts` will be asked about, so that an index that goes through the whole space for
                an answer finds theirs on the same way.
        """
        ...


def choose_strata(counts: Mapping[int, int], number: int, stratified: bool, rng: np.random.Generator) -> IntArray:
    """Draw a stratum for each of `number` draws."""
    if not counts:
        raise ValueError("cannot draw from an empty set")
    sizes = np.array([float(size) for size in counts.values()])
    weights = np.full(len(sizes), 1 / len(sizes)) if stratified else sizes / sizes.sum()
    chosen: IntArray = rng.choice(list(counts), size=number, p=weights)
    return chosen
