"""The peak memory of the parts of many residual networks at once, in elements of tensors, as `peak_memory` counts it.

The peak of a network is the largest of those of its stem, its stages and its head. Each has its input, and a stage
depends only on itself and on the width before it. Arguments are as in `pools`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from budgetnas.arch.kinds import OwnKind, required
from budgetnas.arch.own_costs import by_size
from budgetnas.arch.peak_memory import live_elements
from budgetnas.arch.pools import Family, Ints, Networks, Stages, chunks, pixels
from budgetnas.arch.spec import DataShape
from budgetnas.arrays import IntArray


def stem(width: IntArray, shape: DataShape) -> IntArray:
    """Return the peak of the stem."""
    return np.asarray((shape.channels + width) * pixels(shape, 0))


def stage(one: Stages, family: Family, shape: DataShape, halvings: Ints) -> IntArray:
    """Return the peak of a stage of each network.

    Args:
        one: the stages.
        family: what they share.
        shape: of the images.
        halvings: of the images before the stage.

    Raises:
        UsageError: no code of an own kind was given, or its code fails.
    """
    if family.kind not in _PEAKS:
        return _own(one, required(family.kind), shape, halvings)
    first, later = _PEAKS[family.kind](one, family)
    return np.asarray(np.maximum(first, np.where(one.blocks > 1, later, 0)))


def head(width: IntArray, shape: DataShape, *, neck: int | None = None, on: Ints = 0) -> IntArray:
    """Return the peak of the head, and of the neck before it, on maps of `on` pixels."""
    pooled = width if neck is None else neck
    necked = 0 if neck is None else (width + neck) * on
    return np.asarray(_most(necked, pooled * (on + 1), pooled + shape.classes))


def peaks_of(nets: Networks, shape: DataShape) -> IntArray:
    """Return the peaks of whole networks: [N]."""
    found = np.empty(len(nets.blocks), dtype=np.int64)
    for chunk in chunks(nets, shape):
        stages = (one.filled * stage(one.stages, nets.family, shape, one.halvings) for one in chunk.stages)
        ends = stem(chunk.stems, shape), head(chunk.last, shape, neck=nets.family.neck, on=chunk.pixels)
        found[chunk.rows] = _most(*ends, *stages)
    return found


def _basic(one: Stages, family: Family) -> tuple[Any, Any]:
    """Return the peaks of the first block and of each later one."""
    before, after = one.before * one.pixels_before, one.width * one.pixels
    gated = _gated(one.width, one.pixels, family)
    return _most(before + 2 * after, before + gated, _sum(one, family)), _most(3 * after, after + gated)


def _bottleneck(one: Stages, family: Family) -> tuple[Any, Any]:
    before, after = one.before * one.pixels_before, one.width * one.pixels
    larger, smaller = one.inner * one.pixels_before, one.inner * one.pixels
    gated = _gated(one.width, one.pixels, family)
    first = _most(before + larger + smaller, before + smaller + after, before + gated, _sum(one, family))
    return first, _most(after + 2 * smaller, 2 * after + smaller, after + gated, 3 * after)


def _sum(one: Stages, family: Family) -> Ints:
    """Return the peak of a shortcut, beside the body's output, and of their sum."""
    before, after = one.before * one.pixels_before, one.width * one.pixels
    pooled = one.before * one.pixels * (one.halves if family.pools else 0)
    shortcut = _most(before + after + pooled, pooled + 2 * after)
    return _most(3 * after, np.where(pooled > 0, shortcut, before + 2 * after))


def _inverted(one: Stages, family: Family) -> tuple[Any, Any]:
    first = _inverted_block(one.before, one.pixels_before, 1 - one.projects, one, family)
    return first, _inverted_block(one.width, one.pixels, 1, one, family)


def _inverted_block(channels: Ints, on: Ints, adds: Ints, one: Stages, family: Family) -> Ints:
    """Return the peak of a block on maps of `on` pixels, which `adds` its input to its output, or does not."""
    hidden = one.inner * channels
    before, larger, smaller, after = channels * on, hidden * on, hidden * one.pixels, one.width * one.pixels
    kept = adds * before
    depthwise = np.where(one.inner > 1, _most(before + larger, kept + larger + smaller), before + smaller)
    return _most(depthwise, kept + _gated(hidden, one.pixels, family), kept + smaller + after, adds * 3 * after)


def _gated(channels: Ints, on: Ints, family: Family) -> Ints:
    """Return the elements of a map, of its factors from squeeze-excitation, and of their product; 0 without it."""
    return 0 if family.squeeze is None else channels * (2 * on + 1)


_PEAKS: dict[str, Callable[[Stages, Family], tuple[Any, Any]]] = {
    "basic": _basic,
    "bottleneck": _bottleneck,
    "inverted": _inverted,
}


def _own(one: Stages, kind: OwnKind, shape: DataShape, halvings: Ints) -> IntArray:
    """Return the peaks of stages of an own kind, by the layers of its blocks; 0 where it has none."""

    def peak(blocks: int, before: int, width: int, halves: int, kernel: int, halvings: int) -> int:
        places = (before, width, 1 + halves, kernel), (width, width, 1, kernel)
        return max(
            [0, *(_own_peak(kind, sizes, shape, halvings + i * halves) for i, sizes in enumerate(places[:blocks]))]
        )

    return by_size(replace(one, blocks=np.minimum(one.blocks, 2)), peak, halvings)


def _own_peak(kind: OwnKind, sizes: tuple[int, int, int, int], shape: DataShape, halvings: int) -> int:
    height, width = (-(-side // 2**halvings) for side in (shape.height, shape.width))
    image = DataShape(channels=sizes[0], height=height, width=width, classes=shape.classes)
    return max(live_elements(kind.block(*sizes), image).values())


def _most(*peaks: Ints) -> Any:
    return reduce(np.maximum, peaks)
