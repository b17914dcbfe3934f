"""Sets of members, and the interfaces of a space's index and of its bands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from budgetnas.arrays import BoolArray, IntArray
from budgetnas.budget import Budget
from budgetnas.space.protocol import Space


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One network of a set: its point [D], its params, and its MACs for one image."""

    point: IntArray
    params: int
    macs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Members:
    """Networks of a set as arrays: points [N, D], params [N] and MACs [N]."""

    points: IntArray
    params: IntArray
    macs: IntArray

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[Member]:
        return (self.at(i) for i in range(len(self)))

    def at(self, i: int) -> Member:
        """Return the member at index `i`."""
        return Member(point=self.points[i], params=int(self.params[i]), macs=int(self.macs[i]))

    @classmethod
    def join(cls, parts: Sequence[Members]) -> Members:
        """Concatenate one or more sets."""
        return cls(
            points=np.concatenate([part.points for part in parts]),
            params=np.concatenate([part.params for part in parts]),
            macs=np.concatenate([part.macs for part in parts]),
        )

    def take(self, rows: npt.NDArray[np.integer] | BoolArray) -> Members:
        """Return the members at `rows`, given as indices or as a mask."""
        return Members(points=self.points[rows], params=self.params[rows], macs=self.macs[rows])


def cost(space: Space, points: IntArray) -> Members:
    """Count the params and MACs of points [N, D]."""
    return Members(points=points, params=space.params(points), macs=space.macs(points))


class Band(Protocol):
    """The members of a space whose params lie between `low` and `high`, both included.

    Attributes:
        low: fewest params.
        high: most params.
        budget: the caps of its members: `high` on params, that of the space on MACs.
        counts: number of members by stratum (for residual networks: by number of stages), empty ones left out.
        is_exact: whether the counts are exact, and the members can be listed.
    """

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
    """The index of a whole space under a cap on MACs: counts, extremes, bands.

    Attributes:
        space: the space.
        max_macs: the cap on MACs for one image; None for no cap.
        method: how its answers are found, in a few words.
        is_exact: whether counts and extremes are exact.
    """

    space: Space
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
