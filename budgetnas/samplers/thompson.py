"""Thompson sampling: draws one function from the posterior and proposes its maximum.

Thompson, "On the likelihood that one unknown probability exceeds another" (Biometrika 25, 1933).
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np

from budgetnas.arrays import BoolArray, FloatArray, IntArray, Stream
from budgetnas.samplers.history import START, History, Pool
from budgetnas.samplers.hyperparameters import Hyperparameters
from budgetnas.samplers.surrogate import FEWEST, Surrogate, fit_hyperparameters, one_thread
from budgetnas.space.members import Band, Members
from budgetnas.space.protocol import Space, neighbours

CAUTION = 0.5  # of the posterior's standard deviation: a hundred trials are too few for full exploration
FRESH = 1_000
BEST = 5
EVEN_UNTIL = 30
TAIL_DRAWS = 2_000
REFIT = 1.1


class Model(Protocol):
    """What a sampler has learned from scores. Networks are given with their features [M, F]."""

    def mean(self, networks: Members, features: FloatArray) -> FloatArray:
        """Return the posterior mean of their standard scores, [M]."""
        ...

    def sample(self, networks: Members, features: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Draw one function, its spread multiplied by `CAUTION`, and return its values: [M]."""
        ...


class ThompsonSampler:
    """Proposes the best of a pool under one draw from a Gaussian process posterior with halved standard deviation.

    The first ten proposals, or three of each kind of network, are stratified (over strata, and over quartiles of MACs
    within each) and far apart in features. Up to the thirtieth proposal, no stratum, or no kind where there are
    several, gets more than half of them, and the 5 % of the band with most MACs get at most a third, since an early
    lead may be luck.

    The pool is a band of up to 20,000 networks, or 5,000 of them; in a larger band it is 1,000 fresh draws and the
    neighbours of the five best networks.
    """

    start = START
    listed = 5_000  # members of a small band that one proposal chooses from, at most
    limits_macs = True

    def __init__(self, space: Space, band: Band, *, seed: int) -> None:
        self._space, self._band, self._pool = space, band, Pool(space, band, seed=seed, start=self.start)
        self._features = None if self._pool.listed is None else space.features(self._pool.listed.points)
        self._fitted: tuple[bytes, Hyperparameters] | None = None

    def propose(self, history: History) -> IntArray | None:
        """Return the next point of the stratified start; after it, the best of a pool under one posterior draw."""
        points, scores = history.observed
        if history.number - history.seeded < self._pool.starts or len(points) < FEWEST:
            return self._pool.start(history)
        rng = self._pool.rng(history, Stream.PROPOSAL)
        with one_thread():
            observed, features = self._pool.cost(points), self._space.features(points)
            model = self._learn(history, observed, features, rng)
            own = self._own(observed)
            top = own[np.argsort(-scores[own], kind="stable")[: 10 * BEST]]
            order = np.argsort(-model.mean(observed.take(top), features[top]), kind="stable")
            candidates, rows = self._candidates(history, points[top[order[:BEST]]], rng)
            if not len(candidates):
                return None
            drawn = model.sample(candidates, rows, rng)
        crowded = self._crowded(history, candidates)
        return candidates.at(int(np.where(crowded & ~crowded.all(), -np.inf, drawn).argmax())).point

    def _learn(self, history: History, observed: Members, features: FloatArray, rng: np.random.Generator) -> Model:
        """Return the model of the observed networks, which are given with their features."""
        scores = history.observed[1]
        return _OneLength(Surrogate(features, scores, self._hyperparameters(features, scores)))

    def _candidates(self, history: History, best: IntArray, rng: np.random.Generator) -> tuple[Members, FloatArray]:
        """Return new members of the band and their features [M, F]."""
        if self._pool.listed is not None and self._features is not None:
            rows = self._pool.unseen_rows(history)
            if len(rows) > self.listed:
                rows = rng.choice(rows, size=self.listed, replace=False)
            return self._pool.listed.take(rows), self._features[rows]
        near = self._pool.cost(np.concatenate([neighbours(self._space, point) for point in best]))
        drawn = self._pool.unseen(history, FRESH)
        pool = self._pool.fresh(Members.join([drawn, near]), history)
        return pool, self._space.features(pool.points)

    def _own(self, networks: Members) -> IntArray:
        """Return the indices of networks with the band's cost, ascending, or all (a study may have tiers)."""
        values = networks.by(self._band.cost)
        inside = np.flatnonzero((values >= self._band.low) & (values <= self._band.high))
        return inside if len(inside) else np.arange(len(networks))

    def _crowded(self, history: History, candidates: Members) -> BoolArray:
        """Return which candidates are in a part of the band that has its share of the first thirty proposals: [M]."""
        crowded = np.zeros(len(candidates), dtype=bool)
        proposed = self._pool.cost(history.points[history.seeded :])
        proposed = proposed.take(self._own(proposed))
        if len(proposed) >= EVEN_UNTIL:
            return crowded
        parts, counts = np.unique(self._pool.parts(proposed.points), return_counts=True)
        if len(self._pool.turns) > 1:
            crowded |= np.isin(self._pool.parts(candidates.points), parts[counts >= EVEN_UNTIL // 2])
        if self.limits_macs and (proposed.macs > self._many_macs).sum() >= EVEN_UNTIL // 3:
            crowded |= candidates.macs > self._many_macs
        return crowded

    @cached_property
    def _many_macs(self) -> float:
        """The MACs that 5 % of the band exceed, from uniform draws."""
        draws = self._band.draw(TAIL_DRAWS, rng=np.random.default_rng(0), stratified=False)
        return float(np.quantile(draws.macs, 0.95))

    def _hyperparameters(self, features: FloatArray, scores: FloatArray) -> Hyperparameters:
        """Fit to the first observations only, so that refits are rare and repeatable."""
        size = fitted_size(len(scores))
        key = features[:size].tobytes() + scores[:size].tobytes()
        if self._fitted is None or self._fitted[0] != key:
            self._fitted = key, fit_hyperparameters(features[:size], scores[:size])
        return self._fitted[1]


class _OneLength:
    """A surrogate of one length of training as a `Model`."""

    def __init__(self, surrogate: Surrogate) -> None:
        self._surrogate = surrogate

    def mean(self, networks: Members, features: FloatArray) -> FloatArray:
        """Return the posterior mean."""
        return self._surrogate.mean(features)

    def sample(self, networks: Members, features: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Draw one function."""
        return self._surrogate.sample(features, rng, scale=CAUTION)


def fitted_size(number: int) -> int:
    """Return how many of the first `number` scores hyperparameters are fitted to: the last round number."""
    size = FEWEST
    while int(size * REFIT) + 1 <= number:
        size = int(size * REFIT) + 1
    return size
