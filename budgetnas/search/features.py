"""Residual networks as numbers that a surrogate can learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from budgetnas.records.trial import Candidate

FloatArray = npt.NDArray[np.float64]


def features(candidates: Sequence[Candidate], stages: int) -> FloatArray:
    """Describe candidates by log2 of params, MACs and widths, by blocks, depth and number of stages.

    Args:
        candidates: N of them.
        stages: most stages that any of them has; absent stages have no blocks and the last stage's width.

    Returns:
        [N, 4 + 2 * stages].
    """
    rows = []
    for candidate in candidates:
        spec = candidate.spec
        absent = stages - len(spec.blocks)
        blocks = [*spec.blocks, *[0] * absent]
        widths = [*spec.widths, *[spec.widths[-1]] * absent]
        rows.append(
            [
                len(spec.blocks),
                sum(blocks),
                np.log2(candidate.params),
                np.log2(candidate.macs),
                *blocks,
                *np.log2(widths),
            ]
        )
    return np.array(rows, dtype=np.float64).reshape(len(candidates), 4 + 2 * stages)
