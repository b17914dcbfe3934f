"""Thompson sampling from one process over all lengths of training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from budgetnas.arrays import FloatArray, IntArray, Stream
from budgetnas.samplers.history import History
from budgetnas.samplers.hyperparameters import Hyperparameters
from budgetnas.samplers.joint import Fit, Observed, condition, fit, refit
from budgetnas.samplers.macs_prior import MacsPrior
from budgetnas.samplers.outlook import CONSIDERED, FULL, Outlook, best, work
from budgetnas.samplers.scales import unit
from budgetnas.samplers.surrogate import FEWEST, one_thread
from budgetnas.samplers.thompson import BEST, CAUTION, Model, ThompsonSampler, fitted_size
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

    def outlook(self, history: History) -> tuple[Outlook, IntArray] | None:
        """Return the outlook of a search, and the places in the history of its trained networks.

        Args:
            history: with the scores of full trainings as its only longer ones.

        Returns:
            None before the sampler learns from scores, and where no new network is left.
        """
        points, scores = history.observed
        if history.number - history.seeded < self._pool.starts or len(points) < FEWEST:
            return None
        known = np.flatnonzero(~np.isnan(history.scores))
        full = history.longer[0][known]
        with one_thread():
            observed, features = self._pool.cost(points), self._space.features(points)
            shared = self._probable(observed, features, scores)
            everything = Observed(observed, features, [scores, full], self._prior)
            process = condition(everything, shared[0][0], refit(everything, shared).lengths)
            own = self._own(observed)
            own = own[best(process.mean(everything.among(observed.take(own), features[own]), FULL), CONSIDERED)]
            rng = self._pool.rng(history, Stream.OUTLOOK)
            candidates, rows = self._candidates(history, points[own[:BEST]], rng)
            if not len(candidates):
                return None
            new = best(process.mean(everything.among(candidates, rows), FULL), CONSIDERED)
        has_full = (~np.isnan(full)).sum() >= FEWEST
        outlook = Outlook(
            process=process,
            trained=everything.among(observed.take(own), features[own]),
            trained_work=work(observed.take(own)),
            new=everything.among(candidates.take(new), rows[new]),
            new_work=work(candidates.take(new)),
            unit=unit(full[~np.isnan(full)] if has_full else scores),
        )
        return outlook, known[own]

    def _learn(self, history: History, observed: Members, features: FloatArray, rng: np.random.Generator) -> Model:
        shared = self._probable(observed, features, history.observed[1])
        everything = Observed(observed, features, history.levels, self._prior)
        return _AllLengths(everything, refit(everything, shared), rng)

    def _probable(
        self, observed: Members, features: FloatArray, scores: FloatArray
    ) -> Sequence[tuple[Hyperparameters, float]]:
        """Fit to the first observations only, so that refits are rare and repeatable."""
        size = fitted_size(len(observed))
        key = observed.points[:size].tobytes() + scores[:size].tobytes()
        if self._shared is None or self._shared[0] != key:
            first = Observed(observed.take(np.arange(size)), features[:size], [scores[:size]], self._prior)
            self._shared = key, fit(first).shared
        return self._shared[1]


class _AllLengths:
    """The process of all lengths, under one draw of the hyperparameters, as a `Model` of the longest one."""

    def __init__(self, observed: Observed, fitted: Fit, rng: np.random.Generator) -> None:
        self._observed, self._level = observed, len(fitted.lengths) - 1
        self._process = condition(observed, fitted.draw(rng), fitted.lengths)

    def mean(self, networks: Members, features: FloatArray) -> FloatArray:
        """Return the posterior mean."""
        return self._process.mean(self._observed.among(networks, features), self._level)

    def sample(self, networks: Members, features: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Draw one function."""
        return self._process.sample(self._observed.among(networks, features), self._level, rng, scale=CAUTION)
