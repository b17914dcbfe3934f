"""A Gaussian process from architectures to validation scores: a linear plus a Matern kernel, noise from the data."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern, WhiteKernel
from threadpoolctl import threadpool_limits

from budgetnas.records.trial import Candidate
from budgetnas.search.features import features

FloatArray = npt.NDArray[np.float64]
FEWEST = 6
_LARGEST = 400
_OUTLIER = 3.0


class Surrogate:
    """What the scores so far say about any candidate.

    Scores far below the bulk (more than three interquartile ranges) are pulled in, so that one network at chance
    level does not bend the model. Past 400 scores the model works on the latest 400.

    Args:
        candidates: at least `FEWEST`, with their scores.
        scores: validation scores in [0, 1].
    """

    def __init__(self, candidates: Sequence[Candidate], scores: Sequence[float]) -> None:
        candidates, values = candidates[-_LARGEST:], np.array(scores[-_LARGEST:])
        low, high = np.quantile(values, [0.25, 0.75])
        values = np.maximum(values, low - _OUTLIER * max(high - low, 1e-6))
        self._stages = max(len(candidate.spec.blocks) for candidate in candidates)
        rows = features(candidates, self._stages)
        self._center, self._scale = (
            rows.mean(axis=0),
            np.where(rows.std(axis=0) < 1e-9, 1.0, rows.std(axis=0)),
        )
        self._mean, self._spread = values.mean(), max(values.std(), 1e-9)
        kernel = (
            ConstantKernel(0.1, (1e-4, 1e1)) * DotProduct(1.0, "fixed")
            + ConstantKernel(0.3, (1e-4, 1e1)) * Matern(3.0, (0.5, 30.0), nu=2.5)
            + WhiteKernel(0.3, (1e-3, 2.0))
        )
        self._process = GaussianProcessRegressor(kernel, alpha=1e-8)
        with _one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a weight at its bound is an answer too
            self._process.fit(self._standardise(rows), (values - self._mean) / self._spread)

    def posterior(self, candidates: Sequence[Candidate]) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation of the true score of each candidate, noise aside; both [N]."""
        with _one_thread():
            mean, sd = self._process.predict(self._rows(candidates), return_std=True)
        noise = self._process.kernel_.k2.noise_level
        return mean * self._spread + self._mean, np.sqrt(np.maximum(sd**2 - noise, 0)) * self._spread

    def sample(self, candidates: Sequence[Candidate], seed: int) -> FloatArray:
        """Draw one function from the posterior and return its value at each candidate, [N], in standard units."""
        with _one_thread():
            mean, covariance = self._process.predict(self._rows(candidates), return_cov=True)
            covariance[np.diag_indices_from(covariance)] += 1e-6 - self._process.kernel_.k2.noise_level
            values, vectors = np.linalg.eigh(covariance)
            noise = np.random.default_rng(seed).standard_normal(len(mean))
            drawn: FloatArray = mean + vectors @ (np.sqrt(np.maximum(values, 0)) * noise)
        return drawn

    def _rows(self, candidates: Sequence[Candidate]) -> FloatArray:
        stages = max(self._stages, *(len(candidate.spec.blocks) for candidate in candidates))
        rows = features(candidates, stages)
        if stages > self._stages:  # deeper than any score so far: what the model cannot tell apart, it ignores
            keep = [*range(4 + self._stages), *range(4 + stages, 4 + stages + self._stages)]
            rows = rows[:, keep]
        return self._standardise(rows)

    def _standardise(self, rows: FloatArray) -> FloatArray:
        standard: FloatArray = (rows - self._center) / self._scale
        return standard


def _one_thread() -> threadpool_limits:
    """Keep the numbers independent of the number of cores, and the cores for the trainings."""
    return threadpool_limits(1)
