"""A Gaussian process from features to scores, with a linear plus a Matern-5/2 kernel and draws of whole functions."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import scipy.linalg  # noqa: F401  (its library must be loaded before it can be limited)
from scipy.linalg import cho_solve, solve_triangular
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.optimize import minimize
from scipy.special import ndtri
from threadpoolctl import ThreadpoolController

from budgetnas.arrays import FloatArray, IntArray


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
JITTER = 1e-6
_PRIOR_MEAN = np.log([0.03, 0.5, 0.3, 2.0])  # logs of linear, matern, noise, length: a weak prior, and the start
_PRIOR_SD = np.array([1.0, 1.5, 1.5, 0.5])
_BOUNDS = [(-9.0, 3.0), (-9.0, 3.0), (-7.0, 2.0), (-3.0, 4.0)]


@dataclass(frozen=True)
class Hyperparameters:
    """Variances of the parts, for scores of variance 1, and the length scale of the Matern part.

    Distances are root mean squares over the standardised features, so two random rows are about 1.4 apart.
    """

    linear: float
    matern: float
    noise: float
    length: float


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
        self._center, self._scale = _standard(features[keep])
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
        return _matern(np.sqrt(5 * _squared_distances(rows, rows)) / self.hyperparameters.length)

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
        scaled = np.sqrt(5 * _squared_distances(left, right)) / own.length
        covariance: FloatArray = 1 + own.linear * (left @ right.T) + own.matern * _matern(scaled)
        return covariance

    def _standardise(self, features: FloatArray) -> FloatArray:
        rows: FloatArray = (np.asarray(features, dtype=np.float64) - self._center) / self._scale
        return rows


def fit_hyperparameters(features: FloatArray, scores: FloatArray) -> Hyperparameters:
    """Maximise marginal likelihood times weak log-normal priors on at most `LARGEST_FIT` scores, from a fixed start."""
    keep = subset(scores, LARGEST_FIT)
    center, scale = _standard(features[keep])
    rows, targets = (features[keep] - center) / scale, standard_scores(scores)[keep]
    diagonal = np.diag_indices(len(rows))
    linear, distances = rows @ rows.T, np.sqrt(5 * _squared_distances(rows, rows))

    def loss(logs: FloatArray) -> tuple[float, FloatArray]:
        own = Hyperparameters(*np.exp(logs))
        scaled = distances / own.length
        decay = np.exp(-scaled)
        matern = (1 + scaled + scaled * scaled / 3) * decay
        covariance = 1 + own.linear * linear + own.matern * matern
        covariance[diagonal] += own.noise + JITTER
        factor, failed = dpotrf(covariance, lower=1)
        if failed:
            return 1e10, np.zeros(4)
        weights = cho_solve((factor, True), targets)
        inverse = np.tril(dpotri(factor, lower=1)[0])
        slope = (inverse + np.tril(inverse, -1).T - np.outer(weights, weights)) / 2  # d loss / d covariance
        by_length = (slope * scaled * scaled * (1 + scaled) * decay).sum() / 3
        gradient = np.array(
            [
                own.linear * (slope * linear).sum(),
                own.matern * (slope * matern).sum(),
                own.noise * slope[diagonal].sum(),
                own.matern * by_length,
            ]
        )
        away = (logs - _PRIOR_MEAN) / _PRIOR_SD
        value = targets @ weights / 2 + np.log(factor[diagonal]).sum() + away @ away / 2
        return float(value), gradient + away / _PRIOR_SD

    options = {"maxiter": 30, "ftol": 1e-5}
    found = minimize(loss, _PRIOR_MEAN, jac=True, method="L-BFGS-B", bounds=_BOUNDS, options=options)
    return Hyperparameters(*(float(value) for value in np.exp(found.x)))


def subset(scores: FloatArray, largest: int) -> IntArray:
    """Return the indices of at most `largest` scores: half of them the best, the rest evenly spaced over time."""
    if len(scores) <= largest:
        return np.arange(len(scores))
    order = np.argsort(-scores, kind="stable")
    best, others = order[: largest // 2], np.sort(order[largest // 2 :])
    evenly = np.linspace(0, len(others) - 1, largest - len(best)).astype(np.int64)
    return np.sort(np.concatenate([best, others[evenly]]))


def standard_scores(scores: FloatArray) -> FloatArray:
    """Standardise scores [N] to mean 0 and variance 1, robustly against outliers; their order stays.

    The result is the mean of two scales: the normal quantiles of the ranks, and the distance from the median in
    interquartile ranges, with its logarithm below the median. Ties share one value.
    """
    _, place, number = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(number) - (number - 1) / 2)[place]  # from 1, equal scores share the mean of theirs
    quantiles = ndtri((ranks - 0.5) / len(scores))
    low, median, high = np.quantile(scores, [0.25, 0.5, 0.75])
    distance = (scores - median) / max(high - low, 1e-9)
    distance = np.where(distance < 0, -np.log1p(np.maximum(-distance, 0)), distance)
    return _unit(_unit(quantiles) + _unit(distance))


def scores_of(standard: FloatArray, scores: FloatArray) -> FloatArray:
    """Map values on the scale of `standard_scores(scores)` back to scores, within the range of the scores."""
    knots, first = np.unique(standard_scores(scores), return_index=True)
    low, high = np.quantile(scores, [0.25, 0.75])
    levels = np.maximum(scores[first], low - 3 * (high - low))  # outliers do not help to interpolate
    values: FloatArray = np.interp(standard, knots, levels)
    return values


def _unit(values: FloatArray) -> FloatArray:
    result: FloatArray = (values - values.mean()) / max(float(values.std()), 1e-9)
    return result


def _standard(features: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return centre and scale of the features, so that rows have a mean square of about 1.

    The scale is the geometric mean of a feature's own standard deviation and the common one. So a feature that hardly
    varies, as params in a band, counts less than others, but still counts. A constant feature is not scaled.
    """
    std = features.std(axis=0)
    common = np.sqrt((std * std).mean())
    scale = np.sqrt(np.maximum(std * common, 1e-18))
    return features.mean(axis=0), np.where(std < 1e-9, 1.0, scale) * np.sqrt(features.shape[1])


def _squared_distances(left: FloatArray, right: FloatArray) -> FloatArray:
    squares = (left * left).sum(axis=1)[:, None] + (right * right).sum(axis=1)[None] - 2 * left @ right.T
    result: FloatArray = np.maximum(squares, 0.0)
    return result


def _matern(scaled: FloatArray) -> FloatArray:
    """Return the Matern-5/2 correlation at distances that are multiplied by sqrt(5) / length."""
    result: FloatArray = (1 + scaled + scaled * scaled / 3) * np.exp(-scaled)
    return result
