"""The choice of an index: exact where a space's sorted halves or its members fit into memory, else by uniform draws."""

from __future__ import annotations

from budgetnas.space.feasible import ArchitectureIndex
from budgetnas.space.listing import ListedIndex
from budgetnas.space.members import SpaceIndex
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
