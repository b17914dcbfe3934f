"""A space in which only neighbouring positions share costs, as tables of the cost of each step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from budgetnas.arrays import BoolArray, IntArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """Members with one state per position; the cost of a step depends on its state and on the previous state's link.

    Attributes:
        states: [K, C] values of the K states of a position, in C columns of a point.
        columns: [S, C] columns of a point that each of the S positions sets.
        base: [D] the point's values in all other columns.
        link: [K] index, of L links, that a state shows to the next position.
        steps: per position, (params, macs) of the step, each [L, K]; [1, K] for the first position.
        allowed: [L, K] whether a state may follow a link; None where every state may.
        end: (params, macs) after the last link, each [L].
    """

    states: IntArray
    columns: IntArray
    base: IntArray
    link: IntArray
    steps: list[tuple[IntArray, IntArray]]
    starts: BoolArray | None = None
    allowed: BoolArray | None
    end: tuple[IntArray, IntArray]

    def __len__(self) -> int:
        return len(self.steps)

    def size(self) -> int:
        """Count the members, exactly, in Python integers."""
        ways = self._ways(1)
        first = np.arange(len(self.link)) if self.starts is None else np.flatnonzero(self.starts)
        members: int = len(self.base) * sum(ways[link] for link in self.link[first].tolist())
        return members

    def sorted_size(self) -> int:
        """Count the back halves that an exact index sorts: for each link in the middle, those that may follow it."""
        return sum(self._ways(self.middle))

    def _ways(self, start: int) -> list[int]:
        """Count the completions from position `start` to the end, by the previous state's link."""
        links = len(self.end[0])
        allowed = np.ones((links, len(self.link)), dtype=bool) if self.allowed is None else self.allowed
        ways = [1] * links
        for _ in self.steps[start:]:
            per_state = [ways[link] for link in self.link]
            ways = [sum(per_state[k] for k in np.flatnonzero(row)) for row in allowed]
        return ways

    @property
    def middle(self) -> int:
        """The position at which the halves meet."""
        return max(1, len(self) // 2)

    def points(self, rows: IntArray) -> IntArray:
        """Return the points [N, D] of members given as state indices [N, S], one per position."""
        return self.version(rows, np.zeros(len(rows), np.int64))

    def version(self, rows: IntArray, versions: IntArray) -> IntArray:
        """Return the points [N, D] of members in the given versions [N]."""
        points = self.base[versions]
        for position, columns in enumerate(self.columns):
            points[:, columns] = self.states[rows[:, position]]
        return points

    def cheapest(self) -> tuple[IntArray, int, int]:
        """Return the member of fewest params, exactly: its point [D], its params and its MACs."""
        links = len(self.end[0])
        best = self.end[0]  # fewest params from here to the end, by the previous state's link
        choices = []
        for params, _ in reversed(self.steps):
            costs = params + best[self.link]
            if len(params) > 1:
                costs = np.where(self._follows(np.arange(links)), costs, np.iinfo(np.int64).max)
            choices.append(costs.argmin(axis=1))
            best = costs.min(axis=1)
        rows: list[int] = []
        macs, link = 0, 0
        for choice, (_, step_macs) in zip(reversed(choices), self.steps, strict=True):
            row = int(choice[link])
            macs += int(step_macs[link, row])
            link = int(self.link[row])
            rows.append(row)
        return self.points(np.array([rows]))[0], int(best[0]), macs + int(self.end[1][link])

    def halves(self) -> tuple[Half, Half]:
        """Split the chain in two: partial members from the front and from the back, with their costs.

        The back half's costs exclude its first step, which depends on the link in the middle.
        """
        return self._front(self.middle), self._back(self.middle)

    def _front(self, length: int) -> Half:
        first = np.arange(len(self.link)) if self.starts is None else np.flatnonzero(self.starts)
        half = Half(rows=first[:, None], params=self.steps[0][0][0][first], macs=self.steps[0][1][0][first])
        for params, macs in self.steps[1:length]:
            link = self.link[half.rows[:, -1]]
            head, state = np.nonzero(self._follows(link))
            half = Half(
                rows=np.concatenate([half.rows[head], state[:, None]], axis=1),
                params=half.params[head] + params[link[head], state],
                macs=half.macs[head] + macs[link[head], state],
            )
        return half

    def _back(self, start: int) -> Half:
        if start == len(self):
            return Half(
                rows=np.empty((1, 0), dtype=np.int64),
                params=np.zeros(1, np.int64),
                macs=np.zeros(1, np.int64),
            )
        half = Half(
            rows=np.arange(len(self.link))[:, None],
            params=self.end[0][self.link],
            macs=self.end[1][self.link],
        )
        for params, macs in reversed(self.steps[start + 1 :]):
            first = half.rows[:, 0]
            state, tail = np.nonzero(self._follows(self.link)[:, first])
            half = Half(
                rows=np.concatenate([state[:, None], half.rows[tail]], axis=1),
                params=half.params[tail] + params[self.link[state], first[tail]],
                macs=half.macs[tail] + macs[self.link[state], first[tail]],
            )
        return half

    def _follows(self, link: IntArray) -> BoolArray:
        if self.allowed is None:
            return np.ones((len(link), len(self.link)), dtype=bool)
        return self.allowed[link]


@dataclass(frozen=True, kw_only=True, slots=True)
class Half:
    """Partial members: state indices [N, positions], params [N] and macs [N]."""

    rows: IntArray
    params: IntArray
    macs: IntArray
