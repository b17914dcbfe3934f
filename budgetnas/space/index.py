"""Choose how a space is known: exactly where its sorted halves fit memory, by uniform draws where they do not."""

from __future__ import annotations

from budgetnas.space.feasible import ArchitectureIndex
from budgetnas.space.members import SpaceIndex
from budgetnas.space.resnet import ResNetSpace
from budgetnas.space.sampled import SampledIndex

LARGEST = 10_000_000  # of about 100 bytes each


def make_index(space: ResNetSpace, *, max_macs: int | None) -> SpaceIndex:
    """Index a space, exactly if at most 10 million half architectures have to be sorted for it."""
    kind = ArchitectureIndex if space.half_count() <= LARGEST else SampledIndex
    return kind(space.chains(), max_macs=max_macs)
