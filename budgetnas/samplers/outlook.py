"""The outlook of a search: what to train next, and whether a better network is likely to be left.

What a training is expected to tell about the best score is compared per unit of counted cost, as in Takeno et al.,
"Multi-fidelity Bayesian optimization with max-value entropy search and its parallelization" (ICML 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from budgetnas.arrays import BoolArray, FloatArray, IntArray
from budgetnas.samplers.hyperparameters import JITTER
from budgetnas.samplers.process import Networks, Process
from budgetnas.space.members import Members
from budgetnas.trials.counted_cost import PER_PARAMETER

CONSIDERED = 50  # networks of the highest means, both of the trained and of the new ones
AT_ONCE = 3  # networks that may be trained fully before the next decision
SHORT, FULL = 0, 1  # indices of the lengths
_MAXIMA = 32  # draws of the highest score
_DRAWS = 256
_GRID = np.linspace(-6.0, 6.0, 121)
_DENSITY = np.exp(-(_GRID**2) / 2) / np.sqrt(2 * np.pi) * (_GRID[1] - _GRID[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """The best networks of those that were trained shortly, and of those that may be.

    Attributes:
        process: over two lengths, short and full trainings.
        trained: N networks.
        trained_work: [N] the cost of training them on one image.
        new: M networks.
        new_work: [M] likewise.
        unit: accuracy, as a share of 1, that a standard score of full trainings is worth; of short ones where there are
            too few of these; 0 where all are equal.
    """

    process: Process
    trained: Networks
    trained_work: FloatArray
    new: Networks
    new_work: FloatArray
    unit: float

    def worth_full(self, may_be: BoolArray, *, price: float, rng: np.random.Generator) -> IntArray:
        """Return the places of at most three trained networks to train fully next, the most telling first.

        A full training of each tells more about the best score, per cost, than a short training of any new network.

        Args:
            may_be: [N] which trained networks are asked about.
            price: of a short training, as a share of a full one of the same network.
            rng: for draws of the best score.
        """
        n, k = len(self.trained), len(self.trained) + len(self.new)
        if not may_be.any() or n == k:
            return np.zeros(0, dtype=np.int64)
        networks = self.trained.join(self.new).join(self.new)
        mean, covariance = self.process.joint(networks, np.array([FULL] * k + [SHORT] * (k - n), dtype=np.int64))
        highest = _draws(mean[:k], covariance[:k, :k], _MAXIMA, rng).max(axis=0)
        variance = np.maximum(covariance.diagonal(), JITTER)
        room = (highest - mean[:k, None]) / np.sqrt(variance[:k, None])
        noise = [length.noise for length in self.process.lengths]
        shared = covariance[np.arange(n, k), np.arange(k, len(mean))]
        full = information(room[:n], np.sqrt(variance[:n] / (variance[:n] + noise[FULL]))) / self.trained_work
        short = information(room[n:], shared / np.sqrt(variance[n:k] * (variance[k:] + noise[SHORT])))
        full, short = np.where(may_be, full, -1.0), short / (price * self.new_work)
        order = best(full, AT_ONCE)
        chosen: IntArray = order[full[order] > short.max()]
        return chosen

    def chance(self, gain: float, rng: np.random.Generator) -> float:
        """Return the probability that a new network is better than the best trained one by more than `gain`, in [0, 1].

        Args:
            gain: accuracy, as a share of 1.
            rng: for draws of all scores.
        """
        n = len(self.trained)
        if not len(self.new):
            return 0.0
        if self.unit <= 0:
            return 1.0  # equal scores tell nothing
        networks = self.trained.join(self.new)
        mean, covariance = self.process.joint(networks, np.full(len(networks), FULL))
        drawn = _draws(mean, covariance, _DRAWS, rng)
        above = drawn[n:].max(axis=0) - drawn[int(mean[:n].argmax())]
        return float((above > gain / self.unit).mean())


def information(room: FloatArray, correlation: FloatArray) -> FloatArray:
    """Return how much an observation is expected to tell about the highest score of all, in nats.

    Args:
        room: [N, K] how far the highest score is above a network's mean, in standard deviations, for K draws of it.
        correlation: [N] of the observation with the network's noise-free score, in [-1, 1].

    Returns:
        [N], at least 0: the mean divergence of the observation's distribution, given that the network's score is not
        above the highest one, from that without this condition.
    """
    r = correlation[:, None, None]
    below = ndtr((room[:, :, None] - r * _GRID) / np.sqrt(1 - np.minimum(r * r, 1 - 1e-9)))
    share = below / np.maximum(ndtr(room)[:, :, None], 1e-12)  # how much likelier the condition makes each value
    result: FloatArray = (_DENSITY * share * np.log(np.maximum(share, 1e-12))).sum(axis=2).mean(axis=1)
    return np.maximum(result, 0.0)


def early_quota(short: int, trials: int, networks: int) -> int:
    """Return how many networks may have been trained fully after so many short trainings: in step with these.

    Args:
        short: short trainings so far.
        trials: short trainings in all.
        networks: that are trained fully in all; at least two of them are chosen at the end.
    """
    return max(0, networks - 2) * min(short, trials) // trials


def best(values: FloatArray, number: int) -> IntArray:
    """Return the places of the highest values, the highest first."""
    return np.argsort(-values, kind="stable")[:number]


def work(networks: Members) -> FloatArray:
    """Return the counted cost of training each network on one image, [N]; the same in a space without MACs."""
    if not networks.macs.any():
        return np.ones(len(networks))
    return (networks.macs + PER_PARAMETER * networks.params).astype(np.float64)


def _draws(mean: FloatArray, covariance: FloatArray, number: int, rng: np.random.Generator) -> FloatArray:
    """Return draws of N values, [N, number]."""
    root = np.linalg.cholesky(covariance + JITTER * np.eye(len(mean)))
    drawn: FloatArray = mean[:, None] + root @ rng.standard_normal((len(mean), number))
    return drawn
