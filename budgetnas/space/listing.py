"""Members in a list sorted by params, with its queries, and the index of a space that is small enough to list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from budgetnas.arrays import IntArray
from budgetnas.budget import Budget, cap_number
from budgetnas.space.members import BandCost, Member, Members, choose_strata
from budgetnas.space.protocol import Space, grid_points, grid_size, is_member

_CHUNK = 100_000


class Listing:
    """Members sorted by params, with points in the smallest integer type that holds them.

    Args:
        members: [N] in any order, their points in any type of integer.
        strata: [N] stratum of each member.
    """

    def __init__(self, members: Members, strata: npt.NDArray[np.integer]) -> None:
        order = np.argsort(members.params, kind="stable")
        self.points = compact(members.points)[order]
        self.params, self.macs, self.strata = members.params[order], members.macs[order], compact(strata)[order]

    def __len__(self) -> int:
        return len(self.params)

    def take(self, rows: npt.NDArray[np.integer] | slice) -> Members:
        """Return the members at the given positions."""
        return Members(points=self.points[rows].astype(np.int64), params=self.params[rows], macs=self.macs[rows])

    def at(self, row: int) -> Member:
        """Return the member at a position."""
        return self.take(np.array([row])).at(0)

    @cached_property
    def by_stratum(self) -> dict[int, IntArray]:
        """Positions in the list, by stratum."""
        return {int(stratum): np.flatnonzero(self.strata == stratum) for stratum in np.unique(self.strata)}

    def counts(self, at_most: IntArray, others: Mapping[int, IntArray]) -> dict[int, IntArray]:
        """Count, per stratum, the members with params up to each threshold; `at_most` and results [T].

        `others` are counted too: params in ascending order, by stratum.
        """
        params = [{stratum: self.params[rows] for stratum, rows in self.by_stratum.items()}, others]
        found = {stratum: np.zeros(len(at_most), dtype=np.int64) for part in params for stratum in part}
        for part in params:
            for stratum, values in part.items():
                found[stratum] += np.searchsorted(values, at_most, side="right")
        return found

    def smallest(self) -> Member | None:
        """Return the member of fewest params, or None."""
        return self.at(0) if len(self) else None

    def largest(self, at_most: int) -> Member | None:
        """Return the member of most params up to `at_most`, or None."""
        end = int(np.searchsorted(self.params, at_most, side="right"))
        return self.at(end - 1) if end else None

    def most_macs(self, low: int, high: int) -> Member | None:
        """Return the member of most MACs with params from `low` to `high`, or None."""
        start, end = self.span(low, high)
        return self.at(start + int(self.macs[start:end].argmax())) if end > start else None

    def span(self, low: int, high: int) -> tuple[int, int]:
        """Return (start, stop) of the members with params from `low` to `high`."""
        start = np.searchsorted(self.params, low, side="left")
        return int(start), max(int(start), int(np.searchsorted(self.params, high, side="right")))


def compact(values: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """Return integers in the smallest signed type that holds them all."""
    largest = int(np.abs(values).max(initial=0))
    return values.astype(np.min_scalar_type(-largest - 1))


class ListedIndex:
    """A whole space with every member listed.

    Args:
        space: a space whose grid has at most some ten million points, if `points` are not given.
        max_macs: cap on MACs for one image; None for no cap.
        points: [N, D] of the members to list; default: all of the space.
    """

    cost: BandCost = "params"
    is_exact = True
    method = "exact, by listing every network"

    def __init__(self, space: Space, *, max_macs: int | None, points: IntArray | None = None) -> None:
        self.space = space
        self.max_macs = max_macs
        kept, strata = list[Members](), list[IntArray]()
        excluded: list[tuple[IntArray, IntArray]] = []
        self._size = 0
        for some in _chunks(space) if points is None else [points]:
            self._size += len(some)
            found = Members(points=some, params=space.params(some), macs=space.macs(some))
            fits = found.macs <= cap_number(max_macs)
            excluded.append((space.strata(found.points[~fits]), found.params[~fits]))
            found = found.take(fits)
            strata.append(space.strata(found.points))
            kept.append(replace(found, points=compact(found.points)))  # type: ignore[arg-type]  # until it is taken
        self.listing = Listing(Members.join(kept), np.concatenate(strata))
        of, params = (np.concatenate(parts) for parts in zip(*excluded, strict=True))
        self._excluded = {int(stratum): np.sort(params[of == stratum]) for stratum in np.unique(of)}

    def size(self) -> int:
        """Count the whole space, without caps."""
        return self._size

    def counts(self, at_most: IntArray, *, ignore_macs: bool = False) -> dict[int, IntArray]:
        """Count the members up to each threshold by stratum, as `SpaceIndex.counts` defines."""
        return self.listing.counts(at_most, self._excluded if ignore_macs else {})

    def margin(self, count: int, stratum: int) -> int:
        """Return 0: the counts are exact."""
        return 0

    def smallest(self) -> Member | None:
        """Return the member of fewest params under the cap on MACs, or None."""
        return self.listing.smallest()

    def largest(self, at_most: int) -> Member | None:
        """Return the member of most params up to `at_most` under the cap on MACs, or None."""
        return self.listing.largest(at_most)

    def most_macs(self, low: int, high: int) -> Member | None:
        """Return the member of most MACs within their cap, with params from `low` to `high`, or None."""
        return self.listing.most_macs(low, high)

    def band(self, low: int, high: int, *, also: Sequence[int] = ()) -> ListedSet:
        """Return the members with params from `low` to `high`, both included; `also` changes nothing."""
        return ListedSet(self, low=low, high=high)


def _chunks(space: Space) -> Iterator[IntArray]:
    """Yield the members of a space, part by part."""
    total = grid_size(space)
    for start in range(0, total, _CHUNK):
        points = grid_points(space, np.arange(start, min(total, start + _CHUNK)))
        yield points[is_member(space, points)]


class ListedSet:
    """The members of a listed space whose params lie in a band.

    Attributes:
        low: fewest params of the band.
        high: most params of the band.
        budget: the caps of its members.
        counts: exact number of members by stratum, empty ones left out.
    """

    cost: BandCost = "params"
    is_exact = True

    def __init__(self, index: ListedIndex, *, low: int, high: int) -> None:
        self.low, self.high = low, high
        self.budget = Budget(max_params=high, max_macs=index.max_macs)
        self._listing = index.listing
        start, end = index.listing.span(low, high)
        self._span = slice(start, end)
        strata = index.listing.strata[start:end]
        self._rows = {int(stratum): start + np.flatnonzero(strata == stratum) for stratum in np.unique(strata)}
        self.counts = {stratum: len(rows) for stratum, rows in self._rows.items()}

    def __len__(self) -> int:
        return self._span.stop - self._span.start

    def members(self) -> Members:
        """List every member once, by params."""
        return self._listing.take(self._span)

    def draw(
        self, number: int, *, rng: np.random.Generator, stratified: bool = True, stratum: int | None = None
    ) -> Members:
        """Draw members independently, with replacement, as `Band.draw` defines."""
        strata = (
            np.full(number, stratum) if stratum is not None else choose_strata(self.counts, number, stratified, rng)
        )
        ranks = rng.integers([self.counts[int(s)] for s in strata])
        chosen = [self._rows[int(s)][rank] for s, rank in zip(strata, ranks, strict=True)]
        return self._listing.take(np.array(chosen, dtype=np.int64))
