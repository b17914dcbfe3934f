"""The exact set of architectures in a band of params: its size, its extremes, and seeded draws from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from budgetnas.arrays import IntArray
from budgetnas.budget import Budget, cap_number
from budgetnas.space.halves import Halves
from budgetnas.space.meeting import Meeting, Window
from budgetnas.space.members import BandCost, Member, Members, choose_strata
from budgetnas.space.outline import NEVER
from budgetnas.space.protocol import Space


class ArchitectureIndex:
    """A whole space, sorted so that any band of params can be counted, searched and sampled exactly.

    Args:
        space: a space with chains.
        max_macs: cap on MACs for one image; None for no cap.
    """

    cost: BandCost = "params"
    is_exact = True
    method = "exact, by meeting in the middle"

    def __init__(self, space: Space, *, max_macs: int | None) -> None:
        chains = space.chains()
        assert chains is not None
        self.space = space
        self.max_macs = max_macs
        self._macs_cap = cap_number(max_macs)
        self.halves = {stratum: Halves(chain, chain.middle) for stratum, chain in chains.items()}
        self.met = {stratum: _meetings(halves) for stratum, halves in self.halves.items()}

    def size(self) -> int:
        """Count the whole space, without caps."""
        return sum(halves.chain.size() for halves in self.halves.values())

    def counts(self, at_most: IntArray, *, ignore_macs: bool = False) -> dict[int, IntArray]:
        """Count the members up to each threshold by stratum, as `SpaceIndex.counts` defines."""
        cap = NEVER if ignore_macs else self._macs_cap
        return {
            stratum: self.halves[stratum].chain.versions
            * np.array(
                [sum(int(one.within(one.upto(most), cap).sum()) for one in meetings) for most in at_most.tolist()],
                dtype=np.int64,
            )
            for stratum, meetings in self.met.items()
        }

    def margin(self, count: int, stratum: int) -> int:
        """Return 0: the counts are exact."""
        return 0

    def smallest(self) -> Member | None:
        """Return the member of fewest params under the cap on MACs, or None."""
        best: Member | None = None
        for stratum, meetings in self.met.items():
            for meeting in meetings:
                pair = meeting.smallest(self._macs_cap)
                if pair is not None:
                    found = self.halves[stratum].member(meeting, *pair)
                    if best is None or found.params < best.params:
                        best = found
        return best

    def largest(self, at_most: int) -> Member | None:
        """Return the member of most params up to `at_most` under the cap on MACs, or None."""
        best: Member | None = None
        for stratum, meetings in self.met.items():
            for meeting in meetings:
                pair = meeting.largest(at_most, self._macs_cap, above=-1 if best is None else best.params)
                if pair is not None:
                    best = self.halves[stratum].member(meeting, *pair)
        return best

    def most_macs(self, low: int, high: int) -> Member | None:
        """Return the member of most MACs within their cap, with params from `low` to `high`, or None."""
        best: Member | None = None
        for stratum, meetings in self.met.items():
            for meeting in meetings:
                pair = meeting.most_macs(low, high, self._macs_cap, above=-1 if best is None else best.macs)
                if pair is not None:
                    best = self.halves[stratum].member(meeting, *pair)
        return best

    def band(self, low: int, high: int, *, also: Sequence[int] = ()) -> FeasibleSet:
        """Return the members with params from `low` to `high`, both included; `also` changes nothing."""
        return FeasibleSet(self, low=low, high=high)


def _meetings(halves: Halves) -> list[Meeting]:
    """Return the meetings at all links that have any, with the fronts in their order in the half."""
    sides = ((halves.fronts(link), halves.backs(link)) for link in range(len(halves.chain.end[0])))
    return [Meeting(fronts, backs.by_params()) for fronts, backs in sides if len(fronts) and len(backs)]


class FeasibleSet:
    """The members of a space whose params lie in a band, exactly.

    Attributes:
        low: fewest params of the band.
        high: most params of the band.
        budget: the caps of its members.
        counts: exact number of members by stratum, empty ones left out.
    """

    cost: BandCost = "params"
    is_exact = True

    def __init__(self, index: ArchitectureIndex, *, low: int, high: int) -> None:
        self.low, self.high = low, high
        self._index = index
        self.budget = Budget(max_params=high, max_macs=index.max_macs)
        cap = cap_number(index.max_macs)
        self._windows: dict[int, list[Window]] = {}
        for stratum, meetings in index.met.items():
            windows = (meeting.window(low, high, cap) for meeting in meetings)
            self._windows[stratum] = [window for window in windows if len(window)]
        self._versions = {stratum: halves.chain.versions for stratum, halves in index.halves.items()}
        self.counts = {
            stratum: self._versions[stratum] * sum(map(len, windows))
            for stratum, windows in self._windows.items()
            if windows
        }

    def __len__(self) -> int:
        return sum(self.counts.values())

    def members(self) -> Members:
        """List every member once, in the fixed order of the index."""
        strata = np.repeat(list(self.counts), list(self.counts.values()))
        ranks = np.concatenate([np.arange(0), *(np.arange(size) for size in self.counts.values())])
        return self._pick(strata, ranks)

    def draw(
        self, number: int, *, rng: np.random.Generator, stratified: bool = True, stratum: int | None = None
    ) -> Members:
        """Draw members independently, with replacement, as `Band.draw` defines."""
        strata = (
            np.full(number, stratum) if stratum is not None else choose_strata(self.counts, number, stratified, rng)
        )
        return self._pick(strata, rng.integers([self.counts[int(s)] for s in strata]))

    def _pick(self, strata: IntArray, ranks: IntArray) -> Members:
        """Return the members at `ranks` [N] of `strata` [N], in the fixed order of the index."""
        points = np.empty((len(ranks), len(self._index.space.dimensions)), dtype=np.int64)
        params, macs = np.empty(len(ranks), np.int64), np.empty(len(ranks), np.int64)
        for stratum, windows in self._windows.items():
            ends = np.cumsum([len(window) for window in windows])
            chosen = np.flatnonzero(strata == stratum)
            if not len(chosen):
                continue
            versions, rank = np.divmod(ranks[chosen], ends[-1])
            window_of = np.searchsorted(ends, rank, side="right")
            for i in np.unique(window_of):
                window, here = windows[i], window_of == i
                few, many = window.pick(rank[here] - (ends[i] - len(window)))
                found = self._index.halves[stratum].members(window.meeting, few, many, versions[here])
                rows = chosen[here]
                points[rows], params[rows], macs[rows] = found.points, found.params, found.macs
        return Members(points=points, params=params, macs=macs)
