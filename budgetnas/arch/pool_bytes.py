"""The bytes of the file of the parts of many residual networks at once, as `device.file_bytes` counts them.

They are a linear function of params and of the numbers of output channels and of layers, and add up over the parts.
Arguments are as in `pools`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from budgetnas.arch import pools
from budgetnas.arch.device import COEFFICIENTS, Precision, file_bytes, fixed_bytes
from budgetnas.arch.kinds import OwnKind, required
from budgetnas.arch.layers import Act, AvgPool, Conv, GlobalPool, Layer, Linear, Residual, Scale, Sigmoid
from budgetnas.arch.own_costs import by_size
from budgetnas.arch.pools import Family, Ints, Networks, Stages
from budgetnas.arch.spec import DataShape
from budgetnas.arrays import IntArray


def stem(width: IntArray, shape: DataShape, precision: Precision) -> IntArray:
    """Bytes of the stem, and those of a file that no layer has."""
    conv = _Layers(weights=9 * shape.channels * width, channels=width, numbers={Conv: 1, Act: 1})
    return np.asarray(conv.bytes(precision) + fixed_bytes(shape.channels, precision))


def stage(one: Stages, family: Family, precision: Precision, *, is_first: bool) -> IntArray:
    """Bytes of a stage of each network.

    Args:
        one: the stages.
        family: what they share.
        precision: of the weights.
        is_first: whether they are behind the stem.

    Raises:
        UsageError: no code of an own kind was given, or its code fails.
    """
    if family.kind not in _LAYERS:
        return _own(one, required(family.kind), precision, is_first=is_first)
    return np.asarray(_LAYERS[family.kind](one, family).bytes(precision))


def head(width: IntArray, shape: DataShape, precision: Precision, *, neck: int | None = None) -> IntArray:
    """Bytes of the linear head, and of the neck before it."""
    pooled = width if neck is None else neck
    linear = _Layers(weights=pooled * shape.classes, channels=shape.classes, numbers={GlobalPool: 1, Linear: 1}).bytes(
        precision
    )
    if neck is None:
        return np.asarray(linear)
    return np.asarray(linear + _Layers(weights=width * neck, channels=neck, numbers={Conv: 1, Act: 1}).bytes(precision))


def bytes_of(nets: Networks, shape: DataShape, precision: Precision) -> IntArray:
    """Bytes of whole networks: [N]."""
    found = np.empty(len(nets.blocks), dtype=np.int64)
    for chunk in pools.chunks(nets, shape):
        stages = (
            one.filled * stage(one.stages, nets.family, precision, is_first=number == 0)
            for number, one in enumerate(chunk.stages)
        )
        ends = stem(chunk.stems, shape, precision) + head(chunk.last, shape, precision, neck=nets.family.neck)
        found[chunk.rows] = sum(stages, ends)
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layers:
    """Weights and output channels of some convolutions and linear layers, and the numbers of layers by kind."""

    weights: Ints
    channels: Ints
    numbers: Mapping[type[Layer], Ints]

    def bytes(self, precision: Precision) -> Ints:
        one = COEFFICIENTS[precision]
        found = one.weight * self.weights + one.channel * self.channels
        for kind, number in self.numbers.items():
            found = found + number * (one.graph[kind] + one.tensor * (kind not in (Act, Sigmoid)))
        return found


def _basic(one: Stages, family: Family) -> _Layers:
    convs = 2 * one.blocks + one.projects
    return _with_sums(one, family, convs * one.width, convs=convs, acts=2 * one.blocks)


def _bottleneck(one: Stages, family: Family) -> _Layers:
    channels = one.blocks * (2 * one.inner + one.width) + one.projects * one.width
    return _with_sums(one, family, channels, convs=3 * one.blocks + one.projects, acts=3 * one.blocks)


def _with_sums(one: Stages, family: Family, channels: Ints, *, convs: Ints, acts: Ints) -> _Layers:
    """Return the layers of blocks that all add a shortcut, with `channels` of outputs of their convolutions."""
    pooled = one.halves if family.pools else 0
    numbers = {Conv: convs, Act: acts, Residual: one.blocks, AvgPool: pooled}
    return _counted(one, family, channels, numbers, gated=[(one.blocks, one.width)])


def _inverted(one: Stages, family: Family) -> _Layers:
    expands, rest = np.asarray(one.inner > 1, dtype=np.int64), one.blocks - 1
    blocks = [(1, one.inner * one.before), (rest, one.inner * one.width)]
    channels = sum(number * ((1 + expands) * hidden + one.width) for number, hidden in blocks)
    convs, acts = one.blocks * (2 + expands), one.blocks * (1 + expands)
    return _counted(one, family, channels, {Conv: convs, Act: acts, Residual: one.blocks - one.projects}, gated=blocks)


def _counted(
    one: Stages,
    family: Family,
    channels: Ints,
    numbers: Mapping[type[Layer], Ints],
    *,
    gated: Sequence[tuple[Ints, Ints]],
) -> _Layers:
    """Return layers with their weights, which are the params less those of norms and biases; `gated` as `_gates`."""
    gates = _gates(gated, family.squeeze)
    params, _ = pools.stage(one, family)
    both = {kind: numbers.get(kind, 0) + gates.numbers.get(kind, 0) for kind in (*numbers, *gates.numbers)}
    return _Layers(weights=params - 2 * channels - gates.channels, channels=channels + gates.channels, numbers=both)


def _gates(blocks: Sequence[tuple[Ints, Ints]], squeeze: int | None) -> _Layers:
    """Return the squeeze-excitation of blocks, (number of them, channels) each, without its weights."""
    if squeeze is None:
        return _Layers(weights=0, channels=0, numbers={})
    channels = sum(number * (hidden + -(-hidden // squeeze)) for number, hidden in blocks)
    number = sum(number for number, _ in blocks)
    return _Layers(
        weights=0,
        channels=channels,
        numbers={Linear: 2 * number} | dict.fromkeys((GlobalPool, Act, Sigmoid, Scale), number),
    )


_LAYERS: dict[str, Callable[[Stages, Family], _Layers]] = {
    "basic": _basic,
    "bottleneck": _bottleneck,
    "inverted": _inverted,
}


def _own(one: Stages, kind: OwnKind, precision: Precision, *, is_first: bool) -> IntArray:
    """Bytes of stages of an own kind, by the layers of its blocks; 0 where it has none."""

    def number(blocks: int, before: int, width: int, halves: int, kernel: int) -> int:
        if not blocks:
            return 0
        # A norm that opens a stage is folded into what ends the one before it: a block, or the activation of the stem.
        layers: list[Layer] = [Act()] if is_first else [kind.block(before, before, 1, kernel)[-1]]
        alone = file_bytes(layers, precision)
        for block in ((before, width, 1 + halves, kernel), (width, width, 1, kernel))[:blocks]:
            layers += kind.block(*block)
        return file_bytes(layers, precision) - alone

    first, both = (by_size(replace(one, blocks=np.minimum(one.blocks, most)), number) for most in (1, 2))
    return np.asarray(first + np.maximum(one.blocks - 1, 0) * (both - first))
