"""The features of residual networks that a surrogate learns from, on scales where equal steps matter equally."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from budgetnas.arch import pools
from budgetnas.arch.kinds import KINDS
from budgetnas.arch.spec import DataShape
from budgetnas.arrays import FloatArray, IntArray
from budgetnas.space import columns
from budgetnas.space.columns import BLOCKS, COLUMN, KERNELS, WIDTHS
from budgetnas.space.keys import SLOTS
from budgetnas.space.protocol import Dimension
from budgetnas.space.strata import BASIC, BOTTLENECK, INVERTED


def by_stage(points: IntArray, params: IntArray, macs: IntArray) -> FloatArray:
    """Return stages, depth, log2 of params and MACs, blocks and log2 widths per stage: [N, 4 + 2 * 4].

    Absent stages have 0 blocks and the last stage's width.
    """
    exists = columns.present(points)
    blocks = np.where(exists, points[:, BLOCKS], 0)
    last = points[np.arange(len(points)), WIDTHS.start - 1 + points[:, 0]]
    widths = np.where(exists, points[:, WIDTHS], last[:, None])
    overall = np.stack([points[:, 0], blocks.sum(axis=1), np.log2(params), np.log2(macs)], axis=1)
    return np.concatenate([overall, blocks, np.log2(widths)], axis=1)


def by_resolution(
    points: IntArray,
    params: IntArray,
    macs: IntArray,
    dimensions: Sequence[Dimension],
    shape: DataShape,
    kinds: Sequence[str] = KINDS,
) -> FloatArray:
    """Return the features of networks of several kinds: [N, F].

    They go by resolution, not by stage, since stages need not halve the image: log2 of params and MACs, of the number
    of convolutions above 1x1 and of their reach in pixels, the mean kernel, log2 of the stem; per resolution the share
    of MACs, blocks, log2 of the width and of the channels of these convolutions; one column for each value of a choice
    of which a network has one.

    Args:
        points: [N, D] of all columns.
        params: [N].
        macs: [N].
        dimensions: of the points, which say what choices there are.
        shape: of the images.
        kinds: of the space.
    """
    exists = columns.present(points)
    blocks = np.where(exists, points[:, BLOCKS], 0)
    kernels = points[:, KERNELS]
    level = columns.halves(points).cumsum(axis=1)  # of each stage: 0 for whole images
    kind = points[:, COLUMN["kind"], None]
    per_block = np.where(kind == BASIC, 2, 1)  # convolutions above 1x1
    depth = (blocks * per_block).sum(axis=1)
    reach = 1 + (blocks * per_block * (kernels - 1) << level).sum(axis=1)
    found = [
        np.log2(params),
        np.log2(macs),
        np.log2(depth),
        np.log2(reach),
        (kernels * blocks).sum(axis=1) / blocks.sum(axis=1),
        np.log2(_stems(points)),
    ]
    widths, inside = points[:, WIDTHS], _inside(points)
    stage_macs = np.zeros(blocks.shape)
    for rows, nets in columns.networks(points, kinds):
        stage_macs[rows] = pools.stage_macs(nets, shape)
    carried = np.stack([_stems(points), _stems(points)], axis=1)  # a resolution without stages has those before it
    for resolution in range(SLOTS):
        here = exists & (level == resolution)
        for i in range(SLOTS):
            carried = np.where(here[:, i, None], np.stack([widths[:, i], inside[:, i]], axis=1), carried)
        found += [(stage_macs * here).sum(axis=1) / macs, (blocks * here).sum(axis=1), *np.log2(carried).T]
    for i, dimension in enumerate(dimensions):
        if not dimension.ordered and len(dimension.values) > 1 and dimension.name not in ("stages", "downsampling"):
            found += [(points[:, i] == value).astype(np.float64) for value in dimension.values]
    return np.stack([np.asarray(column, dtype=np.float64) for column in found], axis=1)


def _stems(points: IntArray) -> IntArray:
    stem = points[:, COLUMN["stem"]]
    found: IntArray = np.where(stem > 0, stem, points[:, WIDTHS.start])
    return found


def _inside(points: IntArray) -> IntArray:
    """Return the channels of the convolutions above 1x1: [N, 4]."""
    kind = points[:, COLUMN["kind"], None]
    inner = columns.inner(points)
    wide = inner * points[:, WIDTHS]
    found: IntArray = np.where(kind == BOTTLENECK, inner, np.where(kind == INVERTED, wide, points[:, WIDTHS]))
    return np.maximum(found, 1)
