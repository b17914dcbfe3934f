"""The same questions as `feasible` answers, by uniform draws, for grids too fine to sort.

Draws from the whole space are exactly uniform (the number of ways to complete a partial member is known for every
link); members of a band are found among them by rejection. Counts are estimates, extremes are the best that was drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from budgetnas.space.chain import Chain
from budgetnas.space.members import Law, Member, choose_stages

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
SURVEY = 200_000
BATCH = 50_000
PATIENCE = 4


class UniformDraws:
    """Exactly uniform draws from one chain.

    Args:
        chain: the space of one number of stages.
    """

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        links = len(chain.end[0])
        allowed = np.ones((links, len(chain.link)), dtype=bool) if chain.allowed is None else chain.allowed
        ways = np.ones(links)
        tables: list[FloatArray] = []
        for position in reversed(range(len(chain))):
            weights = np.where(allowed, ways[chain.link], 0.0) if position else ways[chain.link][None, :]
            tables.append(np.cumsum(weights, axis=1))
            ways = weights.sum(axis=1)
        self._tables = tables[::-1]

    def draw(self, number: int, rng: np.random.Generator) -> tuple[IntArray, IntArray, IntArray]:
        """Return state indices [number, S], params [number] and macs [number]."""
        chain = self.chain
        link = np.zeros(number, dtype=np.int64)
        rows, params, macs = [], np.zeros(number, np.int64), np.zeros(number, np.int64)
        for table, (step_params, step_macs) in zip(self._tables, chain.steps, strict=True):
            row = link if len(table) > 1 else np.zeros(number, dtype=np.int64)
            state = _choose(table, row, rng)
            params += step_params[row, state]
            macs += step_macs[row, state]
            link = chain.link[state]
            rows.append(state)
        return np.stack(rows, axis=1), params + chain.end[0][link], macs + chain.end[1][link]


class SampledIndex:
    """A whole space known by its exact size and by 200,000 uniform draws of each number of stages.

    Args:
        chains: the space by number of stages.
        max_macs: cap on MACs for one image; None for no cap.
        seed: of the survey.
    """

    is_exact = False

    def __init__(self, chains: Mapping[int, Chain], *, max_macs: int | None, seed: int = 0) -> None:
        self.max_macs = np.iinfo(np.int64).max if max_macs is None else max_macs
        self.draws = {stages: UniformDraws(chain) for stages, chain in chains.items()}
        self.sizes = {stages: chain.size() for stages, chain in chains.items()}
        self.survey = {stages: draws.draw(SURVEY, np.random.default_rng(seed)) for stages, draws in self.draws.items()}

    def size(self) -> int:
        """Count the whole space, caps aside; exact."""
        return sum(self.sizes.values())

    def counts(self, at_most: IntArray) -> dict[int, IntArray]:
        """Estimate, per number of stages, the members with params up to each threshold; `at_most` and results [T]."""
        result = {}
        for stages, (_, params, macs) in self.survey.items():
            kept = np.sort(params[macs <= self.max_macs])
            share = np.searchsorted(kept, at_most, side="right") / SURVEY
            result[stages] = np.round(share * self.sizes[stages]).astype(np.int64)
        return result

    def margin(self, count: int, stages: int) -> int:
        """Return the half width of the 95 % interval of an estimated count (Agresti and Coull, 1998)."""
        share = (count / self.sizes[stages] * SURVEY + 2) / (SURVEY + 4)
        return round(1.96 * math.sqrt(share * (1 - share) / (SURVEY + 4)) * self.sizes[stages])

    def smallest(self) -> Member | None:
        """Return the member of fewest params; under a cap on MACs that it breaks, the best drawn, None without one."""
        cheapest = [draws.chain.cheapest() for draws in self.draws.values()]
        states, params, macs = min(cheapest, key=lambda found: found[1])
        if macs <= self.max_macs:
            return Member(states=states, params=params, macs=macs)
        return self._best(lambda params, macs: (macs <= self.max_macs, -params))

    def largest(self, at_most: int) -> Member | None:
        """Return the drawn member of most params up to `at_most` under the cap on MACs, None where there is none."""
        return self._best(lambda params, macs: ((macs <= self.max_macs) & (params <= at_most), params))

    def most_macs(self, low: int, high: int) -> Member | None:
        """Return the drawn member of most MACs within their cap, with params from `low` to `high`."""
        return self._best(lambda params, macs: ((macs <= self.max_macs) & (params >= low) & (params <= high), macs))

    def band(self, low: int, high: int) -> SampledSet:
        """Return the members with params from `low` to `high`, both included."""
        return SampledSet(self, low=low, high=high)

    def _best(self, judge: Callable[[IntArray, IntArray], tuple[BoolArray, IntArray]]) -> Member | None:
        """Return the survey's member of the highest value among those that are fit, as `judge` says."""
        best: tuple[int, Member] | None = None
        for stages, (rows, params, macs) in self.survey.items():
            fit, value = judge(params, macs)
            if fit.any():
                i = int(np.where(fit, value, np.iinfo(np.int64).min).argmax())
                if best is None or value[i] > best[0]:
                    states = self.draws[stages].chain.states[rows[i]]
                    best = int(value[i]), Member(states=states, params=int(params[i]), macs=int(macs[i]))
        return None if best is None else best[1]


class SampledSet:
    """The members of a space whose params lie in a band, found by rejection.

    Attributes:
        low: fewest params of the band.
        high: most params of the band.
        counts: estimated number of members by number of stages, those that no draw met left out.
    """

    is_exact = False

    def __init__(self, index: SampledIndex, *, low: int, high: int) -> None:
        self.low, self.high = low, high
        self._index = index
        counts = index.counts(np.array([low - 1, high]))
        self.counts = {stages: int(upto - below) for stages, (below, upto) in counts.items() if upto > below}

    def __len__(self) -> int:
        return sum(self.counts.values())

    def members(self) -> Iterator[Member]:
        """List nothing: too many to list, too few to be worth it."""
        return iter(())

    def draw(
        self, number: int, *, rng: np.random.Generator, law: Law = "stages", stages: int | None = None
    ) -> list[Member]:
        """Draw members as `FeasibleSet.draw` does; between numbers of stages by estimated counts.

        Where a band is met so rarely that 200,000 fresh draws do not give enough, members repeat.
        """
        chosen = np.full(number, stages) if stages is not None else choose_stages(self.counts, number, law, rng)
        found = {int(s): self._accepted(int(s), int((chosen == s).sum()), rng) for s in np.unique(chosen)}
        return [next(found[int(s)]) for s in chosen]

    def _accepted(self, stages: int, number: int, rng: np.random.Generator) -> Iterator[Member]:
        draws, kept = self._index.draws[stages], list[Member]()
        for _ in range(PATIENCE):
            kept += self._inside(stages, *draws.draw(BATCH, rng))
            if len(kept) >= number:
                return iter(kept[:number])
        kept += self._inside(stages, *self._index.survey[stages])
        return iter([kept[i] for i in rng.integers(len(kept), size=number)])

    def _inside(self, stages: int, rows: IntArray, params: IntArray, macs: IntArray) -> list[Member]:
        states = self._index.draws[stages].chain.states
        fit = np.flatnonzero((params >= self.low) & (params <= self.high) & (macs <= self._index.max_macs))
        return [Member(states=states[rows[i]], params=int(params[i]), macs=int(macs[i])) for i in fit]


def _choose(table: FloatArray, row: IntArray, rng: np.random.Generator) -> IntArray:
    """Draw one column per entry of `row`, with the weights whose running sums are that row of `table`."""
    drawn = rng.random(len(row)) * table[row, -1]
    column = np.empty(len(row), dtype=np.int64)
    order = np.argsort(row, kind="stable")
    starts = np.searchsorted(row[order], np.arange(len(table) + 1))
    for link in range(len(table)):
        part = order[starts[link] : starts[link + 1]]
        if len(part):
            column[part] = np.searchsorted(table[link], drawn[part], side="right")
    return column
