"""A Gaussian process from features to scores, with a linear plus a Matern-5/2 kernel and draws of whole functions."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np
import scipy.linalg  # noqa: F401  (its library must be loaded before it can be limited)
from scipy.linalg import cho_solve, solve_triangular
from threadpoolctl import ThreadpoolController

from budgetnas.arrays import FloatArray
from budgetnas.samplers.hyperparameters import JITTER, Hyperparameters, Likelihood, LogNormal, most_probable
from budgetnas.samplers.scales import matern, scores_of, squared_distances, standard_features, standard_scores, subset


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which numpy and scipy use one thread."""
    limited: AbstractContextManager[Any] = _controller().limit(limits=1)
    return limited


@cache
def _controller() -> ThreadpoolController:
    """Find the thread pools once, since that takes milliseconds."""
    return ThreadpoolController()


FEWEST = 6
LARGEST = 400  # scores that the process conditions on, at most
LARGEST_FIT = 150  # scores that its hyperparameters are fitted to, at most
_WAVES = 512  # random Fourier features of a prior draw
_PRIOR = LogNormal(np.log([0.03, 0.5, 0.3, 2.0]), np.array([1.0, 1.5, 1.5, 0.5]))  # weak


class Surrogate:
    """The posterior of scores for any features, given the scores so far.

    The process models `standard_scores`, in which a network at chance level is just a bad one. It conditions on
    `subset` of more than `LARGEST` scores.

    Args:
        features: [N, F] with N >= 1, a row per score, in the order of training.
        scores: [N], noisy.
        hyperparameters: default: fitted to these scores.
    """

    def __init__(
        self, features: FloatArray, scores: FloatArray, hyperparameters: Hyperparameters | None = None
    ) -> None:
        if hyperparameters is None:
            hyperparameters = fit_hyperparameters(features, scores)
        self.hyperparameters = hyperparameters
        targets = standard_scores(scores)  # relative to all scores, before a subset is taken
        keep = subset(scores, LARGEST)
        self._center, self._scale = standard_features(features[keep])
        self._rows, self._targets = self._standardise(features[keep]), targets[keep]
        self._scores = scores
        covariance = self._covariance(self._rows, self._rows)
        covariance[np.diag_indices_from(covariance)] += hyperparameters.noise + JITTER
        self._factor = np.linalg.cholesky(covariance)
        self._weights: FloatArray = cho_solve((self._factor, True), self._targets)

    def posterior(self, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return median and standard deviation (half of the 16-84 % range) of the noise-free scores: both [M]."""
        mean, sd = self.latent(features)
        median, low, high = (scores_of(values, self._scores) for values in (mean, mean - sd, mean + sd))
        return median, (high - low) / 2

    def mean(self, features: FloatArray) -> FloatArray:
        """Return the mean of the noise-free standard scores, [M]."""
        result: FloatArray = self._covariance(self._standardise(features), self._rows) @ self._weights
        return result

    def latent(self, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation of the noise-free standard scores: both [M]."""
        rows, own = self._standardise(features), self.hyperparameters
        cross = self._covariance(rows, self._rows)
        solved = solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        variance = 1.0 + own.linear * (rows * rows).sum(axis=1) + own.matern - (solved * solved).sum(axis=0)
        return cross @ self._weights, np.sqrt(np.maximum(variance, 0.0))

    def joint(self, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean [M] and covariance [M, M] of the noise-free standard scores."""
        rows = self._standardise(features)
        cross = self._covariance(rows, self._rows)
        solved = solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        return cross @ self._weights, self._covariance(rows, rows) - solved.T @ solved

    def correlation(self, features: FloatArray) -> FloatArray:
        """Return the Matern correlation of rows of features, [M, M], at the fitted length scale."""
        rows = self._standardise(features)
        return matern(np.sqrt(5 * squared_distances(rows, rows)) / self.hyperparameters.length)

    def sample(self, features: FloatArray, rng: np.random.Generator, *, scale: float = 1.0) -> FloatArray:
        """Draw one function from the posterior and return its value at each row, [M], in standard scores.

        Its deviation from the posterior mean is multiplied by `scale`.

        A prior draw (exact except for the Fourier features of its Matern part) is conditioned exactly on the scores,
        as in Wilson et al., "Efficiently sampling functions from Gaussian process posteriors", 2020.
        """
        rows, own, n = self._standardise(features), self.hyperparameters, len(self._targets)
        every = np.vstack([self._rows, rows])
        drawn = rng.standard_normal() + np.sqrt(own.linear) * (every @ rng.standard_normal(every.shape[1]))
        frequencies = rng.standard_normal((every.shape[1], _WAVES)) * np.sqrt(5 / rng.chisquare(5, _WAVES)) / own.length
        waves = every.astype(np.float32) @ frequencies.astype(np.float32)
        waves += rng.uniform(0, 2 * np.pi, _WAVES).astype(np.float32)
        np.cos(waves, out=waves)
        drawn += np.sqrt(2 * own.matern / _WAVES) * (waves @ rng.standard_normal(_WAVES).astype(np.float32))
        residual = self._targets - drawn[:n] - np.sqrt(own.noise) * rng.standard_normal(n)
        update = scale * cho_solve((self._factor, True), residual) + (1 - scale) * self._weights
        result: FloatArray = scale * drawn[n:] + self._covariance(rows, self._rows) @ update
        return result

    def _covariance(self, left: FloatArray, right: FloatArray) -> FloatArray:
        own = self.hyperparameters
        scaled = np.sqrt(5 * squared_distances(left, right)) / own.length
        covariance: FloatArray = 1 + own.linear * (left @ right.T) + own.matern * matern(scaled)
        return covariance

    def _standardise(self, features: FloatArray) -> FloatArray:
        rows: FloatArray = (np.asarray(features, dtype=np.float64) - self._center) / self._scale
        return rows


def fit_hyperparameters(features: FloatArray, scores: FloatArray) -> Hyperparameters:
    """Maximise marginal likelihood times weak log-normal priors on at most `LARGEST_FIT` scores, from a fixed start."""
    keep = subset(scores, LARGEST_FIT)
    center, scale = standard_features(features[keep])
    return most_probable(Likelihood((features[keep] - center) / scale, standard_scores(scores)[keep], _PRIOR))
