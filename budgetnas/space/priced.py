"""The index of a space by other costs than params and MACs, and of networks that fit a cap on memory.

An index of chains sorts by one cost, its main one, and has a second for a cap; both are sums over the parts of a
network. `Priced` puts bytes in the place of params or MACs. A cap on memory forbids states of the chains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from budgetnas.arrays import IntArray
from budgetnas.budget import Budget
from budgetnas.space.chain import Chain, Prices
from budgetnas.space.members import Band, BandCost, Member, Members, SpaceIndex, cost
from budgetnas.space.protocol import Dimension, Space

SEARCHED = 20_000  # members, or draws from them, among which an extreme is sought that no index knows


class Priced(Space):
    """A space that counts other costs in the places of params and MACs.

    Args:
        space: with chains, bytes and memory.
        prices: the costs, and the cap on memory.
    """

    def __init__(self, space: Space, prices: Prices) -> None:
        self._space, self._prices = space, prices

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Those of the space."""
        return self._space.dimensions

    def params(self, points: IntArray) -> IntArray:
        """Count the main cost: [N]."""
        return self._count(self._prices.main, points)

    def macs(self, points: IntArray) -> IntArray:
        """Count the second cost: [N]."""
        return self._count(self._prices.second, points)

    def _count(self, name: str, points: IntArray) -> IntArray:
        if name == "bytes":
            return self._space.bytes(points, self._prices.weights)
        return self._space.params(points) if name == "params" else self._space.macs(points)

    def strata(self, points: IntArray) -> IntArray:
        """Return those of the space: [N]."""
        return self._space.strata(points)

    def chains(self) -> Mapping[int, Chain]:
        """Return the chains of its costs."""
        return self._chains

    @cached_property
    def _chains(self) -> Mapping[int, Chain]:
        return self._space.chains_of(self._prices)


def with_cap(budget: Budget, name: BandCost, cap: int) -> Budget:
    """Return a budget with another cap on the cost that bands are of."""
    return replace(budget, max_params=cap) if name == "params" else replace(budget, max_bytes=cap)


class BandDraws:
    """Uniform draws from the members of a band that are of one stratum.

    Args:
        space: that counts them, in the band's place.
        band: of an index of other costs.
        stratum: the stratum.
    """

    def __init__(self, space: Space, band: Band, stratum: int) -> None:
        self.space, self.band, self.stratum = space, band, stratum
        self.size = self.population = band.counts[stratum]

    def draw(self, number: int, rng: np.random.Generator) -> Members:
        """Draw `number` members, with replacement."""
        return cost(self.space, self.band.draw(number, rng=rng, stratum=self.stratum).points)

    def smallest(self) -> Member | None:
        """Return None: unknown."""
        return None


class PricedIndex:
    """An index of a priced space whose members have all costs that a budget caps.

    Args:
        space: the space.
        budget: the caps.
        index: of the priced space; its members fit all caps but that on the main cost.
        prices: of the priced space.
        free: makes an index without the cap on memory; None where the budget has no other.
        streamed: the indexes, by their labels, whose answers take long to find.
    """

    def __init__(
        self,
        space: Space,
        budget: Budget,
        index: SpaceIndex,
        prices: Prices,
        *,
        free: Callable[[], SpaceIndex] | None = None,
        streamed: Mapping[str, SpaceIndex] | None = None,
    ) -> None:
        self.space, self.budget, self.inner = space, budget, index
        self.cost: BandCost = budget.band_cost
        self.max_macs, self.method, self.is_exact = budget.max_macs, index.method, index.is_exact
        self.free, self.streamed = free, streamed or {}
        self._has_macs = prices.second == "macs"

    def size(self) -> int:
        """Count the whole space, without caps; exact."""
        return sum(chain.size() for chain in (self.space.chains() or {}).values())

    def counts(self, at_most: IntArray, *, ignore_macs: bool = False) -> dict[int, IntArray]:
        """Count the members up to each threshold by stratum, as `SpaceIndex.counts` defines."""
        return self.inner.counts(at_most, ignore_macs=ignore_macs and self._has_macs)

    def margin(self, count: int, stratum: int) -> int:
        """Return the half width of the 95 % interval of a count of members of `stratum`; 0 if exact."""
        return self.inner.margin(count, stratum)

    def smallest(self) -> Member | None:
        """Return the member of least main cost under the other caps, or None."""
        return self._counted(self.inner.smallest())

    def largest(self, at_most: int) -> Member | None:
        """Return the member of most main cost up to `at_most` under the other caps, or None."""
        return self._counted(self.inner.largest(at_most))

    def most_macs(self, low: int, high: int) -> Member | None:
        """Return the member of most MACs with a main cost from `low` to `high`, or None.

        Where MACs are not the second cost, it is the one of most MACs among all, or 20,000 draws of more.
        """
        if self._has_macs:
            return self._counted(self.inner.most_macs(low, high))
        band = self.band(low, high)
        if not len(band):
            return None
        found = (
            band.members()
            if band.is_exact and len(band) <= SEARCHED
            else band.draw(SEARCHED, rng=np.random.default_rng(0))
        )
        return found.at(int(found.macs.argmax()))

    def _counted(self, member: Member | None) -> Member | None:
        return None if member is None else cost(self.space, member.point[None], self.budget).at(0)

    def band(self, low: int, high: int, *, also: Sequence[int] = ()) -> PricedBand:
        """Return the members with a main cost from `low` to `high`; `also` as `SpaceIndex.band` says."""
        return PricedBand(self.space, self.budget, self.inner.band(low, high, also=also))


class PricedBand:
    """A band of a priced space, whose members have all costs that a budget caps.

    Attributes:
        cost: the cost that it is of.
        low: least of that cost.
        high: most of that cost.
        budget: the caps of its members.
        counts: number of members by stratum, empty ones left out.
        is_exact: whether the counts are exact.
    """

    def __init__(self, space: Space, budget: Budget, band: Band) -> None:
        self.cost: BandCost = budget.band_cost
        self.low, self.high, self.counts, self.is_exact = band.low, band.high, band.counts, band.is_exact
        self.budget = with_cap(budget, self.cost, band.high)
        self._space, self._band = space, band

    def __len__(self) -> int:
        return len(self._band)

    def members(self) -> Members:
        """List every member once, as the band of the priced space does."""
        return cost(self._space, self._band.members().points, self.budget)

    def draw(
        self, number: int, *, rng: np.random.Generator, stratified: bool = True, stratum: int | None = None
    ) -> Members:
        """Draw members independently, with replacement, as `Band.draw` defines."""
        drawn = self._band.draw(number, rng=rng, stratified=stratified, stratum=stratum)
        return cost(self._space, drawn.points, self.budget)
