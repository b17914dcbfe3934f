"""The check of an own kind's cost against the layers of its blocks."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np

from budgetnas.arch.kinds import OwnKind
from budgetnas.arch.own_costs import counted_stage, own_stage
from budgetnas.arch.pools import Stages
from budgetnas.exceptions import UsageError
from budgetnas.text import plural

_MAPS = ((81, 81), (81, 25))  # pixels before and after a stage of stride 1, and of stride 2


@cache
def check_cost(kind: OwnKind, widths: tuple[int, ...], kernels: tuple[int, ...]) -> None:
    """Check that the cost of a kind is that of its layers, and that it has blocks of these sizes.

    Args:
        kind: with code.
        widths: of stages; each is tried behind itself and behind the next one.
        kernels: sides of them.

    Raises:
        UsageError: its code fails, or two counts differ.
    """
    pairs = list(zip(widths, widths, strict=True)) + list(zip((*widths[1:], widths[0]), widths, strict=True))
    rows = [
        (blocks, width, before, kernel, halves, *_MAPS[halves])
        for (before, width), kernel, halves, blocks in product(pairs, kernels, (0, 1), (1, 2, 3))
    ]
    names = ("blocks", "width", "before", "kernel", "halves", "pixels_before", "pixels")
    stages = Stages(**dict(zip(names, np.array(rows, dtype=np.int64).T, strict=True)))
    own = own_stage(stages, kind)
    true = counted_stage(stages, kind)
    for row, *counts in zip(rows, *own, *true, strict=True):
        if counts[:2] != counts[2:]:
            blocks, width, before, kernel, halves, inside, outside = row
            stated, found = (
                f"{plural(params, 'parameter')} and {plural(macs, 'MAC')}" for params, macs in (counts[:2], counts[2:])
            )
            raise UsageError(
                f"is {kind.word}, whose `cost` gives {stated} for {plural(blocks, 'block')} of {width} channels behind "
                f"{before} (kernel {kernel}, halves {halves}, {inside} to {outside} pixels), but its layers have "
                f"{found}: correct one of them.",
                argument="space_code",
            )
