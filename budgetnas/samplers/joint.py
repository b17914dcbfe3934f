"""What scores of all lengths of training say together: the fitted process, and the networks that it recommends.

The process of `samplers.process` is averaged over a few sets of hyperparameters (`hyperparameters.probable`), since the
most probable one alone trusts few or rough scores too much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from budgetnas.arrays import FloatArray, IntArray
from budgetnas.samplers.belief import Belief, fit_relation, noise_share
from budgetnas.samplers.hyperparameters import Hyperparameters, Likelihood, LogNormal, probable
from budgetnas.samplers.macs_prior import SLOPE, SLOPE_SD, MacsPrior
from budgetnas.samplers.process import Length, Networks, Process, bias_covariance
from budgetnas.samplers.scales import scores_of, standard_features, standard_scores, subset
from budgetnas.samplers.surrogate import FEWEST, one_thread
from budgetnas.space.members import Members, cost
from budgetnas.space.protocol import Space

LARGEST = 300  # networks of each length that the process conditions on, at most, with all their scores
LARGEST_FIT = 150
FEWEST_BEST = 30  # scores that count as the best ones, at least
PRIOR = LogNormal(np.log([0.03, 0.5, 0.3, 1.4]), np.array([1.0, 1.5, 1.5, 0.5]))  # weak
FEWEST_LONGER = 3  # scores of a longer training from which its relation to f is fitted

UNKNOWN = Length(factor=1.0, own=0.15, noise=0.3, shift=1.0)  # of a length with hardly a score
USUAL_BIAS = 0.6  # variance of d in units of that of f over all networks: large, since a bias unseen costs most


class Observed:
    """Networks and their scores at every length, in standard units.

    Attributes:
        networks: [N] those that the process conditions on.
        targets: [L, N] standard scores, NaN where there is none.
        shares: [L, N] variance of the luck in each score, as a share of that of one training.

    Args:
        networks: N networks with a score at the first length.
        features: [N, F] of them.
        scores: [N] per length, from the shortest; NaN where there is none.
        prior: on MACs; None without it.
        seeds: [L, N] trainings behind each score; one each unless given.
    """

    def __init__(
        self,
        networks: Members,
        features: FloatArray,
        scores: Sequence[FloatArray],
        prior: MacsPrior | None,
        *,
        seeds: FloatArray | None = None,
    ) -> None:
        self._prior = prior
        targets, shares = np.array(scores, dtype=np.float64), np.ones((len(scores), len(networks)))
        if seeds is not None:
            shares = noise_share(np.maximum(seeds, 1))
        for column in targets:
            known = ~np.isnan(column)
            if known.any():
                column[known] = standard_scores(column[known])
        keep = np.array([], dtype=np.int64)
        for column in targets:
            known = np.flatnonzero(~np.isnan(column))
            keep = np.union1d(keep, known[subset(column[known], LARGEST)])
        self._center, self._scale = standard_features(features[keep])
        self.networks = self.among(networks.take(keep), features[keep])
        self.targets, self.shares = targets[:, keep], shares[:, keep]

    def among(self, networks: Members, features: FloatArray) -> Networks:
        """Return any networks in the same units."""
        rows = (np.asarray(features, dtype=np.float64) - self._center) / self._scale
        rises = np.zeros(len(rows)) if self._prior is None else self._prior.rises(networks.params, networks.macs)
        return Networks(rows=rows, rises=rises)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """What is fitted to scores.

    Attributes:
        shared: hyperparameters of f with their weights.
        lengths: relation of each length to f.
    """

    shared: Sequence[tuple[Hyperparameters, float]]
    lengths: Sequence[Length]

    def draw(self, rng: np.random.Generator) -> Hyperparameters:
        """Draw hyperparameters of f by their weights."""
        return self.shared[rng.choice(len(self.shared), p=[weight for _, weight in self.shared])][0]


def fit(observed: Observed, *, to_best: bool = False) -> Fit:
    """Fit f to the scores of the first length, then the relation of each longer one to f.

    Where there is one length only, `to_best` fits the hyperparameters of f to the better half of many scores. Luck
    weighs more among good networks than among bad ones, which differ more, and the good ones are to be told apart.
    """
    known = np.flatnonzero(~np.isnan(observed.targets[0]))
    if to_best and len(observed.targets) == 1:
        order = np.argsort(-observed.targets[0][known], kind="stable")
        known = np.sort(known[order[: max(FEWEST_BEST, len(known) // 2)]])
    keep = known[subset(observed.targets[0][known], LARGEST_FIT)]
    networks, targets = observed.networks.take(keep), observed.targets[0][keep]
    rises = networks.rises
    likelihood = Likelihood(
        networks.rows, targets - SLOPE * rises, PRIOR, known=1 + SLOPE_SD**2 * np.outer(rises, rises)
    )
    shared = probable(likelihood)
    return refit(observed, shared)


def refit(observed: Observed, shared: Sequence[tuple[Hyperparameters, float]]) -> Fit:
    """Fit the relation of each longer length to f alone, whose hyperparameters are known."""
    first = Length(factor=1.0, own=0.0, noise=shared[0][0].noise, shift=0.0)
    lengths = [first]
    if len(observed.targets) == 1:
        return Fit(shared=shared, lengths=lengths)
    process = condition(observed, shared[0][0], lengths)
    for column, shares in zip(observed.targets[1:], observed.shares[1:], strict=True):
        known = np.flatnonzero(~np.isnan(column))
        known = known[subset(column[known], LARGEST_FIT)]
        lengths.append(_relation(process, observed.networks.take(known), column[known], shares[known]))
    return Fit(shared=shared, lengths=lengths)


def _relation(process: Process, networks: Networks, targets: FloatArray, shares: FloatArray) -> Length:
    """Return the relation that maximises the likelihood of a length's scores times weak priors.

    The priors of factor and noise hold for an f of variance 1 among these networks. That of the bias holds for an f of
    variance 1 among all: longer trainings are of networks that differ little, and their bias is no smaller for that.
    """
    if len(networks) < FEWEST_LONGER:
        return UNKNOWN
    mean, covariance = process.joint(networks, np.zeros(len(networks), dtype=np.int64))
    bias = bias_covariance(networks.rows, process.own.length)
    first = Belief(mean=mean, covariance=covariance, correlation=bias)
    below, scale = first.scaled(np.arange(len(networks)))
    factor, own, noise = fit_relation(below, targets, shares, usual_own=USUAL_BIAS / min(scale, 1.0) ** 2)
    return Length(factor=factor / scale, own=own, noise=noise, shift=1.0)


def condition(observed: Observed, own: Hyperparameters, lengths: Sequence[Length]) -> Process:
    """Return the process given the scores of all lengths that are listed; the noise of the first is that of `own`."""
    targets = observed.targets[: len(lengths)]
    level, place = np.nonzero(~np.isnan(targets))
    first = Length(factor=1.0, own=0.0, noise=own.noise, shift=0.0)
    return Process(
        own,
        [first, *lengths[1:]],
        observed.networks.take(place),
        level=level,
        targets=targets[level, place],
        shares=observed.shares[level, place],
    )


def mean_scores(observed: Observed, fitted: Fit, networks: Networks, level: int) -> FloatArray:
    """Return the posterior mean of the standard scores of one length, averaged over the hyperparameters: [M]."""
    found = np.zeros(len(networks))
    for own, weight in fitted.shared:
        found += weight * condition(observed, own, fitted.lengths).mean(networks, level)
    return found


def recommend(
    space: Space,
    points: IntArray,
    scores: FloatArray,
    *above: FloatArray,
    seeds: FloatArray | None = None,
    prior: MacsPrior | None = None,
    to_best: bool = False,
) -> FloatArray:
    """Return the posterior mean score of each network at the longest length.

    Args:
        space: the search space.
        points: [N, D] networks trained at the first length.
        scores: [N] their scores there.
        above: [N] per longer length, ascending: their scores; NaN where there is none.
        seeds: [N] trainings behind each score of the last of these; one each unless given.
        prior: on MACs; None without it.
        to_best: as of `fit`.

    Returns:
        [N] posterior means, which discount lucky trainings and include all lengths; the scores themselves where there
        are fewer than six; NaN for a network without a score at the longest length.
    """
    last = np.array(above[-1] if above else scores, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(last))
    if len(known) >= FEWEST:
        means = expected(space, points, scores, *above, seeds=seeds, prior=prior, to_best=to_best)
        last[known] = scores_of(means[known], last[known])
    return last


def spread(
    space: Space,
    points: IntArray,
    scores: FloatArray,
    *above: FloatArray,
    prior: MacsPrior | None = None,
    among: IntArray,
) -> float:
    """Return how much networks differ at the longest length, in units of the luck of one training there.

    It is the standard deviation of their posterior means. The arguments are those of `recommend`; there are six
    networks or more, and `among` has the places of two or more of them.
    """
    with one_thread():
        networks, features = cost(space, points), space.features(points)
        observed = Observed(networks, features, [scores, *above], prior)
        fitted = fit(observed)
        means = mean_scores(observed, fitted, observed.among(networks.take(among), features[among]), len(above))
    shortest = sum(weight * own.noise for own, weight in fitted.shared)
    noise = fitted.lengths[-1].noise if above else shortest
    return float(means.std(ddof=1) / np.sqrt(noise))


def expected(
    space: Space,
    points: IntArray,
    scores: FloatArray,
    *above: FloatArray,
    seeds: FloatArray | None = None,
    prior: MacsPrior | None = None,
    to_best: bool = False,
) -> FloatArray:
    """Return the posterior mean of the standard score of each network at the longest length, trained there or not.

    The arguments are those of `recommend`; there are six networks or more.
    """
    behind = np.ones((1 + len(above), len(points)))
    if seeds is not None:
        behind[-1] = seeds
    with one_thread():
        networks, features = cost(space, points), space.features(points)
        observed = Observed(networks, features, [scores, *above], prior, seeds=behind)
        fitted = fit(observed, to_best=to_best)
        return mean_scores(observed, fitted, observed.among(networks, features), len(above))
