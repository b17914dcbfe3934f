"""The index of a space that is too large to sort or list, by uniform draws.

Draws from a chain are exactly uniform, since the number of completions of a partial member is known for every link.
Draws from other spaces are uniform on the grid, and points that are not members are rejected. The members of a band are
found by rejection too. Counts are estimates; extremes are the best draws.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from budgetnas.arrays import FloatArray, IntArray
from budgetnas.budget import Budget, cap_number
from budgetnas.space.chain import Chain
from budgetnas.space.listing import Listing
from budgetnas.space.members import BandCost, Member, Members, choose_strata
from budgetnas.space.protocol import Space, grid_size, is_member

SURVEY = 200_000
BATCH = 50_000
PATIENCE = 4


class Draws(Protocol):
    """Uniform draws from the members of one part of a space.

    Attributes:
        size: number of members, exact or estimated.
        population: number of points, members or not, from which draws are made.
    """

    size: int
    population: int

    def draw(self, number: int, rng: np.random.Generator) -> Members:
        """Draw up to `number` members, with replacement."""
        ...

    def smallest(self) -> Member | None:
        """Return the member of fewest params, without caps; None where it is unknown."""
        ...


class ChainDraws:
    """Exactly uniform draws from one chain.

    Args:
        chain: the chain of one stratum.
    """

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.size = self.population = chain.size()
        ways = np.ones(len(chain.end[0]))
        tables: list[FloatArray] = []
        for position in reversed(range(len(chain))):
            weights = np.where(chain.may_follow(position), ways[chain.link], 0.0)
            tables.append(np.cumsum(weights, axis=1))
            ways = weights.sum(axis=1)
        self._tables = tables[::-1]

    def draw(self, number: int, rng: np.random.Generator) -> Members:
        """Draw `number` members, with replacement."""
        chain = self.chain
        link = np.zeros(number, dtype=np.int64)
        rows: list[IntArray] = []
        params, macs = np.zeros(number, np.int64), np.zeros(number, np.int64)
        for table, (step_params, step_macs) in zip(self._tables, chain.steps, strict=True):
            row = link if rows else np.zeros(number, dtype=np.int64)
            state = _choose(table, row, rng)
            params += step_params[row, state]
            macs += step_macs[row, state]
            link = chain.link[state]
            rows.append(state)
        versions = rng.integers(chain.versions, size=number) if chain.versions > 1 else None
        return Members(
            points=chain.points(np.stack(rows, axis=1), versions),
            params=params + chain.end[0][link],
            macs=macs + chain.end[1][link],
        )

    def smallest(self) -> Member | None:
        """Return the member of fewest params, exactly."""
        point, params, macs = self.chain.cheapest()
        return Member(point=point, params=params, macs=macs)


class GridDraws:
    """Uniform draws from the grid of any space; points that are not members are dropped.

    Args:
        space: the whole space.
        stratum: the stratum to keep; None for all.
        seed: seed of the draws that estimate its size.
    """

    def __init__(self, space: Space, *, stratum: int | None = None, seed: int = 0) -> None:
        self.space, self.stratum = space, stratum
        share = len(self.draw(SURVEY, np.random.default_rng(seed))) / SURVEY
        self.population = grid_size(space)
        self.size = round(share * self.population)

    def draw(self, number: int, rng: np.random.Generator) -> Members:
        """Draw `number` points and keep the members among them."""
        columns = [rng.choice(np.asarray(d.values, dtype=np.int64), size=number) for d in self.space.dimensions]
        points = np.stack(columns, axis=1)
        points = points[is_member(self.space, points)]
        if self.stratum is not None:
            points = points[self.space.strata(points) == self.stratum]
        return Members(points=points, params=self.space.params(points), macs=self.space.macs(points))

    def smallest(self) -> Member | None:
        """Return None: unknown."""
        return None


class SampledIndex:
    """A whole space, described by its size and by 200,000 uniform draws from each stratum.

    Args:
        space: any space.
        max_macs: cap on MACs for one image; None for no cap.
        seed: seed of the draws.
        draws: from each part of the members, by stratum; default: from all members of the space.
        surveyed: number of draws from each stratum by which it is described.
    """

    cost: BandCost = "params"
    is_exact = False
    method = "estimates from uniform draws, with 95 % intervals; extremes are the best drawn"

    def __init__(
        self,
        space: Space,
        *,
        max_macs: int | None,
        seed: int = 0,
        draws: Mapping[int, Draws] | None = None,
        surveyed: int = SURVEY,
    ) -> None:
        self.space = space
        self.max_macs = max_macs
        self._macs_cap = cap_number(max_macs)
        self.draws, self._surveyed = _parts(space, seed) if draws is None else draws, surveyed
        surveys = {s: draws.draw(surveyed, np.random.default_rng(seed)) for s, draws in self.draws.items()}
        fit = {s: members.take(members.macs <= self._macs_cap) for s, members in surveys.items()}
        self._excluded = {s: np.sort(members.params[members.macs > self._macs_cap]) for s, members in surveys.items()}
        self.survey = Listing(
            Members.join(list(fit.values())), np.repeat(list(fit), [len(members) for members in fit.values()])
        )

    def size(self) -> int:
        """Count the whole space, without caps; exact for chains, and where every point of the grid is a member."""
        return sum(draws.size for draws in self.draws.values())

    def counts(self, at_most: IntArray, *, ignore_macs: bool = False) -> dict[int, IntArray]:
        """Estimate the members up to each threshold by stratum, as `SpaceIndex.counts` defines."""
        found = self.survey.counts(at_most, self._excluded if ignore_macs else {})
        none = np.zeros(len(at_most), dtype=np.int64)
        return {
            # Python integers: a space may have more members than an int64 holds.
            stratum: np.array(
                [round(n / self._surveyed * draws.population) for n in found.get(stratum, none).tolist()], object
            )
            for stratum, draws in self.draws.items()
        }

    def margin(self, count: int, stratum: int) -> int:
        """Return the half width of the 95 % interval of an estimated count (Agresti and Coull, 1998)."""
        population = self.draws[stratum].population
        share = (count / population * self._surveyed + 2) / (self._surveyed + 4)
        return round(1.96 * math.sqrt(share * (1 - share) / (self._surveyed + 4)) * population)

    def smallest(self) -> Member | None:
        """Return the member of fewest params if it is known and within the cap on MACs, else the smallest drawn."""
        known = [member for draws in self.draws.values() if (member := draws.smallest()) is not None]
        best = min(known, key=lambda member: member.params, default=None)
        return best if best is not None and best.macs <= self._macs_cap else self.survey.smallest()

    def largest(self, at_most: int) -> Member | None:
        """Return the drawn member of most params up to `at_most` under the cap on MACs, or None."""
        return self.survey.largest(at_most)

    def most_macs(self, low: int, high: int) -> Member | None:
        """Return the drawn member of most MACs within their cap, with params from `low` to `high`, or None."""
        return self.survey.most_macs(low, high)

    def band(self, low: int, high: int, *, also: Sequence[int] = ()) -> SampledSet:
        """Return the members with params from `low` to `high`, both included; `also` changes nothing."""
        return SampledSet(self, low=low, high=high)


class SampledSet:
    """The members of a space whose params lie in a band, found by rejection.

    Attributes:
        low: fewest params of the band.
        high: most params of the band.
        budget: the caps of its members.
        counts: estimated number of members by stratum; strata without a draw are left out.
    """

    cost: BandCost = "params"
    is_exact = False

    def __init__(self, index: SampledIndex, *, low: int, high: int) -> None:
        self.low, self.high = low, high
        self.budget = Budget(max_params=high, max_macs=index.max_macs)
        self._index = index
        counts = index.counts(np.array([low - 1, high]))
        self.counts = {stratum: int(upto - below) for stratum, (below, upto) in counts.items() if upto > below}

    def __len__(self) -> int:
        return min(sum(self.counts.values()), sys.maxsize)

    def members(self) -> Members:
        """Return nothing: the members are too many to list, or too rare to find."""
        return self._index.survey.take(np.arange(0))

    def draw(
        self, number: int, *, rng: np.random.Generator, stratified: bool = True, stratum: int | None = None
    ) -> Members:
        """Draw members as `Band.draw` defines, with estimated counts for the strata.

        Members repeat where the band is so rare that 200,000 fresh draws do not give enough of them.
        """
        strata = (
            np.full(number, stratum) if stratum is not None else choose_strata(self.counts, number, stratified, rng)
        )
        points = np.empty((number, len(self._index.space.dimensions)), dtype=np.int64)
        params, macs = np.empty(number, np.int64), np.empty(number, np.int64)
        for chosen in np.unique(strata):
            rows = np.flatnonzero(strata == chosen)
            found = self._accepted(int(chosen), len(rows), rng)
            points[rows], params[rows], macs[rows] = found.points, found.params, found.macs
        return Members(points=points, params=params, macs=macs)

    def _accepted(self, stratum: int, number: int, rng: np.random.Generator) -> Members:
        found: list[Members] = []
        for _ in range(PATIENCE):
            fresh = self._index.draws[stratum].draw(BATCH, rng)
            inside = (fresh.params >= self.low) & self.budget.mask(fresh)
            found.append(fresh.take(inside))
            if sum(map(len, found)) >= number:
                return Members.join(found).take(np.arange(number))
        survey = self._index.survey
        inside = survey.strata == stratum
        inside &= (survey.params >= self.low) & (survey.params <= self.high)
        everything = Members.join([*found, survey.take(np.flatnonzero(inside))])
        return everything.take(rng.integers(len(everything), size=number))


def _parts(space: Space, seed: int) -> dict[int, Draws]:
    """Return uniform draws from each stratum of a space."""
    chains = space.chains()
    if chains is not None:
        return {stratum: ChainDraws(chain) for stratum, chain in chains.items() if chain.size()}
    whole = GridDraws(space, seed=seed).draw(SURVEY, np.random.default_rng(seed))
    strata = np.unique(space.strata(whole.points)).tolist()
    return {stratum: GridDraws(space, stratum=stratum, seed=seed) for stratum in strata}


def _choose(table: FloatArray, row: IntArray, rng: np.random.Generator) -> IntArray:
    """Draw one column per entry of `row`; the rows of `table` are cumulative weights."""
    drawn = rng.random(len(row)) * table[row, -1]
    column = np.empty(len(row), dtype=np.int64)
    order = np.argsort(row, kind="stable")
    starts = np.searchsorted(row[order], np.arange(len(table) + 1))
    for link in range(len(table)):
        part = order[starts[link] : starts[link + 1]]
        if len(part):
            column[part] = np.searchsorted(table[link], drawn[part], side="right")
    return column
