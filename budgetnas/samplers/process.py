"""A Gaussian process over networks and lengths of training.

The score of network x after a training of length l is a_l + rho_l f(x) + d_l(x) + luck. f is what all lengths share and
d_l the bias of one length, as in Kennedy and O'Hagan, "Predicting the output from a complex computer code when fast
approximations are available" (Biometrika 87, 2000). The shortest length has rho = 1 and d = 0, so it defines f.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, solve_triangular

from budgetnas.arrays import FloatArray, IntArray
from budgetnas.samplers.hyperparameters import JITTER, Hyperparameters
from budgetnas.samplers.macs_prior import SLOPE, SLOPE_SD
from budgetnas.samplers.scales import matern, squared_distances

_WAVES = 512  # random Fourier features of a prior draw


@dataclass(frozen=True, kw_only=True, slots=True)
class Length:
    """How the scores of one length of training depend on f, in standard scores of that length.

    Attributes:
        factor: rho.
        own: variance of d, half of it linear in the features.
        noise: variance of the luck of one training.
        shift: prior variance of a.
    """

    factor: float
    own: float
    noise: float
    shift: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Networks:
    """Networks as the process sees them.

    Attributes:
        rows: [N, F] standardised features.
        rises: [N] how far the prior mean has risen, in doublings of MACs; zeros without this prior.
    """

    rows: FloatArray
    rises: FloatArray

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: IntArray) -> Networks:
        """Return the networks at these places."""
        return Networks(rows=self.rows[places], rises=self.rises[places])

    def join(self, other: Networks) -> Networks:
        """Return these networks and others."""
        return Networks(rows=np.vstack([self.rows, other.rows]), rises=np.concatenate([self.rises, other.rises]))


class Process:
    """The posterior of all noise-free scores, given the scores so far.

    Args:
        own: hyperparameters of f.
        lengths: from the shortest; the scores of any number of them may be given.
        networks: N of them, a row per score; a network may come several times.
        level: [N] index of the length of each score.
        targets: [N] standard scores of that length.
        shares: [N] variance of the luck in each score, as a share of that of one training.
    """

    def __init__(
        self,
        own: Hyperparameters,
        lengths: Sequence[Length],
        networks: Networks,
        *,
        level: IntArray,
        targets: FloatArray,
        shares: FloatArray,
    ) -> None:
        self.own, self.lengths, self._networks, self._level = own, lengths, networks, level
        self._factors = np.array([length.factor for length in lengths])[level]
        covariance = self._covariance(networks, level, networks, level)
        self._noise = np.array([length.noise for length in lengths])[level] * shares
        covariance[np.diag_indices_from(covariance)] += self._noise + JITTER
        self._factor = np.linalg.cholesky(covariance)
        self._residuals = targets - self._factors * SLOPE * networks.rises
        self._weights: FloatArray = cho_solve((self._factor, True), self._residuals)

    def mean(self, networks: Networks, level: int) -> FloatArray:
        """Return the mean of the noise-free standard scores of one length, [M]."""
        cross = self._covariance(networks, np.full(len(networks), level), self._networks, self._level)
        result: FloatArray = self._prior_mean(networks, level) + cross @ self._weights
        return result

    def joint(self, networks: Networks, levels: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return mean [M] and covariance [M, M] of noise-free standard scores, each of the length of its own level."""
        cross = self._covariance(networks, levels, self._networks, self._level)
        solved = solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        factors = np.array([length.factor for length in self.lengths])[levels]
        mean = factors * SLOPE * networks.rises + cross @ self._weights
        return mean, self._covariance(networks, levels, networks, levels) - solved.T @ solved

    def sample(self, networks: Networks, level: int, rng: np.random.Generator, *, scale: float = 1.0) -> FloatArray:
        """Draw one function from the posterior and return its scores of one length, [M].

        Its deviation from the posterior mean is multiplied by `scale`.

        A prior draw (exact except for the Fourier features of its Matern parts) is conditioned exactly on the scores,
        as in Wilson et al., "Efficiently sampling functions from Gaussian process posteriors", 2020.
        """
        n = len(self._networks)
        every = self._networks.join(networks)
        drawn = self._draw_shared(every, rng)
        levels = np.concatenate([self._level, np.full(len(networks), level)])
        drawn *= np.array([length.factor for length in self.lengths])[levels]
        for i, length in enumerate(self.lengths):
            places = np.flatnonzero(levels == i)
            if len(places) and (length.own or length.shift):
                drawn[places] += self._draw_own(every.rows[places], length, rng)
        residual = self._residuals - drawn[:n] - np.sqrt(self._noise) * rng.standard_normal(n)
        update = scale * cho_solve((self._factor, True), residual) + (1 - scale) * self._weights
        cross = self._covariance(networks, levels[n:], self._networks, self._level)
        result: FloatArray = self._prior_mean(networks, level) + scale * drawn[n:] + cross @ update
        return result

    def _prior_mean(self, networks: Networks, level: int) -> FloatArray:
        return self.lengths[level].factor * SLOPE * networks.rises

    def _draw_shared(self, networks: Networks, rng: np.random.Generator) -> FloatArray:
        own = self.own
        drawn = rng.standard_normal() + SLOPE_SD * rng.standard_normal() * networks.rises
        drawn += np.sqrt(own.linear) * (networks.rows @ rng.standard_normal(networks.rows.shape[1]))
        drawn += self._draw_matern(networks.rows, own.matern, rng)
        result: FloatArray = drawn
        return result

    def _draw_own(self, rows: FloatArray, length: Length, rng: np.random.Generator) -> FloatArray:
        drawn = np.sqrt(length.shift) * rng.standard_normal() + self._draw_matern(rows, length.own / 2, rng)
        result: FloatArray = drawn + np.sqrt(length.own / 2) * (rows @ rng.standard_normal(rows.shape[1]))
        return result

    def _draw_matern(self, rows: FloatArray, variance: float, rng: np.random.Generator) -> FloatArray:
        frequencies = rng.standard_normal((rows.shape[1], _WAVES)) * np.sqrt(5 / rng.chisquare(5, _WAVES))
        waves = rows.astype(np.float32) @ (frequencies / self.own.length).astype(np.float32)
        waves += rng.uniform(0, 2 * np.pi, _WAVES).astype(np.float32)
        np.cos(waves, out=waves)
        result: FloatArray = np.sqrt(2 * variance / _WAVES) * (
            waves @ rng.standard_normal(_WAVES).astype(np.float32)
        ).astype(np.float64)
        return result

    def _covariance(self, left: Networks, left_level: IntArray, right: Networks, right_level: IntArray) -> FloatArray:
        """Return the prior covariance of noise-free scores, [N, M]."""
        own, factors = self.own, np.array([length.factor for length in self.lengths])
        linear = left.rows @ right.rows.T
        near = matern(np.sqrt(5 * squared_distances(left.rows, right.rows)) / own.length)
        rise = SLOPE_SD**2 * np.outer(left.rises, right.rises)
        shared = 1 + rise + own.linear * linear + own.matern * near
        covariance: FloatArray = factors[left_level][:, None] * factors[right_level] * shared
        for i, length in enumerate(self.lengths):
            if length.own or length.shift:
                both = np.ix_(left_level == i, right_level == i)
                covariance[both] += length.shift + length.own / 2 * (linear[both] + near[both])
        return covariance


def bias_covariance(rows: FloatArray, length: float) -> FloatArray:
    """Return the prior covariance of a bias of variance 1, [N, N]."""
    near = matern(np.sqrt(5 * squared_distances(rows, rows)) / length)
    result: FloatArray = (rows @ rows.T + near) / 2
    return result
