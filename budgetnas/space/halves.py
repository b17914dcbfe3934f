"""The two halves of a chain, to be met at one link after another."""

from __future__ import annotations

import numpy as np

from budgetnas.arrays import IntArray
from budgetnas.space.chain import Chain
from budgetnas.space.meeting import Meeting, Side
from budgetnas.space.members import Member, Members
from budgetnas.space.outline import NEVER, Outline


class Halves:
    """The two halves of a chain, without partial members that no member within the caps has.

    Args:
        chain: the chain.
        position: at which the halves meet.
        max_params: cap on params.
        max_macs: cap on MACs for one image.
    """

    def __init__(self, chain: Chain, position: int, *, max_params: int = NEVER, max_macs: int = NEVER) -> None:
        self.chain, self._position = chain, position
        self._caps = (max_params, max_macs)
        self._front, self._back = chain.halves(position, max_params=max_params, max_macs=max_macs)
        self._last_link = chain.link[self._front.rows[:, -1]]
        self._sizes = chain.sizes(position)
        self._before = [Outline(chain, *weights).before[position] for weights in ((1, 0), (0, 1))]

    def fronts(self, link: int) -> Side:
        """Return the front halves that show a link."""
        rows = np.flatnonzero(self._last_link == link)
        return Side(index=rows, params=self._front.params[rows], macs=self._front.macs[rows])

    def backs(self, link: int) -> Side:
        """Return the back halves that may follow a link, the step into them included."""
        chain, position, half = self.chain, self._position, self._back
        rows = np.arange(len(half.rows))
        params, macs = half.params, half.macs
        if position == len(chain):
            params, macs = (cost[link : link + 1] for cost in chain.end)
        else:
            first = half.rows[:, 0]
            if (allowed := chain.allowed[position]) is not None:
                rows = np.flatnonzero(allowed[link][first])
                first = first[rows]
            params, macs = (
                own[rows] + cost[link][first] for own, cost in zip((params, macs), chain.steps[position], strict=True)
            )
        side = Side(index=rows, params=params, macs=macs)
        fits = np.ones(len(rows), dtype=bool)
        for own, before, cap in zip((params, macs), self._before, self._caps, strict=True):
            fits &= own + before[link] <= cap
        return side if fits.all() else side.take(fits)

    def meet(self, link: int) -> Meeting | None:
        """Return the halves that meet at a link, the side that has more of them sorted; None where a side has none."""
        fronts, backs = self.fronts(link).by_params(), self.backs(link).by_params()
        if not len(fronts) or not len(backs):
            return None
        sizes = self._sizes[link]  # without caps, so that no cap changes the order of members
        return Meeting(fronts, backs) if sizes[0] <= sizes[1] else Meeting(backs, fronts, few_are_fronts=False)

    def members(self, meeting: Meeting, few: IntArray, many: IntArray, versions: IntArray | None = None) -> Members:
        """Return the members of pairs of halves, given as rows of the sides [N], in the given versions [N]."""
        fronts, backs = meeting.few.index[few], meeting.many.index[many]
        if not meeting.few_are_fronts:
            fronts, backs = backs, fronts
        rows = np.concatenate([self._front.rows[fronts], self._back.rows[backs]], axis=1)
        return Members(
            points=self.chain.points(rows, versions),
            params=meeting.few.params[few] + meeting.many.params[many],
            macs=meeting.few.macs[few] + meeting.many.macs[many],
        )

    def member(self, meeting: Meeting, few: int, many: int) -> Member:
        """Return the first version of one pair of halves."""
        return self.members(meeting, np.array([few]), np.array([many])).at(0)
