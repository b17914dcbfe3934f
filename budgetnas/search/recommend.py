"""Which of the trained networks to trust."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from budgetnas.search.belief import first_belief
from budgetnas.search.one_thread import one_thread
from budgetnas.search.surrogate import FEWEST, Surrogate, scores_of
from budgetnas.space.protocol import Space

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def recommend(space: Space, points: IntArray, scores: FloatArray, *above: FloatArray) -> FloatArray:
    """Return the score to trust for each network that the highest rung trained.

    Args:
        space: of the points.
        points: [N, D] what the first rung trained.
        scores: [N] what it scored there.
        above: [N] what it scored on each rung above, from the lowest to the highest; NaN where it did not get so far.

    Returns:
        [N]: the posterior mean over what was trained, which discounts lucky trainings, and of a rung above the first
        knows what those below said; the score itself where there are too few to learn from; NaN where the highest rung
        has none.
    """
    last = np.array(above[-1] if above else scores, dtype=np.float64)
    if (~np.isnan(last)).sum() < FEWEST:
        return last
    features = space.features(points)
    with one_thread():
        if not above:
            return Surrogate(features, scores).posterior(features)[0]
        come_up = np.flatnonzero(~np.isnan(above).all(axis=0))  # a rung put in between may lack some of those above
        belief = first_belief(features, scores, features[come_up])
        for rung in (column[come_up] for column in above):
            rows = np.flatnonzero(~np.isnan(rung))
            if len(rows) >= FEWEST:
                belief = belief.risen(rows, rung[rows])
    last[come_up[rows]] = scores_of(belief.mean[rows], last[come_up[rows]])
    return last
