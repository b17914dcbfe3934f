"""What lies next to a point: one ordered value a step up or down, or one unordered value exchanged."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from budgetnas.space.protocol import Space

IntArray = npt.NDArray[np.int64]


def neighbours(space: Space, point: IntArray) -> IntArray:
    """Return the distinct members one step from `point` [D], which need not lie on the grid, without itself: [N, D]."""
    found = []
    for i, dimension in enumerate(space.dimensions):
        values = np.asarray(dimension.values, dtype=np.int64)
        if dimension.ordered:
            above = np.searchsorted(values, point[i], side="right")
            below = np.searchsorted(values, point[i], side="left") - 1
            values = values[[rank for rank in (below, above) if 0 <= rank < len(values)]]
        points = np.tile(point, (len(values), 1))
        points[:, i] = values
        found.append(points)
    members: IntArray = np.unique(space.canonical(np.concatenate(found)), axis=0)
    others: IntArray = members[(members != point).any(axis=1)]
    return others
