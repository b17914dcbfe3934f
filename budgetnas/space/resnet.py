"""The space of residual networks: blocks and widths per stage, the rules of shape, rows and specs."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import comb

import numpy as np
import numpy.typing as npt

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.complexity import pools
from budgetnas.complexity.counter import count
from budgetnas.exceptions import UsageError
from budgetnas.space.chain import Chain

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
SMALLEST_SIDE = 2
LARGEST_TABLE = 4_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ResNetSpace:
    """Residual networks with a stem as wide as stage 1.

    Attributes:
        stages: fewest and most stages.
        blocks: fewest and most basic blocks per stage.
        widths: narrowest and widest stage, in channels.
        width_step: grid of the widths, in channels, starting at the narrowest.
        monotone: whether widths may not fall from one stage to the next.
        shape: images and classes. Stages that would work below 2x2 pixels are not in the space.
    """

    stages: tuple[int, int] = (1, 4)
    blocks: tuple[int, int] = (1, 8)
    widths: tuple[int, int] = (16, 512)
    width_step: int = 8
    monotone: bool = True
    shape: DataShape = field(default_factory=DataShape)

    def __post_init__(self) -> None:
        for name, (low, high), top in (
            ("stages", self.stages, 4),
            ("blocks", self.blocks, 64),
            ("widths", self.widths, 8192),
        ):
            if not 1 <= low <= high <= top:
                raise UsageError(
                    f"`space.{name}` is [{low}, {high}], but must be a range [low, high] within 1 to {top}."
                )
        if self.width_step < 1:
            raise UsageError(f"`space.width_step` is {self.width_step}, but must be 1 or more channels.")
        if self.depth_range[0] > self.depth_range[1]:
            raise UsageError(
                f"`space.stages` starts at {self.stages[0]}, but images of {self.shape.height}x{self.shape.width} "
                f"allow {self.depth_range[1]} stages at most before a stage works below "
                f"{SMALLEST_SIDE}x{SMALLEST_SIDE} pixels: lower it or resize the images."
            )

        deepest = self.depth_range[1]
        count(ResNetSpec(blocks=(self.blocks[1],) * deepest, widths=(self.widths[1],) * deepest), self.shape)
        grid = len(self.width_grid)
        table = grid * grid * (self.blocks[1] - self.blocks[0] + 1)
        if table > LARGEST_TABLE:
            raise UsageError(
                f"`space.width_step` is {self.width_step}, which makes {table:,} pairs of a width and a next stage, "
                f"but at most {LARGEST_TABLE:,} are searched: take a coarser step, or narrower widths or blocks."
            )

    def half_count(self) -> int:
        """Return how many half architectures an exact index of the deepest networks sorts (see `feasible`)."""
        widths = len(self.width_grid)
        back = self.depth_range[1] - max(1, self.depth_range[1] // 2)
        shapes = comb(widths + back, back + 1) if self.monotone else widths ** (back + 1)
        halves: int = (self.blocks[1] - self.blocks[0] + 1) ** back * shapes
        return halves

    @property
    def depth_range(self) -> tuple[int, int]:
        """Fewest and most stages that the images leave room for."""
        side = min(self.shape.height, self.shape.width)
        most = 1
        while most < self.stages[1] and -(-side // 2**most) >= SMALLEST_SIDE:
            most += 1
        return self.stages[0], most

    @property
    def width_grid(self) -> IntArray:
        """The widths that proposals may use, ascending."""
        return np.arange(self.widths[0], self.widths[1] + 1, self.width_step, dtype=np.int64)

    def chains(self) -> dict[int, Chain]:
        """Return, per number of stages, the cost tables that couple neighbouring stages only."""
        return {count: self._chain(count) for count in range(self.depth_range[0], self.depth_range[1] + 1)}

    def _chain(self, stages: int) -> Chain:
        widths = self.width_grid
        block_grid = np.arange(self.blocks[0], self.blocks[1] + 1, dtype=np.int64)
        # A state is one (blocks, width) pair; what the next stage must know of it, its link, is the width's index.
        state_blocks = np.repeat(block_grid, len(widths))
        link = np.tile(np.arange(len(widths)), len(block_grid))
        state_widths = widths[link]
        stem_params, stem_macs = pools.stem(state_widths, self.shape)
        params, macs = pools.stage(state_blocks, state_widths, state_widths, 0, self.shape)
        tables = [(stem_params + params)[None, :], (stem_macs + macs)[None, :]]
        steps = [(tables[0], tables[1])]
        allowed = state_widths[None, :] >= widths[:, None] if self.monotone else None
        steps += [
            pools.stage(state_blocks[None, :], state_widths[None, :], widths[:, None], index, self.shape)
            for index in range(1, stages)
        ]
        return Chain(
            states=np.stack([state_blocks, state_widths], axis=1),
            link=link,
            steps=steps,
            allowed=allowed,
            end=pools.head(widths, self.shape),
        )

    def decode(self, states: IntArray) -> ResNetSpec:
        """Make the spec of one member: `states` holds (blocks, width) per stage, shape [S, 2]."""
        return ResNetSpec(blocks=tuple(int(b) for b in states[:, 0]), widths=tuple(int(w) for w in states[:, 1]))
