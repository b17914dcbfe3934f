"""The hyperparameters of a Gaussian process: their likelihood, the most probable ones, and a few that stand for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.optimize import minimize

from budgetnas.arrays import FloatArray
from budgetnas.samplers.scales import squared_distances

JITTER = 1e-6
_BOUNDS = np.array([(-9.0, 3.0), (-9.0, 3.0), (-7.0, 2.0), (-3.0, 4.0)])
_CENTRE = 0.2  # weight of the most probable hyperparameters in the cubature rule
_MOST = 4.0  # an off-centre point counts at most so many times more than the rule gives it
_STEP = 1e-3


@dataclass(frozen=True)
class Hyperparameters:
    """Variances of the parts, for scores of variance 1, and the length scale of the Matern part.

    Distances are root mean squares over the standardised features, so two random rows are about 1.4 apart.
    """

    linear: float
    matern: float
    noise: float
    length: float


@dataclass(frozen=True)
class LogNormal:
    """A prior on each hyperparameter: mean and standard deviation of the logs, in the order of `Hyperparameters`."""

    mean: FloatArray
    sd: FloatArray


class Likelihood:
    """Minus the log of the marginal likelihood times the prior, as a function of the logs of the hyperparameters.

    Args:
        rows: [N, F] standardised features.
        targets: [N] standard scores, less their prior mean.
        prior: on the hyperparameters.
        known: [N, N] covariance that does not depend on them, or one number for all of it.
    """

    def __init__(
        self, rows: FloatArray, targets: FloatArray, prior: LogNormal, *, known: FloatArray | float = 1.0
    ) -> None:
        self._targets, self._prior, self._known = targets, prior, known
        self._diagonal = np.diag_indices(len(rows))
        self._linear, self._distances = rows @ rows.T, np.sqrt(5 * squared_distances(rows, rows))

    def __call__(self, logs: FloatArray) -> tuple[float, FloatArray]:
        """Return the value and its gradient [4]."""
        own, diagonal = Hyperparameters(*np.exp(logs)), self._diagonal
        scaled = self._distances / own.length
        decay = np.exp(-scaled)
        matern = (1 + scaled + scaled * scaled / 3) * decay
        covariance = self._known + own.linear * self._linear + own.matern * matern
        covariance[diagonal] += own.noise + JITTER
        factor, failed = dpotrf(covariance, lower=1)
        if failed:
            return 1e10, np.zeros(4)
        weights = cho_solve((factor, True), self._targets)
        inverse = np.tril(dpotri(factor, lower=1)[0])
        slope = (inverse + np.tril(inverse, -1).T - np.outer(weights, weights)) / 2  # d loss / d covariance
        by_length = (slope * scaled * scaled * (1 + scaled) * decay).sum() / 3
        gradient = np.array(
            [
                own.linear * (slope * self._linear).sum(),
                own.matern * (slope * matern).sum(),
                own.noise * slope[diagonal].sum(),
                own.matern * by_length,
            ]
        )
        away = (logs - self._prior.mean) / self._prior.sd
        value = self._targets @ weights / 2 + np.log(factor[diagonal]).sum() + away @ away / 2
        return float(value), gradient + away / self._prior.sd

    def lowest(self) -> FloatArray:
        """Return the logs of the most probable hyperparameters, [4], found from the prior's mean."""
        options = {"maxiter": 30, "ftol": 1e-5}
        found = minimize(self, self._prior.mean, jac=True, method="L-BFGS-B", bounds=_BOUNDS, options=options)
        result: FloatArray = found.x
        return result


def most_probable(likelihood: Likelihood) -> Hyperparameters:
    """Return the most probable hyperparameters."""
    return Hyperparameters(*(float(value) for value in np.exp(likelihood.lowest())))


def probable(likelihood: Likelihood) -> Sequence[tuple[Hyperparameters, float]]:
    """Return hyperparameters that stand for their posterior, the most probable ones first, with weights of sum 1.

    They are the nine points of a cubature rule of degree three about the maximum, on the axes of the Hessian, each
    reweighted by its density, as in Rue, Martino and Chopin, "Approximate Bayesian inference for latent Gaussian models
    by using integrated nested Laplace approximations" (JRSS B 71, 2009).
    """
    centre = likelihood.lowest()
    lowest = likelihood(centre)[0]
    steps = _STEP * np.eye(4)
    hessian = np.array([likelihood(centre + step)[1] - likelihood(centre - step)[1] for step in steps]) / (2 * _STEP)
    values, axes = np.linalg.eigh((hessian + hessian.T) / 2)
    reach = np.sqrt(4 / (1 - _CENTRE))  # in standard deviations
    found = [(Hyperparameters(*map(float, np.exp(centre))), _CENTRE)]
    for value, axis in zip(values, axes.T, strict=True):
        for sign in (-1, 1):
            logs = centre + sign * reach / np.sqrt(np.clip(value, 0.25, None)) * axis
            logs = np.clip(logs, _BOUNDS[:, 0], _BOUNDS[:, 1])
            ratio = min(np.exp(lowest - likelihood(logs)[0] + reach**2 / 2), _MOST)
            found.append((Hyperparameters(*map(float, np.exp(logs))), float(ratio * (1 - _CENTRE) / 8)))
    total = sum(weight for _, weight in found)
    return [(own, weight / total) for own, weight in found]
