"""What is asked of a space and of a band of it, however the answers are found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
Law = Literal["uniform", "stages"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One architecture of a set: the (blocks, width) states [S, 2], its params and its MACs for one image."""

    states: IntArray
    params: int
    macs: int


class Band(Protocol):
    """The members of a space whose params lie between `low` and `high`, both included.

    Attributes:
        low: fewest params.
        high: most params.
        counts: number of members by number of stages, empty ones left out.
        is_exact: whether the counts are exact, and the members can be listed.
    """

    low: int
    high: int
    counts: dict[int, int]
    is_exact: bool

    def __len__(self) -> int:
        """Count the members."""

    def members(self) -> Iterator[Member]:
        """List every member once, if the band is exact; nothing otherwise."""

    def draw(
        self, number: int, *, rng: np.random.Generator, law: Law = "stages", stages: int | None = None
    ) -> list[Member]:
        """Draw members independently, with replacement.

        Args:
            number: how many.
            rng: source of randomness.
            law: "uniform" over all members, or "stages": first a number of stages, each alike, then uniform inside.
            stages: draw only members with this many stages, uniformly; overrides the law.

        Returns:
            `number` members; their order is part of the draw.
        """


class SpaceIndex(Protocol):
    """A whole space under a cap on MACs, ready to be counted, searched and drawn from.

    Attributes:
        max_macs: the cap on MACs for one image.
        is_exact: whether counts and extremes are exact.
    """

    max_macs: int
    is_exact: bool

    def size(self) -> int:
        """Count the whole space, caps aside; always exact."""

    def counts(self, at_most: IntArray) -> dict[int, IntArray]:
        """Count, per number of stages, the members with params up to each threshold; `at_most` and results [T]."""

    def margin(self, count: int, stages: int) -> int:
        """Return the half width of the 95 % interval of a count of members with `stages` stages; 0 if it is exact."""

    def smallest(self) -> Member | None:
        """Return the member of fewest params under the cap on MACs, None where there is none."""

    def largest(self, at_most: int) -> Member | None:
        """Return the member of most params up to `at_most` under the cap on MACs, None where there is none."""

    def most_macs(self, low: int, high: int) -> Member | None:
        """Return the member of most MACs, within their cap, with params from `low` to `high`; None where none is."""

    def band(self, low: int, high: int) -> Band:
        """Return the members with params from `low` to `high`, both included."""


def choose_stages(counts: Mapping[int, int], number: int, law: Law, rng: np.random.Generator) -> IntArray:
    """Draw a number of stages for each of `number` draws, by the law."""
    if not counts:
        raise ValueError("cannot draw from an empty set")
    sizes = np.array([float(size) for size in counts.values()])
    weights = sizes / sizes.sum() if law == "uniform" else np.full(len(sizes), 1 / len(sizes))
    chosen: IntArray = rng.choice(list(counts), size=number, p=weights)
    return chosen
