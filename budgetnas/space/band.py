"""The index of a space, and the band of its members that a search proposes from."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from budgetnas.arrays import Array
from budgetnas.budget import SIZES, Budget, cap_number
from budgetnas.exceptions import InfeasibleBudgetError, UsageError
from budgetnas.space.chain import Prices
from budgetnas.space.feasible import ArchitectureIndex
from budgetnas.space.infeasible import nothing_fits, write_value
from budgetnas.space.listing import ListedIndex
from budgetnas.space.members import Band, Member, SpaceIndex
from budgetnas.space.outline import NEVER
from budgetnas.space.priced import BandDraws, Priced, PricedIndex, with_cap
from budgetnas.space.protocol import Space, grid_size
from budgetnas.space.sampled import SampledIndex
from budgetnas.space.streamed import StreamedIndex, streamed_size

LARGEST = 10_000_000  # members listed or halves sorted, 40 to 100 bytes each
STREAMED = 50_000_000  # halves of one stratum, sorted one link after another
LISTED = 1_000_000  # members under two caps, of which those under a third are listed
DRAWN = 20_000  # draws from each stratum of those that are too many to list
_OF_KEPT = 2_000  # draws from the 20,000 that are kept of a stratum, so few that they are almost independent


def make_index(
    space: Space,
    *,
    budget: Budget | None = None,
    max_macs: int | None = None,
    max_params: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    stored: Callable[[], Mapping[str, Array] | None] = lambda: None,
) -> SpaceIndex:
    """Index a space under the caps of a budget, or under a cap on MACs for one image (None for no cap).

    >>> from budgetnas import ResNetSpace
    >>> index = make_index(ResNetSpace(stages=(1, 3), widths=(16, 256)), max_macs=None)
    >>> index.size(), len(index.band(900_000, 1_000_000)), index.method
    (2825464, 26462, 'exact, by meeting in the middle')

    Chains are indexed by meeting in the middle: all at once if that sorts at most ten million halves of one and thirty
    million of all, one after another if it sorts at most fifty million halves of one. Any other space is listed if its
    grid has at most ten million points. Larger spaces are sampled uniformly. `method` names the choice.

    The cost of the budget's band, params or bytes, is asked about with every question; all other caps are the index's
    own. Of caps on params, bytes and MACs that all exclude networks, two are exact: if at most a million networks fit
    these, they are listed for the third, else they are sampled. A cap on memory is always exact.

    Args:
        space: the space.
        budget: the caps; without it the next two are.
        max_macs: the cap on MACs.
        max_params: the largest cap on params that it will be asked about, if it is known.
        seed: of the draws that are kept of a space of many chains.
        progress: called with the number of strata done, and of all, where an answer takes a while.
        stored: returns what `answers_of` gave of an earlier index, if it was kept.

    Raises:
        InfeasibleBudgetError: no network of the space needs so little memory.
        UsageError: the space does not know a cost that is capped.
    """
    make = _Maker(space=space, seed=seed, progress=progress, stored=stored)
    return make.plain(space, max_macs, max_params) if budget is None else make.of(budget)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Maker:
    """Makes the indexes of one space."""

    space: Space
    seed: int
    progress: Callable[[int, int], None] | None
    stored: Callable[[], Mapping[str, Array] | None]
    streamed: dict[str, StreamedIndex] = field(default_factory=dict)

    def of(self, budget: Budget) -> SpaceIndex:
        """Index the space by all caps of a budget."""
        caps, other = budget.caps(), "bytes" if budget.band_cost == "params" else "params"
        if not caps.keys() & set(SIZES):
            return self.plain(self.space, budget.max_macs, budget.max_params)
        if other not in caps:
            return self._priced(budget, "macs")
        by_other = self._priced(budget, other)
        if not _excludes(by_other):
            return self._priced(budget, "macs")
        if "macs" not in caps or not _excludes(self._priced(budget, "macs")):
            return by_other
        return self._under_three(budget, by_other)

    def plain(self, space: Space, max_macs: int | None, max_params: int | None, label: str = "") -> SpaceIndex:
        """Index a space by params and MACs; a `label` tells its stored answers from those of other indexes."""
        chains = space.chains()
        if chains is None:
            return (ListedIndex if grid_size(space) <= LARGEST else SampledIndex)(space, max_macs=max_macs)
        sizes = [chain.sorted_size() for chain in chains.values()]
        if max(sizes) <= LARGEST and sum(sizes) <= 3 * LARGEST:
            return ArchitectureIndex(space, max_macs=max_macs)
        if max(streamed_size(chain) for chain in chains.values()) > STREAMED:
            return SampledIndex(space, max_macs=max_macs)
        state = {name.removeprefix(label): one for name, one in (self.stored() or {}).items() if name.startswith(label)}
        index = StreamedIndex(space, max_macs=max_macs, max_params=max_params, seed=self.seed, progress=self.progress)
        if state:
            with contextlib.suppress(ValueError):  # of another space or version, or damaged: it is counted again
                index.recall(state)
        self.streamed[label] = index
        return index

    def _priced(self, budget: Budget, second: str) -> PricedIndex:
        """Index the space by the cost of a budget's band, with one other cap that adds up, and that on memory."""
        prices = _prices(budget, second)
        space = Priced(self.space, prices)
        if not any(chain.size() for chain in space.chains().values()):
            raise nothing_fits(self.space, budget, None)
        label = f"{prices.main}-{second}-{budget.max_memory}-"
        return self._all_costs(budget, prices, self.plain(space, budget.caps().get(second), budget.band_cap, label))

    def _all_costs(self, budget: Budget, prices: Prices, index: SpaceIndex) -> PricedIndex:
        others = {name: cap for name, cap in budget.caps().items() if name != "memory"}
        free = (lambda: self.of(replace(budget, max_memory=None))) if others else None
        return PricedIndex(self.space, budget, index, prices, free=free, streamed=self.streamed)

    def _under_three(self, budget: Budget, by_other: PricedIndex) -> PricedIndex:
        """Index those under two caps for a third one, on MACs: by a list, or by draws."""
        prices = _prices(budget, "macs")
        space, band = Priced(self.space, prices), by_other.inner.band(0, cap_of(by_other, budget))
        listed = band.members() if band.is_exact and len(band) <= LISTED else None
        if listed is not None and len(listed) == len(band):
            index: SpaceIndex = ListedIndex(space, max_macs=budget.max_macs, points=listed.points)
        else:
            draws = {stratum: BandDraws(space, band, stratum) for stratum in band.counts}
            number = _OF_KEPT if isinstance(by_other.inner, StreamedIndex) else DRAWN
            index = SampledIndex(space, max_macs=budget.max_macs, draws=draws, surveyed=number)
        return self._all_costs(budget, prices, index)


def _prices(budget: Budget, second: str) -> Prices:
    return Prices(main=budget.band_cost, second=second, max_memory=budget.max_memory, weights=budget.weights)


def _excludes(index: PricedIndex) -> bool:
    """Return whether the cap on the second cost excludes any network; where that is unknown, True."""
    cap = cap_of(index, index.budget)
    within, either = (fitting(index.inner, cap, ignore_macs=ignore) for ignore in (False, True))
    return not index.is_exact or within < either


def answers_of(index: SpaceIndex) -> dict[str, Array] | None:
    """Return the answers of an index as arrays that `make_index` can be given; None where they are found quickly."""
    made = index.streamed if isinstance(index, PricedIndex) else {"": index}
    streamed = {label: one for label, one in made.items() if isinstance(one, StreamedIndex)}
    if not any(one.has_news for one in streamed.values()):
        return None
    return {label + name: array for label, one in streamed.items() for name, array in one.state().items()}


def cap_of(index: SpaceIndex, cap: int | Budget) -> int:
    """Return the cap on the cost of an index's bands, or of a budget; without one a number above all costs."""
    return min(cap if isinstance(cap, int) else cap_number(cap.caps().get(index.cost)), NEVER)


WIDEN = 0.1


def choose_band(index: SpaceIndex, cap: int | Budget, *, min_utilisation: float, wanted: int) -> Band:
    """Return the members with params, or bytes, from a share of the largest fitting member's up to the largest's.

    Args:
        index: index of the whole space.
        cap: on the cost of its bands, or a budget with it.
        min_utilisation: the share, in [0, 1]; lowered in steps of 0.1 until the band has `wanted` members or everything
            that fits.
        wanted: number of members that a study needs to choose from.

    Raises:
        InfeasibleBudgetError: no member of the space fits.
    """
    cap = cap_of(index, cap)
    most = getattr(largest_fitting(index, cap), index.cost)
    share = min_utilisation
    band = index.band(round(share * most), most, also=(cap,))
    if len(band) < wanted:
        wanted = min(fitting(index, cap), wanted)
    while len(band) < wanted:
        share = max(0.0, share - WIDEN)
        band = index.band(round(share * most), most)
    return band


def fitting(index: SpaceIndex, cap: int | Budget, *, ignore_macs: bool = False) -> int:
    """Count the members within the cap, exactly where the index is exact; with `ignore_macs`, whatever their MACs."""
    at_most = np.array([cap_of(index, cap)])
    return sum(int(counts[0]) for counts in index.counts(at_most, ignore_macs=ignore_macs).values())


def over_memory(index: SpaceIndex, cap: int | Budget) -> int:
    """Count the networks within the cap, and all others of the index, that need more memory than it allows."""
    if not isinstance(index, PricedIndex) or index.budget.max_memory is None:
        return 0
    return (index.size() if index.free is None else fitting(index.free(), cap)) - fitting(index, cap)


def largest_fitting(index: SpaceIndex, cap: int | Budget) -> Member:
    """Return the member of most params, or bytes, within the cap.

    Raises:
        InfeasibleBudgetError: no member fits; the message names the smallest member and the keys to change.
    """
    cap = cap_of(index, cap)
    largest = index.largest(cap)
    if largest is not None:
        return largest
    smallest = index.smallest()
    least = None if smallest is None else int(getattr(smallest, index.cost))
    if smallest is not None and least is not None and least <= cap:
        raise InfeasibleBudgetError(
            f"is {write_value(cap, index.cost)}, which {index.space.decode(smallest.point)} fits, but no network that "
            "was drawn from so fine a grid does: take a coarser `space.width_step` or narrower ranges, whose networks "
            "are found exactly.",
            argument=f"max_{index.cost}",
        )
    if isinstance(index, PricedIndex):
        raise nothing_fits(
            index.space, with_cap(index.budget, index.cost, cap) if cap < NEVER else index.budget, smallest
        )
    if smallest is None:
        raise _too_many_macs(index)
    of = "of" if index.is_exact else "known of"
    raise InfeasibleBudgetError(
        f"is {cap:,}, but the smallest architecture {of} the space has {least:,} parameters "
        f"({index.space.decode(smallest.point)}): raise the cap, or lower the ranges of the space (`space.widths`).",
        argument="max_params",
    )


def _too_many_macs(index: SpaceIndex) -> InfeasibleBudgetError:
    """Return the error of a cap on MACs that nothing meets, with the network of fewest where the space can tell it."""
    try:
        return nothing_fits(index.space, Budget(max_macs=index.max_macs), None)
    except UsageError:
        return InfeasibleBudgetError(
            f"is {cap_number(index.max_macs):,}, but no architecture of the space has so few MACs: raise it.",
            argument="max_macs",
        )
