"""Thompson sampling from one process over all lengths of training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from budgetnas.arrays import FloatArray
from budgetnas.samplers.history import History
from budgetnas.samplers.hyperparameters import Hyperparameters
from budgetnas.samplers.joint import Fit, Observed, condition, fit, refit
from budgetnas.samplers.macs_prior import MacsPrior
from budgetnas.samplers.thompson import CAUTION, Model, ThompsonSampler, fitted_size
from budgetnas.space.members import Band, Members
from budgetnas.space.protocol import Space

JOINT_START = 8


class JointThompsonSampler(ThompsonSampler):
    """Proposes the best of a pool under one draw of the scores at the longest length, given the scores of all lengths.

    It differs from `ThompsonSampler` in the model, whose hyperparameters are drawn for each proposal, too; in a start
    of eight; and in that networks of many MACs have no limit, since the prior on MACs levels off.

    Args:
        space: the search space.
        band: the members that may be proposed.
        seed: the study's seed.
        prior: on MACs; None without it.
    """

    start = JOINT_START
    listed = 2_000
    limits_macs = False

    def __init__(self, space: Space, band: Band, *, seed: int, prior: MacsPrior | None) -> None:
        super().__init__(space, band, seed=seed)
        self._prior = prior
        self._shared: tuple[bytes, Sequence[tuple[Hyperparameters, float]]] | None = None

    def _learn(self, history: History, observed: Members, features: FloatArray, rng: np.random.Generator) -> Model:
        scores, size = history.observed[1], fitted_size(len(observed))
        key = observed.points[:size].tobytes() + scores[:size].tobytes()
        if self._shared is None or self._shared[0] != key:
            first = Observed(observed.take(np.arange(size)), features[:size], [scores[:size]], self._prior)
            self._shared = key, fit(first).shared
        everything = Observed(observed, features, history.levels, self._prior)
        return _AllLengths(everything, refit(everything, self._shared[1]), rng)


class _AllLengths:
    """The process of all lengths, under one draw of the hyperparameters, as a `Model` of the longest one."""

    def __init__(self, observed: Observed, fitted: Fit, rng: np.random.Generator) -> None:
        self._observed, self._level = observed, len(fitted.lengths) - 1
        drawn = rng.choice(len(fitted.shared), p=[weight for _, weight in fitted.shared])
        self._process = condition(observed, fitted.shared[drawn][0], fitted.lengths)

    def mean(self, networks: Members, features: FloatArray) -> FloatArray:
        """Return the posterior mean."""
        return self._process.mean(self._observed.among(networks, features), self._level)

    def sample(self, networks: Members, features: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Draw one function."""
        return self._process.sample(self._observed.among(networks, features), self._level, rng, scale=CAUTION)
