"""What lies next to a point: one ordered value a step up or down, or one unordered value exchanged."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from budgetnas.space.protocol import Space, to_grid

IntArray = npt.NDArray[np.int64]


def neighbours(space: Space, point: IntArray) -> IntArray:
    """Return the distinct members one step from `point` [D], without itself: [N, D].

    For a point off the grid they are those of the nearest on it, and that one too.
    """
    start = to_grid(space, point[None])[0]
    found = [start[None]]
    for i, dimension in enumerate(space.dimensions):
        values = np.asarray(dimension.values, dtype=np.int64)
        if dimension.ordered:
            rank = int(np.searchsorted(values, start[i]))
            values = values[[near for near in (rank - 1, rank + 1) if 0 <= near < len(values)]]
        points = np.tile(start, (len(values), 1))
        points[:, i] = values
        found.append(points)
    members: IntArray = np.unique(space.canonical(np.concatenate(found)), axis=0)
    others: IntArray = members[(members != point).any(axis=1)]
    return others
