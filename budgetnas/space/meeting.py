"""The halves of a chain that meet at one link: the one place that counts, finds and picks whole members.

For every half of the one side, those of the other that complete it to a member of a band are found in a sorted list
(Horowitz and Sahni, "Computing partitions", JACM 21, 1974). A cap on MACs is a second threshold in the same look-up, so
counts and draws stay exact under both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from budgetnas.arrays import BoolArray, IntArray
from budgetnas.space.dominance import DominanceCounter, sort_stably
from budgetnas.space.outline import NEVER, RATES

_CHUNK = 8_192
_SCANNED = 10_000_000  # of the many; beyond these, looking each up in a counter is faster


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """Some of the partial members of a `Half`, by their index [N], with the costs [N] that they have at a link."""

    index: IntArray
    params: IntArray
    macs: IntArray

    def __len__(self) -> int:
        return len(self.index)

    def take(self, rows: IntArray | BoolArray) -> Side:
        """Return those at `rows`."""
        return Side(index=self.index[rows], params=self.params[rows], macs=self.macs[rows])

    def by_params(self) -> Side:
        """Return all in ascending order of params, equals in the order of now."""
        params, order = sort_stably(self.params)
        return Side(index=self.index[order], params=params, macs=self.macs[order])


class Meeting:
    """Two sides that meet at a link: every half of the one completes every half of the other.

    Args:
        few: one side.
        many: the other, sorted by params.
        few_are_fronts: whether the few are front halves, and the many back halves.
    """

    def __init__(self, few: Side, many: Side, *, few_are_fronts: bool = True) -> None:
        self.few, self.many, self.few_are_fronts = few, many, few_are_fronts

    @cached_property
    def counter(self) -> DominanceCounter:
        """A counter of the many's MACs below a threshold."""
        return DominanceCounter(self.many.macs)

    @cached_property
    def _least(self) -> IntArray:
        return np.concatenate([[NEVER], np.minimum.accumulate(self.many.macs)])

    @cached_property
    def most(self) -> IntArray:
        """The most MACs of the first n of the many, by n: [N + 1]."""
        return np.concatenate([[-NEVER], np.maximum.accumulate(self.many.macs)])

    def upto(self, at_most: int) -> IntArray:
        """Count the many that complete each of the few to members of params up to a threshold: [F]."""
        return np.searchsorted(self.many.params, at_most - self.few.params, side="right")

    def within(self, upto: IntArray, max_macs: int) -> IntArray:
        """Count those of the first `upto` of the many that complete each of the few within a cap on MACs: [F] both."""
        room = max_macs - self.few.macs
        if room.min() >= self.most[-1]:
            return upto
        all_fit = self.most[upto] <= room
        found = np.where(all_fit, upto, 0)
        some = np.flatnonzero(~all_fit & (self._least[upto] <= room))
        if len(some):
            found[some] = self.counter.count(upto[some], room[some])
        return found

    def window(self, low: int, high: int, max_macs: int) -> Window:
        """Return the members in a band under a cap on MACs."""
        below, upto = (self.within(self.upto(at_most), max_macs) for at_most in (low - 1, high))
        return Window(self, low, high, max_macs, below=below, upto=upto)

    def smallest(self, max_macs: int) -> tuple[int, int] | None:
        """Return the pair, of few and many, of fewest params under a cap on MACs."""
        order = np.argsort(self.many.macs, kind="stable")
        lightest = _running_argmin(self.many.params[order])
        last = np.searchsorted(self.many.macs[order], max_macs - self.few.macs, side="right") - 1
        few = np.flatnonzero(last >= 0)
        if not len(few):
            return None
        many = order[lightest[last[few]]]
        i = int((self.few.params[few] + self.many.params[many]).argmin())
        return int(few[i]), int(many[i])

    def largest(self, at_most: int, max_macs: int, *, above: int) -> tuple[int, int] | None:
        """Return the pair of most params up to a threshold under a cap on MACs, if it has more than `above`."""
        upto, room = self.upto(at_most), max_macs - self.few.macs
        few = np.flatnonzero((upto > 0) & (self._least[upto] <= room))
        many = upto[few] - 1
        params = self.few.params[few] + self.many.params[many]  # at most; so many where the last fits
        fits = self.many.macs[many] <= room[few]
        above = max(above, int(params[fits].max(initial=above)) - 1)
        few, many, fits = few[params > above], many[params > above], fits[params > above]
        rest = np.flatnonzero(~fits)
        if len(rest):
            stop, left = upto[few[rest]], room[few[rest]]
            number = self.counter.count(stop, left)
            many[rest] = self.counter.select(np.zeros_like(stop), stop, left, number - 1)
        params = self.few.params[few] + self.many.params[many]
        if not len(few) or params.max() <= above:
            return None
        i = int(params.argmax())
        return int(few[i]), int(many[i])

    def most_macs(
        self, low: int, high: int, max_macs: int, *, above: int, enough: int | None = None
    ) -> tuple[int, int] | None:
        """Return the pair of most MACs within a cap, with params from `low` to `high`, if it has more than `above`.

        Args:
            low: fewest params.
            high: most params.
            max_macs: cap on MACs.
            above: MACs that it must exceed.
            enough: MACs that cannot be exceeded: the first pair found that has as many is taken.
        """
        bound = self._macs_bound(high, max_macs)
        best, found = above, None
        order = np.argsort(-bound, kind="stable")
        for start in range(0, len(order), _CHUNK):
            few = order[start : start + _CHUNK]
            few = few[(bound[few] >= best) & (bound[few] > above)]
            if not len(few) or best == enough:
                break
            first = np.searchsorted(self.many.params, low - self.few.params[few], side="left")
            last = np.searchsorted(self.many.params, high - self.few.params[few], side="right")
            room = max_macs - self.few.macs[few]
            able = np.flatnonzero(self.counter.count(last, room) > self.counter.count(first, room))
            if len(able):
                few, first, last = few[able], first[able], last[able]
                macs = self.counter.largest(first, last, room[able])
                total = self.few.macs[few] + macs
                i = int(np.lexsort((few, -total))[0])
                if total[i] > best or (found is not None and total[i] == best and few[i] < found[0]):
                    many = first[i] + np.flatnonzero(self.many.macs[first[i] : last[i]] == macs[i])[0]
                    best, found = int(total[i]), (int(few[i]), int(many))
        return found

    def _macs_bound(self, high: int, max_macs: int) -> IntArray:
        """Return an upper bound of the MACs of a member with each of the few: [F]."""
        few, many = self.few, self.many
        bound: IntArray = np.minimum(few.macs + self.most[-1], max_macs)
        for rate in RATES:  # macs <= macs + rate * (high - params)
            most = (many.macs - rate * many.params).max()
            bound = np.minimum(bound, few.macs + most + rate * (high - few.params))
        return bound


class Window:
    """The members of a meeting in a band under a cap on MACs, in a fixed order: by the few.

    Args:
        meeting: the meeting.
        low: fewest params of the band.
        high: most params of the band.
        max_macs: the cap.
        below: [F] number of members below the band with each of the few.
        upto: [F] likewise, up to its end.
    """

    def __init__(
        self, meeting: Meeting, low: int, high: int, max_macs: int, *, below: IntArray, upto: IntArray
    ) -> None:
        self.meeting, self._low, self._high, self._max_macs = meeting, low, high, max_macs
        self._ends = np.cumsum(upto - below)

    def __len__(self) -> int:
        return max(0, int(self._ends[-1]))

    def pick(self, ranks: IntArray) -> tuple[IntArray, IntArray]:
        """Return the members at `ranks` [N] of the order: rows of the few and of the many, [N] each."""
        few = np.searchsorted(self._ends, ranks, side="right")
        ranks = ranks - np.where(few > 0, self._ends[few - 1], 0)
        many, params = self.meeting.many, self.meeting.few.params[few]
        room = self._max_macs - self.meeting.few.macs[few]
        start = np.searchsorted(many.params, self._low - params, side="left")
        picked = start + ranks
        tight = np.flatnonzero(room < self.meeting.most[-1])
        if len(tight):
            stop = np.searchsorted(many.params, self._high - params[tight], side="right")
            loose = self.meeting.most[stop] <= room[tight]
            tight, stop = tight[~loose], stop[~loose]
            picked[tight] = self._select(start[tight], stop, room[tight], ranks[tight])
        return few, picked

    def _select(self, start: IntArray, stop: IntArray, room: IntArray, ranks: IntArray) -> IntArray:
        """Return the rows, from `start` to `stop` - 1, of the many at `ranks` of those within the room; [N] all."""
        if (stop - start).sum() > _SCANNED:
            return self.meeting.counter.select(start, stop, room, ranks)
        macs = self.meeting.many.macs
        rows = zip(start.tolist(), stop.tolist(), room.tolist(), ranks.tolist(), strict=True)
        found = [first + np.flatnonzero(macs[first:last] <= most)[rank] for first, last, most, rank in rows]
        return np.array(found, dtype=np.int64)


def _running_argmin(values: IntArray) -> IntArray:
    """Return, for each prefix of `values`, the position of its smallest value."""
    lowest = np.minimum.accumulate(values)
    is_new = np.concatenate([[True], values[1:] < lowest[:-1]])
    return np.maximum.accumulate(np.where(is_new, np.arange(len(values)), 0))
