"""Uniform draws that are kept of a band, and the band that is known by its counts and by these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from budgetnas.arrays import IntArray
from budgetnas.budget import Budget
from budgetnas.space.listing import Listing, compact
from budgetnas.space.members import BandCost, Members, choose_strata

KEPT = 20_000  # draws from each stratum


class Reservoir:
    """Independent uniform draws from a set whose parts come one after another; all members while these are few.

    Args:
        rng: source of random numbers.
        size: number of draws.
    """

    def __init__(self, rng: np.random.Generator, size: int = KEPT) -> None:
        self._rng, self._size = rng, size
        self._seen = 0
        self._kept: Members | None = None

    def add(self, number: int, pick: Callable[[IntArray], Members]) -> None:
        """Draw from one more part of the set.

        Args:
            number: of its members.
            pick: returns the members at ranks [N] of it.
        """
        if number <= 0:
            return
        before, self._seen = self._seen, self._seen + number
        if self._seen <= self._size:
            part = pick(np.arange(number))
            self._kept = part if self._kept is None else Members.join([self._kept, part])
            return
        is_new = self._rng.random(self._size) < number / self._seen
        fresh = pick(self._rng.integers(number, size=int(is_new.sum())))
        if self._kept is None:  # the first part, so all are new
            self._kept = fresh
            return
        # Draws from what came before: all members of it as yet, or draws already.
        rows = self._rng.integers(before, size=self._size) if before <= self._size else np.arange(self._size)
        rows[is_new] = len(self._kept) + np.arange(len(fresh))
        self._kept = Members.join([self._kept, fresh]).take(rows)

    def members(self, dimensions: int) -> Members:
        """Return the draws, with points of so many dimensions in the smallest type of integer."""
        if self._kept is None:
            none = np.zeros(0, dtype=np.int64)
            return Members(points=np.zeros((0, dimensions), dtype=np.int64), params=none, macs=none)
        return replace(self._kept, points=compact(self._kept.points))  # type: ignore[arg-type]  # until it is taken


class StreamedBand:
    """The members of a space whose params lie in a band, by exact counts and by draws kept of each stratum.

    Attributes:
        low: fewest params of the band.
        high: most params of the band.
        budget: the caps of its members.
        counts: exact number of members by stratum, empty ones left out.
        kept: of each stratum 20,000 draws, or every member once where it has no more.
    """

    cost: BandCost = "params"
    is_exact = True

    def __init__(self, low: int, high: int, *, max_macs: int | None, counts: Mapping[int, int], kept: Listing) -> None:
        self.low, self.high = low, high
        self.budget = Budget(max_params=high, max_macs=max_macs)
        self.counts = {stratum: count for stratum, count in counts.items() if count > 0}
        self.kept = kept

    def __len__(self) -> int:
        return sum(self.counts.values())

    def members(self) -> Members:
        """List every member once, by params, if the band has at most 20,000; else nothing."""
        return self.kept.take(slice(None) if len(self) <= KEPT else slice(0))

    def draw(
        self, number: int, *, rng: np.random.Generator, stratified: bool = True, stratum: int | None = None
    ) -> Members:
        """Draw from the kept members, as `Band.draw` defines: exactly where all of a stratum are kept."""
        strata = (
            np.full(number, stratum) if stratum is not None else choose_strata(self.counts, number, stratified, rng)
        )
        rows = [self.kept.by_stratum[int(one)] for one in strata]
        ranks = rng.integers([len(one) for one in rows])
        chosen = [one[rank] for one, rank in zip(rows, ranks, strict=True)]
        return self.kept.take(np.array(chosen, dtype=np.int64))
