"""The counter for arrays of candidates: costs of the parts of many residual networks at once.

A network's params and MACs are `stem + sum(stage) + head`, and a stage depends only on itself and on the width before
it. Every function takes int64 arrays (or ints) that broadcast, and returns `(params, macs)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from budgetnas.arch.kinds import required
from budgetnas.arch.own_costs import own_stage
from budgetnas.arch.spec import DataShape
from budgetnas.arrays import BoolArray, IntArray

_CHUNK = 4_096

Ints = Any  # an int64 array, or an int
Cost = tuple[IntArray, IntArray]


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What all networks of an array share.

    Attributes:
        kind: of the blocks, as in a spec.
        squeeze: reduction of squeeze-excitation; None for none.
        neck: channels of the neck; None for none.
        pools: whether shortcuts that halve the image take the mean of 2x2 pixels first.
    """

    kind: str = "basic"
    squeeze: int | None = None
    neck: int | None = None
    pools: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Stages:
    """One stage of many networks.

    Attributes:
        blocks: at least 1.
        width: channels.
        before: channels of the stage before, or of the stem.
        inner: channels of the middle convolution of bottlenecks, or the expansion of inverted blocks.
        kernel: odd side of the kernels above 1x1.
        groups: of the middle convolution of bottlenecks.
        halves: 1 where the first block halves the image, else 0.
        pixels: of the output.
        pixels_before: of the input.
    """

    blocks: Ints
    width: Ints
    before: Ints
    inner: Ints = 0
    kernel: Ints = 3
    groups: Ints = 1
    halves: Ints
    pixels: Ints
    pixels_before: Ints

    @property
    def projects(self) -> Ints:
        """1 where the first block changes the shape, else 0."""
        return 1 if isinstance(self.halves, int) and self.halves else self.halves | (self.before != self.width)


def pixels(shape: DataShape, halvings: Ints) -> IntArray:
    """Return the pixels of a feature map after so many halvings; each halves the sides, rounded up."""
    shrink = 2 ** np.asarray(halvings, dtype=np.int64)
    return np.asarray(-(-shape.height // shrink) * -(-shape.width // shrink))


def stem(width: IntArray, shape: DataShape) -> Cost:
    """Cost of the 3x3 stem."""
    conv = 9 * shape.channels * width
    return conv + 2 * width, conv * pixels(shape, 0)


def stage(one: Stages, family: Family) -> Cost:
    """Cost of a stage of each network.

    Raises:
        UsageError: no code of an own kind was given, or its code fails.
    """
    own = family.kind not in _COSTS
    return own_stage(one, required(family.kind)) if own else _COSTS[family.kind](one, family.squeeze)


def _basic(one: Stages, squeeze: int | None) -> Cost:
    width, before, square = one.width, one.before, one.kernel * one.kernel
    projects = one.projects
    convs = width * ((square + projects) * before + square * (2 * one.blocks - 1) * width)
    norms = 2 * width * (2 * one.blocks + projects)
    gates, gate_macs = _gates(width, squeeze)
    return convs + norms + one.blocks * gates, convs * one.pixels + one.blocks * gate_macs


def _bottleneck(one: Stages, squeeze: int | None) -> Cost:
    width, before, mid, rest = one.width, one.before, one.inner, one.blocks - 1
    projects = one.projects
    reduce = before * mid  # of the first block, on the larger map
    middle = one.kernel * one.kernel * mid * mid // one.groups
    others = one.blocks * (middle + mid * width) + rest * width * mid + projects * before * width
    norms = 2 * (one.blocks * (2 * mid + width) + projects * width)
    gates, gate_macs = _gates(width, squeeze)
    macs = reduce * one.pixels_before + others * one.pixels
    return reduce + others + norms + one.blocks * gates, macs + one.blocks * gate_macs


def _inverted(one: Stages, squeeze: int | None) -> Cost:
    expands, rest = np.asarray(one.inner > 1, dtype=np.int64), one.blocks - 1
    square = one.kernel * one.kernel
    params: Any = 0
    macs: Any = 0
    for number, channels, pixels_before in ((1, one.before, one.pixels_before), (rest, one.width, one.pixels)):
        hidden = one.inner * channels
        expand = expands * channels * hidden
        others = square * hidden + hidden * one.width
        gates, gate_macs = _gates(hidden, squeeze)
        params = params + number * (expand + others + 2 * (expands * hidden + hidden + one.width) + gates)
        macs = macs + number * (expand * pixels_before + others * one.pixels + gate_macs)
    return params, macs


_COSTS: dict[str, Callable[[Stages, int | None], Cost]] = {
    "basic": _basic,
    "bottleneck": _bottleneck,
    "inverted": _inverted,
}


def _gates(channels: Ints, squeeze: int | None) -> tuple[Ints, Ints]:
    """Cost of the squeeze-excitation of one block."""
    if squeeze is None:
        return 0, 0
    inner = -(-channels // squeeze)
    macs = 2 * channels * inner
    return macs + channels + inner, macs


def head(width: IntArray, shape: DataShape, *, neck: int | None = None, on: Ints = 0) -> Cost:
    """Cost of the linear head, and of the neck before it on maps of `on` pixels."""
    if neck is None:
        weights = width * shape.classes
        return weights + shape.classes, weights
    conv, linear = width * neck, neck * shape.classes
    return conv + 2 * neck + linear + shape.classes, conv * on + linear


@dataclass(frozen=True, kw_only=True, slots=True)
class Networks:
    """Many networks of one family; what a spec has per stage is [N, S], empty stages come last with 0 blocks.

    Attributes:
        blocks: per stage.
        widths: per stage; ignored for empty stages.
        stem_widths: [N]; default: as in stage 1.
        others: further fields of `Stages` per stage, [N, S]: `inner`, `kernel`, `groups`, and `halves`, by default 1 in
            all stages but the first.
        family: of all.
    """

    blocks: IntArray
    widths: IntArray
    stem_widths: IntArray | None = None
    others: dict[str, IntArray] = field(default_factory=dict)
    family: Family = field(default_factory=Family)


def total(blocks: IntArray, widths: IntArray, shape: DataShape, *, stem_widths: IntArray | None = None) -> Cost:
    """Cost of whole networks of basic blocks with 3x3 kernels, where each stage but the first halves.

    Args:
        blocks: [N, S] basic blocks per stage; 0 for empty stages, which come last.
        widths: [N, S] channels per stage; ignored for empty stages.
        shape: shape of images, and number of classes.
        stem_widths: [N] channels of the stems; default: as in stage 1.

    Returns:
        params [N] and macs [N].
    """
    return total_of(Networks(blocks=blocks, widths=widths, stem_widths=stem_widths), shape)


def total_of(nets: Networks, shape: DataShape) -> Cost:
    """Cost of whole networks: params [N] and macs [N]."""
    params = np.empty(len(nets.blocks), dtype=np.int64)
    macs = np.empty(len(nets.blocks), dtype=np.int64)
    for chunk in chunks(nets, shape):
        parts = [
            stem(chunk.stems, shape),
            *_stage_costs(chunk, nets.family),
            head(chunk.last, shape, neck=nets.family.neck, on=chunk.pixels),
        ]
        params[chunk.rows], macs[chunk.rows] = (sum(costs) for costs in zip(*parts, strict=True))
    return params, macs


def stage_macs(nets: Networks, shape: DataShape) -> IntArray:
    """MACs of every stage, without stem and head: [N, S]."""
    macs = np.empty(nets.blocks.shape, dtype=np.int64)
    for chunk in chunks(nets, shape):
        macs[chunk.rows] = np.stack([cost[1] for cost in _stage_costs(chunk, nets.family)], axis=1)
    return macs


def _stage_costs(chunk: Chunk, family: Family) -> list[Cost]:
    costs = ((one.filled, stage(one.stages, family)) for one in chunk.stages)
    return [(filled * params, filled * macs) for filled, (params, macs) in costs]


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """One stage of the networks of a chunk.

    Attributes:
        stages: those of the networks that have it; of the others anything.
        filled: whether they have it, [N].
        halvings: of the image before it.
    """

    stages: Stages
    filled: BoolArray
    halvings: Ints


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """Some of many networks, part by part.

    Attributes:
        rows: of the networks.
        stems: channels of the stems, [N].
        stages: from the first to the last.
        last: channels before the head, [N].
        pixels: of the map before the head.
    """

    rows: slice
    stems: IntArray
    stages: list[Placed]
    last: IntArray
    pixels: IntArray


def chunks(nets: Networks, shape: DataShape) -> Iterator[Chunk]:
    """Yield the parts of the networks, one chunk of them after another."""
    stems = nets.widths[:, 0] if nets.stem_widths is None else nets.stem_widths
    for start in range(0, len(nets.blocks), _CHUNK):  # a chunk fits into the CPU's cache
        rows = slice(start, start + _CHUNK)
        columns = {
            name: np.ascontiguousarray(values[rows].T)
            for name, values in {"blocks": nets.blocks, "width": nets.widths, **nets.others}.items()
        }
        yield _chunk(rows, columns, stems[rows], shape)


def _chunk(rows: slice, columns: dict[str, IntArray], stems: IntArray, shape: DataShape) -> Chunk:
    """Return the parts of a chunk; columns are [S, N], stems [N]."""
    before: IntArray = stems
    halvings = columns.get("halves")
    found = []
    done: Any = 0  # halvings so far
    for index, blocks in enumerate(columns["blocks"]):
        filled = blocks > 0
        halves: Any = min(index, 1) if halvings is None else halvings[index] * filled
        on, before_it, done = pixels(shape, done), done, done + halves
        fields: dict[str, Any] = {name: values[index] for name, values in columns.items()}
        fields |= {"width": np.where(filled, columns["width"][index], before), "halves": halves}
        stages = Stages(**fields, before=before, pixels=pixels(shape, done), pixels_before=on)
        found.append(Placed(stages=stages, filled=filled, halvings=before_it))
        before = fields["width"]
    return Chunk(rows=rows, stems=stems, stages=found, last=before, pixels=pixels(shape, done))
