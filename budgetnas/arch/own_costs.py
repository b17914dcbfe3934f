"""The counter for arrays of stages of an own kind: by the cost of its code, or by the layers of its blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from budgetnas.arch.counter import ledger
from budgetnas.arch.kinds import OwnKind
from budgetnas.arch.layers import Conv, Layer
from budgetnas.arch.spec import DataShape
from budgetnas.arrays import IntArray
from budgetnas.exceptions import UsageError
from budgetnas.text import one_line

if TYPE_CHECKING:
    from budgetnas.arch.pools import Ints, Stages


def own_stage(one: Stages, kind: OwnKind) -> tuple[IntArray, IntArray]:
    """Cost of a stage of each network of an own kind.

    Raises:
        UsageError: its code fails, or returns no whole numbers.
    """
    size = np.broadcast_shapes(*(np.shape(getattr(one, name.name)) for name in fields(one)))
    if kind.cost is None:
        return counted_stage(one, kind)
    try:
        found = [np.asarray(costs) for costs in kind.cost(one)]
        if len(found) != 2 or any(costs.dtype.kind not in "iu" for costs in found):
            raise ValueError("it must return two arrays of whole numbers: params and MACs")
        params, macs = (np.broadcast_to(costs.astype(np.int64), size) for costs in found)
    except (Exception, SystemExit) as error:  # a person's code can fail in any way
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise UsageError(
            f"is {kind.word}, whose `cost` fails ({reason}): correct it there.", argument="space_code"
        ) from error
    return params, macs


def counted_stage(one: Stages, kind: OwnKind) -> tuple[IntArray, IntArray]:
    """Cost of a stage of each network of an own kind, counted by the layers of its blocks; 0 where it has none."""
    names = ("blocks", "before", "width", "halves", "kernel", "pixels_before", "pixels")
    columns = np.broadcast_arrays(*(np.asarray(getattr(one, name), dtype=np.int64) for name in names))
    rows = np.stack([column.ravel() for column in columns], axis=1)
    each = np.zeros((len(rows), 4), dtype=np.int64)
    for least in (1, 2):  # the first block of each stage, then the later ones
        some = rows[:, 0] >= least
        sizes, place = np.unique(rows[some, 1:5], axis=0, return_inverse=True)
        sizes = sizes if least == 1 else np.stack([sizes[:, 1], sizes[:, 1], 0 * sizes[:, 2], sizes[:, 3]], axis=1)
        parts = [_parts_of(kind.block(a, w, 1 + halves, k), a, 1 + halves) for a, w, halves, k in sizes.tolist()]
        number = 1 if least == 1 else rows[some, :1] - 1
        each[some] += number * np.array(parts, dtype=np.int64).reshape(-1, 4)[place.ravel()]
    params, inside, outside, fixed = each.T
    macs = inside * rows[:, 5] + outside * rows[:, 6] + fixed
    return params.reshape(columns[0].shape), macs.reshape(columns[0].shape)


def by_size(one: Stages, number: Callable[..., int], *others: Ints) -> IntArray:
    """Return a number for each stage, which blocks, width before, width, halving, kernel and `others` alone decide."""
    names = ("blocks", "before", "width", "halves", "kernel")
    columns = np.broadcast_arrays(*(np.asarray(getattr(one, name), dtype=np.int64) for name in names), *others)
    sizes, place = np.unique(np.stack([column.ravel() for column in columns], axis=1), axis=0, return_inverse=True)
    found = np.array([number(*size) for size in sizes.tolist()], dtype=np.int64)
    return found[place.ravel()].reshape(columns[0].shape)


def _parts_of(layers: Sequence[Layer], channels: int, stride: int) -> tuple[int, int, int, int]:
    """Return the params of a block, and its MACs by each pixel of its input, by each of its output, and by the image.

    A block of stride 2 sees 2x2 pixels here, so its layers with one pixel are those on the smaller map.
    """
    params = inside = outside = fixed = 0
    for row in ledger(tuple(layers), DataShape(channels=channels, height=stride, width=stride, classes=1)):
        params += row.params
        if not isinstance(row.layer, Conv):
            fixed += row.macs
        elif row.out_shape[1] > 1:
            inside += row.params
        else:
            outside += row.params
    return params, inside, outside, fixed
