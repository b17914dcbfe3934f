"""The widths of a residual network whose blocks are fixed: the space that `fit` fills a cap in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.complexity import pools
from budgetnas.space.protocol import Dimension, Space

IntArray = npt.NDArray[np.int64]


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
