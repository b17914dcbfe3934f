"""Which of the trained networks to trust."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from budgetnas.search.one_thread import one_thread
from budgetnas.search.surrogate import FEWEST, Surrogate
from budgetnas.space.protocol import Space

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def recommend(space: Space, points: IntArray, scores: FloatArray) -> FloatArray:
    """Return the score to trust for each trained network.

    Args:
        space: of the points.
        points: [N, D] what was trained.
        scores: [N] what it scored.

    Returns:
        [N]: the posterior mean over what was trained, which discounts lucky trainings; the score itself where there
        are too few to learn from.
    """
    if len(scores) < FEWEST:
        return np.array(scores, dtype=np.float64)
    features = space.features(points)
    with one_thread():
        return Surrogate(features, scores).posterior(features)[0]
