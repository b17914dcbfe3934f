"""The exact set of architectures in a band of params: its size, its extremes, and seeded draws from it.

Chains are indexed by meeting in the middle: for every front half, the back halves that complete it to a member of the
band are found in a sorted list (Horowitz and Sahni, "Computing partitions", JACM 21, 1974). A cap on MACs is a second
threshold in the same look-up, so counts and draws stay exact under both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from budgetnas.arrays import IntArray
from budgetnas.budget import Budget, cap_number
from budgetnas.space.chain import Chain, Half
from budgetnas.space.dominance import DominanceCounter
from budgetnas.space.members import Member, Members, choose_strata
from budgetnas.space.protocol import Space


@dataclass(frozen=True, kw_only=True)
class _Meeting:
    """The halves that meet at one link: unsorted fronts, backs sorted by params."""

    fronts: IntArray  # indices into the front half
    front_params: IntArray
    front_macs: IntArray
    backs: IntArray  # indices into the back half
    back_params: IntArray
    back_macs: IntArray

    @cached_property
    def counter(self) -> DominanceCounter:
        """A counter of the backs' MACs below a threshold."""
        return DominanceCounter(self.back_macs)


class _MetChain:
    """One chain with its halves sorted for look-ups."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.front, self.back = chain.halves()
        last_link = chain.link[self.front.rows[:, -1]]
        self.meetings = [self._meet(link, np.flatnonzero(last_link == link)) for link in range(len(chain.end[0]))]

    def _meet(self, link: int, fronts: IntArray) -> _Meeting:
        backs, params, macs = _completions(self.chain, self.back, link, len(self.front.rows[0]))
        order = np.argsort(params, kind="stable")
        return _Meeting(
            fronts=fronts,
            front_params=self.front.params[fronts],
            front_macs=self.front.macs[fronts],
            backs=backs[order],
            back_params=params[order],
            back_macs=macs[order],
        )

    def member(self, meeting: _Meeting, front: int, back: int) -> Member:
        rows = np.concatenate([self.front.rows[meeting.fronts[front]], self.back.rows[meeting.backs[back]]])
        return Member(
            point=self.chain.points(rows[None])[0],
            params=int(meeting.front_params[front] + meeting.back_params[back]),
            macs=int(meeting.front_macs[front] + meeting.back_macs[back]),
        )


def _completions(chain: Chain, back: Half, link: int, position: int) -> tuple[IntArray, IntArray, IntArray]:
    if position == len(chain):
        return np.zeros(1, np.int64), chain.end[0][link : link + 1], chain.end[1][link : link + 1]
    first = back.rows[:, 0]
    backs = np.arange(len(first)) if chain.allowed is None else np.flatnonzero(chain.allowed[link][first])
    params, macs = chain.steps[position]
    first = first[backs]
    return backs, back.params[backs] + params[link, first], back.macs[backs] + macs[link, first]


class ArchitectureIndex:
    """A whole space, sorted so that any band of params can be counted, searched and sampled exactly.

    Args:
        space: a space with chains.
        max_macs: cap on MACs for one image; None for no cap.
    """

    is_exact = True
    method = "exact, by meeting in the middle"

    def __init__(self, space: Space, *, max_macs: int | None) -> None:
        chains = space.chains()
        assert chains is not None
        self.space = space
        self.max_macs = max_macs
        self._macs_cap = cap_number(max_macs)
        self._chains = {stratum: _MetChain(chain) for stratum, chain in chains.items()}

    def size(self) -> int:
        """Count the whole space, without caps."""
        return sum(met.chain.size() for met in self._chains.values())

    def counts(self, at_most: IntArray) -> dict[int, IntArray]:
        """Count, per stratum, the members with params up to each threshold; `at_most` and results [T]."""
        result = {}
        for stratum, met in self._chains.items():
            total = np.zeros(len(at_most), dtype=np.int64)
            for meeting in met.meetings:
                total += sum(self._per_front(meeting, at_most), start=np.zeros_like(total))
            result[stratum] = total * len(met.chain.base)
        return result

    def margin(self, count: int, stratum: int) -> int:
        """Return 0: the counts are exact."""
        return 0

    def smallest(self) -> Member | None:
        """Return the member of fewest params under the cap on MACs, or None."""
        best: Member | None = None
        for met, meeting in self._meetings():
            order = np.argsort(meeting.back_macs, kind="stable")
            lightest = _running_argmin(meeting.back_params[order])
            last = np.searchsorted(meeting.back_macs[order], self._macs_cap - meeting.front_macs, side="right") - 1
            fronts = np.flatnonzero(last >= 0)
            if len(fronts):
                backs = order[lightest[last[fronts]]]
                params = meeting.front_params[fronts] + meeting.back_params[backs]
                i = int(params.argmin())
                if best is None or params[i] < best.params:
                    best = met.member(meeting, int(fronts[i]), int(backs[i]))
        return best

    def largest(self, at_most: int) -> Member | None:
        """Return the member of most params up to `at_most` under the cap on MACs, or None."""
        best: Member | None = None
        for met, meeting in self._meetings():
            floor = -1 if best is None else best.params
            room = self._macs_cap - meeting.front_macs
            upto = np.searchsorted(meeting.back_params, at_most - meeting.front_params, side="right")
            promising = np.flatnonzero(upto > 0)
            promising = promising[meeting.front_params[promising] + meeting.back_params[upto[promising] - 1] > floor]
            backs = _last_within(meeting, upto[promising], room[promising])
            fronts, backs = promising[backs >= 0], backs[backs >= 0]
            if len(fronts):
                params = meeting.front_params[fronts] + meeting.back_params[backs]
                i = int(params.argmax())
                if params[i] > floor:
                    best = met.member(meeting, int(fronts[i]), int(backs[i]))
        return best

    def most_macs(self, low: int, high: int) -> Member | None:
        """Return the member of most MACs within their cap, with params from `low` to `high`, or None."""
        best: Member | None = None
        for met, meeting in self._meetings():
            first = np.searchsorted(meeting.back_params, low - meeting.front_params, side="left")
            last = np.searchsorted(meeting.back_params, high - meeting.front_params, side="right")
            room = self._macs_cap - meeting.front_macs
            counter = meeting.counter
            fronts = np.flatnonzero(counter.count(last, room) > counter.count(first, room))
            if not len(fronts):
                continue
            back_macs = counter.largest(first[fronts], last[fronts], room[fronts])
            i = int((meeting.front_macs[fronts] + back_macs).argmax())
            front = int(fronts[i])
            found = np.flatnonzero(meeting.back_macs[first[front] : last[front]] == back_macs[i])
            member = met.member(meeting, front, int(first[front] + found[0]))
            if best is None or member.macs > best.macs:
                best = member
        return best

    def band(self, low: int, high: int) -> FeasibleSet:
        """Return the members with params from `low` to `high`, both included."""
        return FeasibleSet(self, low=low, high=high)

    def _meetings(self) -> Iterator[tuple[_MetChain, _Meeting]]:
        for met in self._chains.values():
            for meeting in met.meetings:
                if len(meeting.fronts) and len(meeting.backs):
                    yield met, meeting

    def _per_front(self, meeting: _Meeting, at_most: IntArray) -> Iterator[IntArray]:
        """Yield one [T] array of counts per chunk of fronts."""
        if len(meeting.fronts) and len(meeting.backs):
            yield self._partners(meeting, at_most).sum(axis=0)

    def _partners(self, meeting: _Meeting, at_most: IntArray) -> IntArray:
        """Count each front's partners up to each threshold: [F, T]."""
        room = at_most[None, :] - meeting.front_params[:, None]
        first = np.searchsorted(meeting.back_params, room.ravel(), side="right")
        macs_room = self._macs_cap - meeting.front_macs
        if macs_room.min() >= meeting.back_macs.max():
            return first.reshape(room.shape)
        return meeting.counter.count(first, np.repeat(macs_room, len(at_most))).reshape(room.shape)


class FeasibleSet:
    """The members of a space whose params lie in a band, exactly.

    Attributes:
        low: fewest params of the band.
        high: most params of the band.
        budget: the caps of its members.
        counts: exact number of members by stratum, empty ones left out.
    """

    is_exact = True

    def __init__(self, index: ArchitectureIndex, *, low: int, high: int) -> None:
        self.low, self.high = low, high
        self._index = index
        self.budget = Budget(max_params=high, max_macs=index.max_macs)
        self._macs_cap = index._macs_cap
        self._rooms: dict[int, list[tuple[_MetChain, _Meeting, IntArray]]] = {}
        thresholds = np.array([low - 1, high], dtype=np.int64)
        for stratum, met in index._chains.items():
            rooms = []
            for meeting in met.meetings:
                if len(meeting.fronts) and len(meeting.backs):
                    below, upto = index._partners(meeting, thresholds).T
                    rooms.append((met, meeting, np.cumsum(upto - below)))
            self._rooms[stratum] = [room for room in rooms if room[2][-1] > 0]
        self.counts = {
            stratum: len(rooms[0][0].chain.base) * sum(int(room[2][-1]) for room in rooms)
            for stratum, rooms in self._rooms.items()
            if rooms
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
        for stratum, rooms in self._rooms.items():
            ends = np.cumsum([room[2][-1] for room in rooms])
            chosen = np.flatnonzero(strata == stratum)
            if not len(chosen):
                continue
            versions, within = np.divmod(ranks, ends[-1])
            room_of = np.searchsorted(ends, within[chosen], side="right")
            for i in np.unique(room_of):
                met, meeting, front_ends = rooms[i]
                rows = chosen[room_of == i]
                rank = within[rows] - (ends[i] - front_ends[-1])
                fronts = np.searchsorted(front_ends, rank, side="right")
                rank -= np.where(fronts > 0, front_ends[fronts - 1], 0)
                backs = self._backs(meeting, fronts, rank)
                halves = met.front.rows[meeting.fronts[fronts]], met.back.rows[meeting.backs[backs]]
                points[rows] = met.chain.version(np.concatenate(halves, axis=1), versions[rows])
                params[rows] = meeting.front_params[fronts] + meeting.back_params[backs]
                macs[rows] = meeting.front_macs[fronts] + meeting.back_macs[backs]
        return Members(points=points, params=params, macs=macs)

    def _backs(self, meeting: _Meeting, fronts: IntArray, ranks: IntArray) -> IntArray:
        """Return, for each front, the back at the given rank among its partners in the band."""
        start = np.searchsorted(meeting.back_params, self.low - meeting.front_params[fronts], side="left")
        room = self._macs_cap - meeting.front_macs[fronts]
        backs = start + ranks
        tight = np.flatnonzero(room < meeting.back_macs.max())
        stop = np.searchsorted(meeting.back_params, self.high - meeting.front_params[fronts[tight]], side="right")
        for i, end in zip(tight, stop, strict=True):
            backs[i] = start[i] + np.flatnonzero(meeting.back_macs[start[i] : end] <= room[i])[ranks[i]]
        return backs


def _last_within(meeting: _Meeting, upto: IntArray, room: IntArray) -> IntArray:
    """Return the last of the first `upto` backs with at most `room` MACs, or -1; all [Q], upto >= 1."""
    result = upto - 1
    rest = np.flatnonzero(meeting.back_macs[result] > room)
    if not len(rest):
        return result
    # Bisect for the shortest prefix that has as many fitting backs as the whole: the last one is at its end.
    upto, room = upto[rest], room[rest]
    wanted = meeting.counter.count(upto, room)
    low, high = np.zeros_like(upto), upto
    while (low < high).any():
        middle = (low + high) // 2
        has_all = meeting.counter.count(middle, room) >= wanted
        low, high = np.where(has_all, low, middle + 1), np.where(has_all, middle, high)
    result[rest] = low - 1
    return result


def _running_argmin(values: IntArray) -> IntArray:
    """Return, for each prefix of `values`, the position of its smallest value."""
    lowest = np.minimum.accumulate(values)
    is_new = np.concatenate([[True], values[1:] < lowest[:-1]])
    return np.maximum.accumulate(np.where(is_new, np.arange(len(values)), 0))
