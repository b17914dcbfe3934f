"""The bounds of the costs of a chain's members, and the steps in which they come, by tables alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from budgetnas.arrays import BoolArray, IntArray

if TYPE_CHECKING:
    from budgetnas.space.chain import Chain

NEVER = 2**61  # beyond all costs, which can be added to it, and twice of which is still an int64
RATES = (4, 16, 64, 128, 256, 512, 1024)  # MACs per parameter: the pixels of feature maps


class Outline:
    """The least `params * p + macs * m` of a chain's members, by the link before each position.

    Attributes:
        before: per position, the least of the positions before it, by their last link; [L], or [1] for the first.
        rest: per position and at the end, the least from it on, by the link before it; [L], or [1] for the first.
    """

    def __init__(self, chain: Chain, params: int, macs: int) -> None:
        self._chain = chain
        self._steps = [params * one + macs * other for one, other in chain.steps]
        links = len(chain.end[0])
        self.rest = [params * chain.end[0] + macs * chain.end[1]]
        for position in reversed(range(len(chain))):
            costs = np.where(chain.may_follow(position), self._steps[position] + self.rest[0][chain.link], NEVER)
            self.rest.insert(0, np.minimum(costs.min(axis=1), NEVER))
        self.before = [np.zeros(1, dtype=np.int64)]
        for position in range(len(chain)):
            least = np.full(links, NEVER)
            np.minimum.at(least, chain.link, self.entry(position))
            self.before.append(least)

    def entry(self, position: int) -> IntArray:
        """Return the least up to each state at a position, its step included: [K]."""
        costs = self.before[position][:, None] + self._steps[position]
        least: IntArray = np.where(self._chain.may_follow(position), costs, NEVER).min(axis=0)
        return np.minimum(least, NEVER)

    def through(self, position: int) -> IntArray:
        """Return the least of whole members, by the link before a position: [L]; about `NEVER` where there are none."""
        found: IntArray = self.before[position] + self.rest[position]
        return found


class Residues:
    """The finest arithmetic progression that holds one cost of all members through each link in the middle.

    Args:
        chain: the chain.
        cost: 0 for params, 1 for MACs.
        position: at which its halves meet.
    """

    def __init__(self, chain: Chain, cost: int, position: int) -> None:
        steps = [tables[cost] for tables in chain.steps]
        back = _Progressions(chain.end[cost], np.zeros_like(chain.end[cost]))
        for at in reversed(range(position, len(chain))):
            costs, gaps = steps[at] + back.first[chain.link], np.broadcast_to(back.gap[chain.link], steps[at].shape)
            may = chain.may_follow(at) & (back.gap[chain.link] != _NONE)
            back = _Progressions.of([(row[one], gap[one]) for row, gap, one in zip(costs, gaps, may, strict=True)])
        front = _Progressions(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))
        for at in range(position):
            costs, gaps = steps[at] + front.first[:, None], np.broadcast_to(front.gap[:, None], steps[at].shape)
            may = chain.may_follow(at) & (front.gap != _NONE)[:, None]
            to = [may & (chain.link == link) for link in range(len(chain.end[0]))]
            front = _Progressions.of([(costs[one], gaps[one]) for one in to])
        is_none = (front.gap == _NONE) | (back.gap == _NONE)
        self._first, self._gap = front.first + back.first, np.where(is_none, _NONE, np.gcd(front.gap, back.gap))

    def last_upto(self, most: IntArray) -> IntArray:
        """Return the greatest cost up to `most` that the progressions hold, or -`NEVER`, by link; both [L]."""
        gap = np.maximum(self._gap, 1)
        found = np.where(self._gap > 0, most - (most - self._first) % gap, self._first)
        return np.where((self._gap == _NONE) | (found > most), -NEVER, found)


_NONE = -1


@dataclass(frozen=True, slots=True)
class _Progressions:
    """Arithmetic progressions, one for each link: a value, and the gap between two; 0 for one value, -1 for none."""

    first: IntArray
    gap: IntArray

    @classmethod
    def of(cls, parts: list[tuple[IntArray, IntArray]]) -> _Progressions:
        """Join the progressions (first [N], gap [N]) that each link has."""
        first = [int(values[0]) if len(values) else 0 for values, _ in parts]
        gap = [
            int(np.gcd(np.gcd.reduce(values - values[0]), np.gcd.reduce(gaps))) if len(values) else _NONE
            for values, gaps in parts
        ]
        return cls(np.array(first, dtype=np.int64), np.array(gap, dtype=np.int64))


def least_params(chain: Chain, position: int, *, max_macs: int) -> IntArray:
    """Return a lower bound of params under a cap on MACs, by the link before a position: [L]; `NEVER` for none."""
    least, macs = (Outline(chain, *weights).through(position) for weights in ((1, 0), (0, 1)))
    return np.where(_exists(least) & (macs <= max_macs), least, NEVER)


def most_params(chain: Chain, position: int, *, at_most: int, max_macs: int) -> IntArray:
    """Return an upper bound of params up to `at_most` under a cap on MACs, by link: [L]; -`NEVER` where none fits."""
    least = least_params(chain, position, max_macs=max_macs)
    found = np.minimum(-Outline(chain, -1, 0).through(position), at_most)
    for rate in RATES:  # rate * params <= rate * params + (max_macs - macs)
        found = np.minimum(found, (min(max_macs, NEVER) - Outline(chain, -rate, 1).through(position)) // rate)
    return np.where(least <= at_most, Residues(chain, 0, position).last_upto(found), -NEVER)


def most_macs(chain: Chain, position: int, *, low: int, high: int, max_macs: int) -> IntArray:
    """Return an upper bound of MACs up to a cap with params from `low` to `high`, by link: [L]; -`NEVER` where none."""
    least = least_params(chain, position, max_macs=max_macs)
    most = np.maximum(-Outline(chain, -1, 0).through(position), -1)
    found = np.minimum(-Outline(chain, 0, -1).through(position), max_macs)
    for rate in RATES:  # macs <= macs + rate * (high - params)
        found = np.minimum(found, rate * np.minimum(high, most) - Outline(chain, rate, -1).through(position))
    return np.where((least <= high) & (most >= low), Residues(chain, 1, position).last_upto(found), -NEVER)


def _exists(least: IntArray) -> BoolArray:
    return least < NEVER // 2
