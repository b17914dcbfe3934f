"""Thompson sampling: draws one function from the posterior and proposes its maximum.

Thompson, "On the likelihood that one unknown probability exceeds another" (Biometrika 25, 1933).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from budgetnas.arrays import BoolArray, FloatArray, IntArray, Stream
from budgetnas.samplers.history import History, Pool
from budgetnas.samplers.surrogate import FEWEST, Hyperparameters, Surrogate, fit_hyperparameters, one_thread
from budgetnas.space.members import Band, Members
from budgetnas.space.protocol import Space, neighbours

CAUTION = 0.5  # of the posterior's standard deviation: a hundred trials are too few for full exploration
FRESH = 1_000
LISTED = 5_000
BEST = 5
EVEN_UNTIL = 30
TAIL_DRAWS = 2_000
REFIT = 1.1


class ThompsonSampler:
    """Proposes the best of a pool under one draw from a Gaussian process posterior with halved standard deviation.

    The first ten proposals, or three of each kind of network, are stratified (over strata, and over quartiles of MACs
    within each) and far apart in features. Up to the thirtieth proposal, no stratum, or no kind where there are
    several, gets more than half of them, and the 5 % of the band with most MACs get at most a third, since an early
    lead may be luck.

    The pool is a band of up to 20,000 networks, or 5,000 of them; in a larger band it is 1,000 fresh draws and the
    neighbours of the five best networks.
    """

    def __init__(self, space: Space, band: Band, *, seed: int) -> None:
        self._space, self._band, self._pool = space, band, Pool(space, band, seed=seed)
        self._features = None if self._pool.listed is None else space.features(self._pool.listed.points)
        self._fitted: tuple[bytes, Hyperparameters] | None = None

    def propose(self, history: History) -> IntArray | None:
        """Return the next point of the stratified start; after it, the best of a pool under one posterior draw."""
        points, scores = history.observed
        if history.number - history.seeded < self._pool.starts or len(points) < FEWEST:
            return self._pool.start(history)
        rng = self._pool.rng(history, Stream.PROPOSAL)
        features = self._space.features(points)
        with one_thread():
            surrogate = Surrogate(features, scores, self._hyperparameters(features, scores))
            own = self._own(points)
            top = own[np.argsort(-scores[own], kind="stable")[: 10 * BEST]]
            best = points[top[np.argsort(-surrogate.mean(features[top]), kind="stable")[:BEST]]]
            candidates, rows = self._candidates(history, best, rng)
            if not len(candidates):
                return None
            drawn = surrogate.sample(rows, rng, scale=CAUTION)
        crowded = self._crowded(history, candidates)
        chosen: IntArray = candidates[int(np.where(crowded & ~crowded.all(), -np.inf, drawn).argmax())]
        return chosen

    def _candidates(self, history: History, best: IntArray, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
        """Return new members of the band [M, D] and their features [M, F]."""
        if self._pool.listed is not None and self._features is not None:
            rows = self._pool.unseen_rows(history)
            if len(rows) > LISTED:
                rows = rng.choice(rows, size=LISTED, replace=False)
            return self._pool.listed.points[rows], self._features[rows]
        near = self._pool.cost(np.concatenate([neighbours(self._space, point) for point in best]))
        drawn = self._pool.unseen(history, FRESH)
        pool = self._pool.fresh(Members.join([drawn, near]), history)
        return pool.points, self._space.features(pool.points)

    def _own(self, points: IntArray) -> IntArray:
        """Return the indices of points with the band's params, ascending, or all indices (a study may have tiers)."""
        params = self._space.params(points)
        inside = np.flatnonzero((params >= self._band.low) & (params <= self._band.high))
        return inside if len(inside) else np.arange(len(points))

    def _crowded(self, history: History, candidates: IntArray) -> BoolArray:
        """Return which candidates are in a part of the band that has its share of the first thirty proposals: [M]."""
        proposed = history.points[history.seeded :]
        proposed = proposed[self._own(proposed)]
        crowded = np.zeros(len(candidates), dtype=bool)
        if len(proposed) >= EVEN_UNTIL:
            return crowded
        parts, counts = np.unique(self._pool.parts(proposed), return_counts=True)
        if len(self._pool.turns) > 1:
            crowded |= np.isin(self._pool.parts(candidates), parts[counts >= EVEN_UNTIL // 2])
        if (self._space.macs(proposed) > self._many_macs).sum() >= EVEN_UNTIL // 3:
            crowded |= self._space.macs(candidates) > self._many_macs
        return crowded

    @cached_property
    def _many_macs(self) -> float:
        """The MACs that 5 % of the band exceed, from uniform draws."""
        draws = self._band.draw(TAIL_DRAWS, rng=np.random.default_rng(0), stratified=False)
        return float(np.quantile(draws.macs, 0.95))

    def _hyperparameters(self, features: FloatArray, scores: FloatArray) -> Hyperparameters:
        """Fit to the first observations only, up to the last round number, so that refits are rare and repeatable."""
        size = FEWEST
        while int(size * REFIT) + 1 <= len(scores):
            size = int(size * REFIT) + 1
        key = features[:size].tobytes() + scores[:size].tobytes()
        if self._fitted is None or self._fitted[0] != key:
            self._fitted = key, fit_hyperparameters(features[:size], scores[:size])
        return self._fitted[1]
