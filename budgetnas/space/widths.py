"""The space of widths for fixed blocks, and the network of these blocks that fills a cap."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from budgetnas.arch import pools
from budgetnas.arch.counter import count
from budgetnas.arch.spec import MAX_BLOCKS, MAX_WIDTH, DataShape, ResNetSpec
from budgetnas.arrays import IntArray
from budgetnas.budget import Budget
from budgetnas.exceptions import InfeasibleBudgetError, UsageError
from budgetnas.space.parameters import is_plain, width_name
from budgetnas.space.protocol import Dimension, Space
from budgetnas.space.repair import repair

WIDEST = 8192


@dataclass(frozen=True, kw_only=True, slots=True)
class WidthSpace(Space):
    """All widths for fixed blocks.

    Attributes:
        blocks: basic blocks per stage.
        widths: grid of every stage's width, in channels.
        shape: shape of images, and number of classes.
    """

    blocks: tuple[int, ...]
    widths: range
    shape: DataShape

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """One width per stage."""
        return tuple(Dimension(name=width_name(i + 1), values=self.widths) for i in range(len(self.blocks)))

    def params(self, points: IntArray) -> IntArray:
        """Count the trainable parameters: [N]."""
        return pools.total(np.tile(self.blocks, (len(points), 1)), points, self.shape)[0]

    def macs(self, points: IntArray) -> IntArray:
        """Count multiply-accumulates for one image: [N]."""
        return pools.total(np.tile(self.blocks, (len(points), 1)), points, self.shape)[1]

    def decode(self, point: IntArray) -> ResNetSpec:
        """Return the spec of a point [D]."""
        return ResNetSpec(blocks=self.blocks, widths=tuple(int(width) for width in point))


def fit(given: ResNetSpec, shape: DataShape, budget: Budget, *, step: int = 1) -> ResNetSpec:
    """Return the network of the blocks of `given` whose widths fill a budget, by the rule of `space.repair`.

    >>> fit(ResNetSpec(blocks=(2, 2, 4), widths=(64, 128, 256)), DataShape(), Budget(max_params=5_000_000)).id
    '2x64-2x127-4x252'

    Args:
        given: the blocks, and the widths whose ratios are kept as closely as the grid allows.
        shape: shape of images, and number of classes.
        budget: the caps that the network must fit.
        step: grid of the widths, in channels.

    Raises:
        UsageError: it has more than blocks and widths, or a stem of its own width, or the step is out of range.
        InfeasibleBudgetError: not even the narrowest network of these blocks fits.
    """
    if not is_plain(replace(given, stem_width=0)):
        raise UsageError(
            f"`{given.id}` has more than blocks and widths, but only networks of these are scaled: "
            "give one like 2x64-3x128."
        )
    if given.stem_width != given.widths[0]:
        raise UsageError(
            f"`{given.id}` has a stem of {given.stem_width}, but only stems as wide as stage 1 are scaled: "
            "give it without its stem."
        )
    if not 1 <= step <= WIDEST:
        raise UsageError(f"is {step}, but must be from 1 to {WIDEST}.", argument="step")
    space = WidthSpace(blocks=given.blocks, widths=range(step, widest(given, step) + 1, step), shape=shape)
    found = repair(space, np.array(given.widths), budget)
    if found is None:
        least = count(space.decode(np.full(len(given.blocks), step)), shape).params
        blocks = ",".join(map(str, given.blocks))
        raise InfeasibleBudgetError(
            f"is {budget.max_params:,}, but with blocks {blocks} the narrowest network has {least:,} parameters: raise "
            "the cap, take away blocks, or make the step of the widths smaller.",
            argument="max_params",
        )
    return space.decode(found.point)


def widest(given: ResNetSpec, step: int) -> int:
    """Return the largest width, in channels, that `fit` considers for a network."""
    return max(WIDEST, *given.widths) // step * step


def wider(spec: ResNetSpec, step: int) -> list[ResNetSpec]:
    """Return the networks that are one step wider in one stage, the stem with the first, where it may be that wide."""
    grown = [(i, width + step) for i, width in enumerate(spec.widths) if width + step <= MAX_WIDTH]
    return [replace(spec, widths=_with(spec.widths, i, width), stem_width=0) for i, width in grown]


def deeper(spec: ResNetSpec) -> dict[int, ResNetSpec]:
    """Return the networks of one more block in one stage, by the stage, from 1."""
    grown = {i: number + 1 for i, number in enumerate(spec.blocks) if number < MAX_BLOCKS}
    return {i + 1: replace(spec, blocks=_with(spec.blocks, i, number)) for i, number in grown.items()}


def _with(values: tuple[int, ...], i: int, value: int) -> tuple[int, ...]:
    return (*values[:i], value, *values[i + 1 :])
