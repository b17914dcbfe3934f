"""The index of a space, and the band of its members that a search proposes from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from budgetnas.budget import cap_number
from budgetnas.exceptions import InfeasibleBudgetError
from budgetnas.space.feasible import ArchitectureIndex
from budgetnas.space.listing import ListedIndex
from budgetnas.space.members import Band, Member, SpaceIndex
from budgetnas.space.protocol import Space, grid_size
from budgetnas.space.sampled import SampledIndex
from budgetnas.space.streamed import StreamedIndex, streamed_size

LARGEST = 10_000_000  # members listed or halves sorted, 40 to 100 bytes each
STREAMED = 50_000_000  # halves of one stratum, sorted one link after another


def make_index(
    space: Space,
    *,
    max_macs: int | None,
    max_params: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> SpaceIndex:
    """Index a space under a cap on MACs for one image (None for no cap).

    >>> from budgetnas import ResNetSpace
    >>> index = make_index(ResNetSpace(stages=(1, 3), widths=(16, 256)), max_macs=None)
    >>> index.size(), len(index.band(900_000, 1_000_000)), index.method
    (2825464, 26462, 'exact, by meeting in the middle')

    Chains are indexed by meeting in the middle: all at once if that sorts at most ten million halves of one and thirty
    million of all, one after another if it sorts at most fifty million halves of one. Any other space is listed if its
    grid has at most ten million points. Larger spaces are sampled uniformly. `method` names the choice.

    Args:
        space: the space.
        max_macs: the cap on MACs.
        max_params: the largest cap on params that it will be asked about, if it is known.
        seed: of the draws that are kept of a space of many chains.
        progress: called with the number of strata done, and of all, where an answer takes a while.
    """
    chains = space.chains()
    if chains is None:
        return (ListedIndex if grid_size(space) <= LARGEST else SampledIndex)(space, max_macs=max_macs)
    sizes = [chain.sorted_size() for chain in chains.values()]
    if max(sizes) <= LARGEST and sum(sizes) <= 3 * LARGEST:
        return ArchitectureIndex(space, max_macs=max_macs)
    if max(streamed_size(chain) for chain in chains.values()) <= STREAMED:
        return StreamedIndex(space, max_macs=max_macs, max_params=max_params, seed=seed, progress=progress)
    return SampledIndex(space, max_macs=max_macs)


WIDEN = 0.1


def choose_band(index: SpaceIndex, cap: int, *, min_utilisation: float, wanted: int) -> Band:
    """Return the members with params from a share of the largest fitting member's up to the largest's.

    Args:
        index: index of the whole space.
        cap: cap on params.
        min_utilisation: the share, in [0, 1]; lowered in steps of 0.1 until the band has `wanted` members or everything
            that fits.
        wanted: number of members that a study needs to choose from.

    Raises:
        InfeasibleBudgetError: no member of the space fits.
    """
    largest = largest_fitting(index, cap)
    share = min_utilisation
    band = index.band(round(share * largest.params), largest.params, also=(cap,))
    if len(band) < wanted:
        wanted = min(fitting(index, cap), wanted)
    while len(band) < wanted:
        share = max(0.0, share - WIDEN)
        band = index.band(round(share * largest.params), largest.params)
    return band


def fitting(index: SpaceIndex, cap: int, *, ignore_macs: bool = False) -> int:
    """Count the members within the cap, exactly where the index is exact; with `ignore_macs`, whatever their MACs."""
    return sum(int(counts[0]) for counts in index.counts(np.array([cap]), ignore_macs=ignore_macs).values())


def largest_fitting(index: SpaceIndex, cap: int) -> Member:
    """Return the member of most params within the cap.

    Raises:
        InfeasibleBudgetError: no member fits; the message names the smallest member and the keys to change.
    """
    largest = index.largest(cap)
    if largest is not None:
        return largest
    smallest = index.smallest()
    if smallest is None:
        raise InfeasibleBudgetError(
            f"is {cap_number(index.max_macs):,}, but no architecture of the space has so few MACs: raise it.",
            argument="max_macs",
        )
    name = index.space.decode(smallest.point)
    if smallest.params <= cap:
        raise InfeasibleBudgetError(
            f"is {cap:,}, which {name} fits, but no network that was drawn from so fine a grid does: take a coarser "
            "`space.width_step` or narrower ranges, whose networks are found exactly.",
            argument="max_params",
        )
    of = "of" if index.is_exact else "known of"
    raise InfeasibleBudgetError(
        f"is {cap:,}, but the smallest architecture {of} the space has {smallest.params:,} parameters ({name}): raise "
        "the cap, or lower the ranges of the space (`space.widths`).",
        argument="max_params",
    )
