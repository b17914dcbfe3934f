"""Regularised evolution under a budget: the best of a sample of recent networks is mutated, and repaired to fit.

Real, Aggarwal, Huang and Le, "Regularized evolution for image classifier architecture search" (AAAI 2019).
"""

from __future__ import annotations

import numpy as np

from budgetnas.arrays import IntArray
from budgetnas.samplers.history import History, Pool, first
from budgetnas.space.members import Band
from budgetnas.space.protocol import Space
from budgetnas.trials.streams import Stream

POPULATION = 40
TOURNAMENT = 10
START = 10
_TRIES = 50


class EvolutionSampler:
    """Mutates one value of the best of ten random networks among the latest forty, and repairs the child into the band.

    The first ten proposals are stratified as in `ThompsonSampler`.
    """

    def __init__(self, space: Space, band: Band, *, seed: int) -> None:
        self._space, self._pool = space, Pool(space, band, seed=seed)
        self._free = [i for i, dimension in enumerate(space.dimensions) if len(dimension.values) > 1]

    def propose(self, history: History) -> IntArray | None:
        """Return the first new child, or a random member after fifty children that are not new."""
        points, scores = history.observed
        if history.number - history.seeded < START or not len(points) or not self._free:
            return self._pool.start(history)
        rng = self._pool.rng(history, Stream.PROPOSAL)
        points, scores = points[-POPULATION:], scores[-POPULATION:]
        for _ in range(_TRIES):
            rivals = rng.choice(len(points), size=min(TOURNAMENT, len(points)), replace=False)
            child = self._mutate(points[rivals[scores[rivals].argmax()]], rng)
            if (found := self._pool.repaired(child, history)) is not None:
                return found
        return first(self._pool.unseen(history, 1))

    def _mutate(self, point: IntArray, rng: np.random.Generator) -> IntArray:
        """Return a member that differs from `point` in one value, drawn uniformly from its grid."""
        child = point.copy()
        i = int(rng.choice(self._free))
        child[i] = rng.choice([value for value in self._space.dimensions[i].values if value != point[i]])
        mutated: IntArray = self._space.canonical(child[None])[0]
        return mutated
