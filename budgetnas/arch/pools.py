"""The counter for arrays of candidates: costs of the parts of many residual networks at once.

A network's params and MACs are `stem + sum(stage) + head`, and a stage depends only on its width, its blocks and the
width before it. Every function takes int64 arrays (or ints) that broadcast, and returns `(params, macs)`.
"""

from __future__ import annotations

import numpy as np

from budgetnas.arch.spec import DataShape
from budgetnas.arrays import IntArray

_CHUNK = 4_096

Cost = tuple[IntArray, IntArray]


def pixels(shape: DataShape, stage: int) -> int:
    """Return the pixels of a feature map of `stage` (0 for the first); each stage halves the sides, rounded up."""
    shrink: int = 2**stage
    return -(-shape.height // shrink) * -(-shape.width // shrink)


def stem(width: IntArray, shape: DataShape) -> Cost:
    """Cost of the 3x3 stem."""
    conv = 9 * shape.channels * width
    return conv + 2 * width, conv * pixels(shape, 0)


def stage(blocks: IntArray, width: IntArray, before: IntArray, index: int, shape: DataShape) -> Cost:
    """Cost of stage `index` (0 for the first) with `blocks` >= 1 blocks, fed by `before` channels."""
    projected: IntArray | int = 1 if index else (before != width).astype(np.int64)
    convs = width * ((9 + projected) * before + (18 * blocks - 9) * width)
    return convs + 2 * width * (2 * blocks + projected), convs * pixels(shape, index)


def head(width: IntArray, shape: DataShape) -> Cost:
    """Cost of the linear head."""
    weights = width * shape.classes
    return weights + shape.classes, weights


def total(blocks: IntArray, widths: IntArray, shape: DataShape, *, stem_widths: IntArray | None = None) -> Cost:
    """Cost of whole networks.

    Args:
        blocks: [N, S] basic blocks per stage; 0 for empty stages, which come last.
        widths: [N, S] channels per stage; ignored for empty stages.
        shape: shape of images, and number of classes.
        stem_widths: [N] channels of the stems; default: as in stage 1.

    Returns:
        params [N] and macs [N].
    """
    stems = widths[:, 0] if stem_widths is None else stem_widths
    params = np.empty(len(blocks), dtype=np.int64)
    macs = np.empty(len(blocks), dtype=np.int64)
    for start in range(0, len(blocks), _CHUNK):
        part = slice(start, start + _CHUNK)
        params[part], macs[part] = _total(
            np.ascontiguousarray(blocks[part].T), np.ascontiguousarray(widths[part].T), stems[part], shape
        )
    return params, macs


def _total(blocks: IntArray, widths: IntArray, stems: IntArray, shape: DataShape) -> Cost:
    """Cost of a chunk that fits into the CPU's cache; blocks and widths [S, N], stems [N]."""
    before = stems
    params, macs = stem(before, shape)
    for index in range(len(blocks)):
        filled = blocks[index] > 0
        width = np.where(filled, widths[index], before)
        more_params, more_macs = stage(blocks[index], width, before, index, shape)
        params += filled * more_params
        macs += filled * more_macs
        before = width
    head_params, head_macs = head(before, shape)
    return params + head_params, macs + head_macs
