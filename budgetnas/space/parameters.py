"""A residual network as named whole numbers: `stages`, and `blocks_i` and `width_i` of every stage, from 1.

They are the parameters of its Optuna trial, and the dimensions of its space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from budgetnas.arch.spec import ResNetSpec

STAGES = "stages"


def blocks_name(stage: int) -> str:
    """Name the number of blocks of a stage, the first of which is 1."""
    return f"blocks_{stage}"


def width_name(stage: int) -> str:
    """Name the width of a stage, the first of which is 1."""
    return f"width_{stage}"


def parameters(spec: ResNetSpec) -> dict[str, int]:
    """Return the parameters that a network has: those of absent stages are left out.

    >>> parameters(ResNetSpec(blocks=(4, 3), widths=(64, 250)))
    {'stages': 2, 'blocks_1': 4, 'blocks_2': 3, 'width_1': 64, 'width_2': 250}
    """
    blocks = {blocks_name(stage): number for stage, number in enumerate(spec.blocks, start=1)}
    widths = {width_name(stage): width for stage, width in enumerate(spec.widths, start=1)}
    return {STAGES: spec.depth, **blocks, **widths}


def is_plain(spec: ResNetSpec) -> bool:
    """Return whether blocks and widths alone describe a network: basic blocks behind a stem as wide as stage 1."""
    return spec == ResNetSpec(blocks=spec.blocks, widths=spec.widths)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranges:
    """The fixed ranges of every parameter that trials of a study may have, proposals and seeded models alike.

    Attributes:
        stages: fewest and most stages.
        blocks: fewest and most blocks per stage.
        widths: narrowest and widest stage, in channels.
    """

    stages: tuple[int, int] = (1, 4)
    blocks: tuple[int, int] = (1, 1)
    widths: tuple[int, int] = (1, 1)

    def cover(self, *specs: ResNetSpec) -> Ranges:
        """Widen the ranges until they hold all of `specs`."""
        return Ranges(
            stages=_widened(self.stages, [spec.depth for spec in specs]),
            blocks=_widened(self.blocks, [blocks for spec in specs for blocks in spec.blocks]),
            widths=_widened(self.widths, [width for spec in specs for width in spec.widths]),
        )

    def limits(self) -> dict[str, tuple[int, int]]:
        """Return the lowest and the highest value of every parameter."""
        found = {STAGES: self.stages}
        for stage in range(1, self.stages[1] + 1):
            found |= {blocks_name(stage): self.blocks, width_name(stage): self.widths}
        return found

    def values(self, spec: ResNetSpec) -> dict[str, int]:
        """Return every parameter of `spec`; those of absent stages have their lowest value."""
        present = parameters(spec)
        return {name: present.get(name, low) for name, (low, _) in self.limits().items()}


def _widened(limits: tuple[int, int], values: Sequence[int]) -> tuple[int, int]:
    return min(*limits, *values), max(*limits, *values)
