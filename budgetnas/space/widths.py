"""The widths of a residual network whose blocks are fixed, and the network that fills a cap with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from budgetnas.arch import pools
from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.exceptions import InfeasibleBudgetError, UsageError
from budgetnas.space.protocol import Dimension, Space
from budgetnas.space.repair import repair

IntArray = npt.NDArray[np.int64]
WIDEST = 8192


@dataclass(frozen=True, kw_only=True, slots=True)
class WidthSpace(Space):
    """All widths of one depth.

    Attributes:
        blocks: basic blocks per stage.
        widths: the grid of every stage's width, in channels.
        shape: images and classes.
    """

    blocks: tuple[int, ...]
    widths: range
    shape: DataShape

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """One width per stage."""
        return tuple(Dimension(name=f"width_{i + 1}", values=self.widths) for i in range(len(self.blocks)))

    def params(self, points: IntArray) -> IntArray:
        """Count the trainable parameters: [N]."""
        return pools.total(np.tile(self.blocks, (len(points), 1)), points, self.shape)[0]

    def macs(self, points: IntArray) -> IntArray:
        """Count multiply-accumulates for one image: [N]."""
        return pools.total(np.tile(self.blocks, (len(points), 1)), points, self.shape)[1]

    def decode(self, point: IntArray) -> ResNetSpec:
        """Make the spec of one point [D]."""
        return ResNetSpec(blocks=self.blocks, widths=tuple(int(width) for width in point))


def fit(given: ResNetSpec, shape: DataShape, cap: int, *, step: int = 1, max_macs: int | None = None) -> ResNetSpec:
    """Return the network of the blocks of `given` whose widths fill `cap`, by the rule of `space.repair`.

    >>> fit(ResNetSpec(blocks=(2, 2, 4), widths=(64, 128, 256)), DataShape(), 5_000_000).id
    '2x64-2x127-4x252'

    Args:
        given: the blocks, and the widths whose ratios are kept as near as the grid allows.
        shape: images and classes.
        cap: on params.
        step: grid of the widths, in channels.
        max_macs: cap on MACs for one image; None for no cap.

    Raises:
        UsageError: the stem has a width of its own, or the step is out of range.
        InfeasibleBudgetError: not even the narrowest network of these blocks fits.
    """
    if given.stem_width != given.widths[0]:
        raise UsageError(
            f"`{given.id}` has a stem of {given.stem_width}, but only stems as wide as stage 1 are scaled: "
            "give it without its stem."
        )
    if not 1 <= step <= WIDEST:
        raise UsageError(f"`--step` is {step}, but must be from 1 to {WIDEST}.")
    space = WidthSpace(blocks=given.blocks, widths=range(step, widest(given, step) + 1, step), shape=shape)
    found = repair(space, np.array(given.widths), max_params=cap, max_macs=max_macs)
    if found is None:
        least = count(space.decode(np.full(len(given.blocks), step)), shape).params
        raise InfeasibleBudgetError(
            f"`--max-params` is {cap:,}, but with blocks {','.join(map(str, given.blocks))} the narrowest network has "
            f"{least:,} parameters: raise the cap, take away blocks, or lower --step."
        )
    return space.decode(found.point)


def widest(given: ResNetSpec, step: int) -> int:
    """Return the widest width, in channels, that `fit` considers for a network."""
    return max(WIDEST, *given.widths) // step * step
