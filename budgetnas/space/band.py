"""The index of a space, and the band of its members that a search proposes from."""

from __future__ import annotations

import numpy as np

from budgetnas.budget import cap_number
from budgetnas.exceptions import InfeasibleBudgetError
from budgetnas.space.feasible import ArchitectureIndex
from budgetnas.space.listing import ListedIndex
from budgetnas.space.members import Band, Member, SpaceIndex
from budgetnas.space.protocol import Space, grid_size
from budgetnas.space.sampled import SampledIndex

LARGEST = 10_000_000  # members listed or halves sorted, 40 to 100 bytes each


def make_index(space: Space, *, max_macs: int | None) -> SpaceIndex:
    """Index a space under a cap on MACs for one image (None for no cap).

    >>> from budgetnas import ResNetSpace
    >>> index = make_index(ResNetSpace(stages=(1, 3), widths=(16, 256)), max_macs=None)
    >>> index.size(), len(index.band(900_000, 1_000_000)), index.method
    (2825464, 26462, 'exact, by meeting in the middle')

    A chain is indexed by meeting in the middle if that sorts at most ten million halves. Any other space is listed if
    its grid has at most ten million points. Larger spaces are sampled uniformly. `method` names the choice.
    """
    chains = space.chains()
    if chains is not None:
        fits = max(chain.sorted_size() for chain in chains.values()) <= LARGEST
        return (ArchitectureIndex if fits else SampledIndex)(space, max_macs=max_macs)
    return (ListedIndex if grid_size(space) <= LARGEST else SampledIndex)(space, max_macs=max_macs)


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


def fitting(index: SpaceIndex, cap: int) -> int:
    """Count the members within the cap, exactly where the index is exact."""
    return sum(int(counts[0]) for counts in index.counts(np.array([cap])).values())


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
