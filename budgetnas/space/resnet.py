"""The space of residual networks: number of stages, blocks and width per stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from budgetnas.arch import pools
from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.arrays import BoolArray, FloatArray, IntArray
from budgetnas.exceptions import UsageError
from budgetnas.space.chain import Chain
from budgetnas.space.parameters import STAGES, Ranges, blocks_name, is_plain, width_name
from budgetnas.space.protocol import Dimension, Space
from budgetnas.text import plural

SMALLEST_SIDE = 2
LARGEST_TABLE = 4_000_000
SLOTS = 4
_BLOCKS = slice(1, 1 + SLOTS)
_WIDTHS = slice(1 + SLOTS, 1 + 2 * SLOTS)


@dataclass(frozen=True, kw_only=True, slots=True)
class ResNetSpace(Space):
    """Residual networks with a stem as wide as stage 1.

    A point is (stages, blocks of stages 1 to 4, widths of stages 1 to 4); absent stages have the lowest values. The
    number of stages is unordered, since a network of three stages is not close to one of four.

    Attributes:
        stages: fewest and most stages.
        blocks: fewest and most basic blocks per stage.
        widths: narrowest and widest stage, in channels.
        width_step: grid of the widths, in channels, starting at the narrowest.
        monotone: whether widths may not fall from one stage to the next.
        shape: shape of images, and number of classes. Stages that would work below 2x2 pixels are not in the space.
    """

    stages: tuple[int, int] = (1, 4)
    blocks: tuple[int, int] = (1, 8)
    widths: tuple[int, int] = (16, 512)
    width_step: int = 8
    monotone: bool = True
    shape: DataShape = field(default_factory=DataShape)

    def __post_init__(self) -> None:
        for name, (low, high), top in (
            ("stages", self.stages, SLOTS),
            ("blocks", self.blocks, 64),
            ("widths", self.widths, 8192),
        ):
            if not 1 <= low <= high <= top:
                raise UsageError(
                    f"is [{low}, {high}], but must be a range [low, high] within 1 to {top}.", argument=f"space.{name}"
                )
        if self.width_step < 1:
            raise UsageError(f"is {self.width_step}, but must be 1 or more channels.", argument="space.width_step")
        if self.depth_range[0] > self.depth_range[1]:
            raise UsageError(
                f"starts at {self.stages[0]}, but images of {self.shape.height}x{self.shape.width} "
                f"allow {self.depth_range[1]} stages at most before a stage works below "
                f"{SMALLEST_SIDE}x{SMALLEST_SIDE} pixels: lower it or resize the images.",
                argument="space.stages",
            )

        deepest = self.depth_range[1]
        count(ResNetSpec(blocks=(self.blocks[1],) * deepest, widths=(self.widths[1],) * deepest), self.shape)
        grid = len(self.width_grid)
        table = grid * grid * (self.blocks[1] - self.blocks[0] + 1)
        if table > LARGEST_TABLE:
            raise UsageError(
                f"is {self.width_step}, which makes {table:,} pairs of a width and a next stage, "
                f"but at most {LARGEST_TABLE:,} are searched: take a coarser step, or narrower widths or blocks.",
                argument="space.width_step",
            )

    @property
    def depth_range(self) -> tuple[int, int]:
        """Fewest and most stages that the image size allows."""
        side = min(self.shape.height, self.shape.width)
        most = 1
        while most < self.stages[1] and -(-side // 2**most) >= SMALLEST_SIDE:
            most += 1
        return self.stages[0], most

    @property
    def width_grid(self) -> IntArray:
        """The widths of proposals, ascending."""
        return np.arange(self.widths[0], self.widths[1] + 1, self.width_step, dtype=np.int64)

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Stages, blocks per stage, width per stage; with a single value for a stage that the space never has."""
        fewest, most = self.depth_range
        blocks, widths = range(self.blocks[0], self.blocks[1] + 1), self.width_grid.tolist()
        return (
            Dimension(name=STAGES, values=range(fewest, most + 1), ordered=False),
            *(Dimension(name=blocks_name(i + 1), values=blocks if i < most else blocks[:1]) for i in range(SLOTS)),
            *(Dimension(name=width_name(i + 1), values=widths if i < most else widths[:1]) for i in range(SLOTS)),
        )

    @property
    def ranges(self) -> Ranges:
        """The ranges of the dimensions, as the parameters of trials have them."""
        return Ranges(stages=self.stages, blocks=self.blocks, widths=self.widths)

    @property
    def in_words(self) -> str:
        """The dimensions in words.

        >>> ResNetSpace(widths=(16, 64)).in_words
        '1-4 stages, 1-8 blocks, widths 16-64 by 8, not falling'
        """
        stages, blocks, widths = (f"{low}-{high}" for low, high in (self.depth_range, self.blocks, self.widths))
        order = ", not falling" if self.monotone else ""
        return f"{stages} stages, {blocks} blocks, widths {widths} by {self.width_step}{order}"

    def to_json(self) -> dict[str, Any]:
        """Return the dimensions as JSON values."""
        return {
            "stages": list(self.depth_range),
            "blocks": list(self.blocks),
            "widths": list(self.widths),
            "width_step": self.width_step,
            "monotone": self.monotone,
        }

    def params(self, points: IntArray) -> IntArray:
        """Count the trainable parameters: [N]."""
        return self._cost(points)[0]

    def macs(self, points: IntArray) -> IntArray:
        """Count multiply-accumulates for one image: [N]."""
        return self._cost(points)[1]

    def _cost(self, points: IntArray) -> tuple[IntArray, IntArray]:
        return pools.total(np.where(_present(points), points[:, _BLOCKS], 0), points[:, _WIDTHS], self.shape)

    def canonical(self, points: IntArray) -> IntArray:
        """Return members: absent stages at their lowest values, widths sorted if they may not fall."""
        present = _present(points)
        blocks = np.where(present, points[:, _BLOCKS], self.blocks[0])
        widths = points[:, _WIDTHS]
        if self.monotone:
            widths = np.sort(np.where(present, widths, np.iinfo(np.int64).max), axis=1)
        return np.concatenate([points[:, :1], blocks, np.where(present, widths, self.widths[0])], axis=1)

    def strata(self, points: IntArray) -> IntArray:
        """Return the number of stages: [N]."""
        return points[:, 0]

    def name_stratum(self, stratum: int) -> str:
        """Name a number of stages."""
        return plural(stratum, "stage")

    def features(self, points: IntArray) -> FloatArray:
        """Return stages, depth, log2 of params and MACs, blocks and log2 widths per stage: [N, 4 + 2 * 4].

        Absent stages have 0 blocks and the last stage's width.
        """
        params, macs = self._cost(points)
        present = _present(points)
        blocks = np.where(present, points[:, _BLOCKS], 0)
        last = points[np.arange(len(points)), _WIDTHS.start - 1 + points[:, 0]]
        widths = np.where(present, points[:, _WIDTHS], last[:, None])
        overall = np.stack([points[:, 0], blocks.sum(axis=1), np.log2(params), np.log2(macs)], axis=1)
        return np.concatenate([overall, blocks, np.log2(widths)], axis=1)

    def chains(self) -> dict[int, Chain]:
        """Return cost tables by number of stages; only neighbouring stages share costs."""
        return {count: self._chain(count) for count in range(self.depth_range[0], self.depth_range[1] + 1)}

    def _chain(self, stages: int) -> Chain:
        widths = self.width_grid
        block_grid = np.arange(self.blocks[0], self.blocks[1] + 1, dtype=np.int64)
        # A state is one (blocks, width) pair; its link, the part that affects the next stage, is the width's index.
        state_blocks = np.repeat(block_grid, len(widths))
        link = np.tile(np.arange(len(widths)), len(block_grid))
        state_widths = widths[link]
        stem_params, stem_macs = pools.stem(state_widths, self.shape)
        params, macs = pools.basic_stage(state_blocks, state_widths, state_widths, 0, self.shape)
        tables = [(stem_params + params)[None, :], (stem_macs + macs)[None, :]]
        steps = [(tables[0], tables[1])]
        allowed = state_widths[None, :] >= widths[:, None] if self.monotone else None
        steps += [
            pools.basic_stage(state_blocks[None, :], state_widths[None, :], widths[:, None], index, self.shape)
            for index in range(1, stages)
        ]
        return Chain(
            states=np.stack([state_blocks, state_widths], axis=1),
            columns=np.array([[_BLOCKS.start + i, _WIDTHS.start + i] for i in range(stages)]),
            base=np.array([stages, *[self.blocks[0]] * SLOTS, *[self.widths[0]] * SLOTS], dtype=np.int64)[None],
            link=link,
            steps=steps,
            allowed=allowed,
            end=pools.head(widths, self.shape),
        )

    def decode(self, point: IntArray) -> ResNetSpec:
        """Return the spec of a point [D]."""
        blocks, widths = (tuple(int(v) for v in point[part][: int(point[0])]) for part in (_BLOCKS, _WIDTHS))
        return ResNetSpec(blocks=blocks, widths=widths)

    def encode(self, spec: ResNetSpec) -> IntArray:
        """Return the point [D] of a spec of at most 4 stages, on the grid or off it: of its blocks and widths alone."""
        absent = SLOTS - spec.depth
        blocks = [*spec.blocks, *[self.blocks[0]] * absent]
        return np.array([spec.depth, *blocks, *spec.widths, *[self.widths[0]] * absent], dtype=np.int64)


SEARCHABLE = (
    f"networks of up to {SLOTS} stages whose stem is as wide as stage 1, of blocks and widths alone (2x64-3x128)"
)


def is_searchable(spec: ResNetSpec) -> bool:
    """Return whether a network is one of `SEARCHABLE`, which have a point, on some grid or off it."""
    return spec.depth <= SLOTS and is_plain(spec)


def _present(points: IntArray) -> BoolArray:
    """Return which stages exist: [N, 4]."""
    return np.arange(SLOTS) < points[:, :1]
