"""A space in which only neighbouring positions share costs, as tables of the cost of each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from budgetnas.arch.device import Precision
from budgetnas.arrays import BoolArray, IntArray
from budgetnas.space.outline import NEVER, Outline


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """The costs that a chain counts, and the cap on memory that its members fit.

    Attributes:
        main: the cost that stands for params, by which members are sorted; peak memory does not add up, so with it a
            chain can only say which member needs least.
        second: the cost that stands for MACs.
        max_memory: in bytes; None for no cap.
        weights: precision of weights and tensors.
    """

    main: str = "params"
    second: str = "macs"
    max_memory: int | None = None
    weights: Precision = "fp32"


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """Members with one state per position; the cost of a step depends on its state and on the previous state's link.

    Its costs are called params and MACs here and in all that works on a chain; `Prices` puts others in their places.

    Attributes:
        states: [K, C] values of the K states of a position, in C columns of a point.
        columns: [S, C] columns of a point that each of the S positions sets.
        base: [V, D] values of all other columns in the V versions of a member: every row of states is V members of
            equal cost. A version's members come before those of the next.
        link: [K] index, of L links, that a state shows to the next position.
        steps: per position, (params, macs) of the step, each [L, K]; [1, K] for the first position.
        allowed: per position, whether a state may follow a link, [L, K], or come first, [1, K]; None where every state
            may.
        end: (params, macs) after the last link, each [L].
    """

    states: IntArray
    columns: IntArray
    base: IntArray
    link: IntArray
    steps: list[tuple[IntArray, IntArray]]
    allowed: Sequence[BoolArray | None]
    end: tuple[IntArray, IntArray]

    def __len__(self) -> int:
        return len(self.steps)

    def size(self) -> int:
        """Count the members, exactly, in Python integers."""
        return self.versions * self._backs(0)[0]

    def sorted_size(self) -> int:
        """Count the back halves that an exact index sorts: for each link in the middle, those that may follow it."""
        return sum(self._backs(self.middle))

    def sizes(self, position: int) -> list[tuple[int, int]]:
        """Count, for each link before a position, the partial members up to it and their completions."""
        fronts = [1]
        for at in range(position):
            to = self._transitions(at)
            fronts = [sum(more * row[link] for more, row in zip(fronts, to, strict=True)) for link in range(len(to[0]))]
        return list(zip(fronts, self._backs(position), strict=True))

    def _backs(self, start: int) -> list[int]:
        """Count the completions from position `start` to the end, by the previous state's link."""
        ways = [1] * len(self.end[0])
        for position in reversed(range(start, len(self))):
            to = self._transitions(position)
            ways = [sum(number * more for number, more in zip(row, ways, strict=True)) for row in to]
        return ways

    def _transitions(self, position: int) -> list[list[int]]:
        """Count the states of each link that may stand at a position after each: [L][L], or [1][L] for the first."""
        links = len(self.end[0])
        return [np.bincount(self.link[may], minlength=links).tolist() for may in self.may_follow(position)]

    @property
    def middle(self) -> int:
        """The position at which the halves meet."""
        return max(1, len(self) // 2)

    @property
    def versions(self) -> int:
        """The number of members that share a row of states."""
        return len(self.base)

    def may_follow(self, position: int) -> BoolArray:
        """Return whether a state may stand at a position after a link: [L, K], or [1, K] for the first position."""
        may = self.allowed[position]
        return np.ones((len(self.end[0]) if position else 1, len(self.link)), dtype=bool) if may is None else may

    def points(self, rows: IntArray, versions: IntArray | None = None) -> IntArray:
        """Return the points [N, D] of members given as state indices [N, S], one per position, and versions [N]."""
        points = self.base[np.zeros(len(rows), dtype=np.int64) if versions is None else versions]
        for position, columns in enumerate(self.columns):
            points[:, columns] = self.states[rows[:, position]]
        return points

    def cheapest(self, join: Callable[..., IntArray] = np.add) -> tuple[IntArray, int, int]:
        """Return the member of fewest params, exactly: the point [D] of its first version, its params and its MACs.

        With `np.maximum` as `join`, params are the largest of the steps', not their sum. There must be a member.
        """
        best = self.end[0]  # fewest params from here to the end, by the previous state's link
        choices = []
        for position in reversed(range(len(self))):
            costs = np.where(self.may_follow(position), join(self.steps[position][0], best[self.link]), NEVER)
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

    def halves(self, position: int, *, max_params: int = NEVER, max_macs: int = NEVER) -> tuple[Half, Half]:
        """Split the chain at a position in two: partial members from the front and from the back, with their costs.

        The back half's costs exclude its first step, which depends on the link in the middle. Partial members that no
        member within the caps has are left out.
        """
        caps = (max_params, max_macs)
        outlines = [Outline(self, *weights) for weights in ((1, 0), (0, 1))] if min(caps) < NEVER else []
        return self._front(position, outlines, caps), self._back(position, outlines, caps)

    def _front(self, length: int, outlines: list[Outline], caps: tuple[int, int]) -> Half:
        half = Half.of_none()
        for position, (params, macs) in enumerate(self.steps[:length]):
            link = self.link[half.rows[:, -1]] if position else np.zeros(1, dtype=np.int64)
            head, state = np.nonzero(self.may_follow(position)[link])
            half = Half(
                rows=np.concatenate([half.rows[head], state[:, None]], axis=1),
                params=half.params[head] + params[link[head], state],
                macs=half.macs[head] + macs[link[head], state],
            )
            half = half.within([outline.rest[position + 1][self.link[state]] for outline in outlines], caps)
        return half

    def _back(self, start: int, outlines: list[Outline], caps: tuple[int, int]) -> Half:
        half = Half.of_none()
        for position in reversed(range(start, len(self))):
            if position == len(self) - 1:
                half = Half(
                    rows=np.arange(len(self.link))[:, None], params=self.end[0][self.link], macs=self.end[1][self.link]
                )
            else:
                (params, macs), first = self.steps[position + 1], half.rows[:, 0]
                state, tail = np.nonzero(self.may_follow(position + 1)[self.link][:, first])
                half = Half(
                    rows=np.concatenate([state[:, None], half.rows[tail]], axis=1),
                    params=half.params[tail] + params[self.link[state], first[tail]],
                    macs=half.macs[tail] + macs[self.link[state], first[tail]],
                )
            half = half.within([outline.entry(position)[half.rows[:, 0]] for outline in outlines], caps)
        return half


@dataclass(frozen=True, kw_only=True, slots=True)
class Half:
    """Partial members: state indices [N, positions], params [N] and macs [N]."""

    rows: IntArray
    params: IntArray
    macs: IntArray

    @classmethod
    def of_none(cls) -> Half:
        """Return the one partial member of no positions."""
        return cls(rows=np.zeros((1, 0), np.int64), params=np.zeros(1, np.int64), macs=np.zeros(1, np.int64))

    def within(self, others: list[IntArray], caps: tuple[int, int]) -> Half:
        """Return those within the caps on params and MACs with `others`, costs [N] of each kind, added."""
        fits = np.ones(len(self.rows), dtype=bool)
        for own, other, cap in zip((self.params, self.macs), others, caps, strict=False):
            fits &= own + other <= cap
        return self if fits.all() else Half(rows=self.rows[fits], params=self.params[fits], macs=self.macs[fits])
