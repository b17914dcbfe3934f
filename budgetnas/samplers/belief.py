"""The posterior of scores over rungs: a Gaussian, updated from the shortest training to the longest.

Few networks reach a later rung, and all of them are good, so their scores there are mostly noise, while the scores that
ranked them earlier are not. Each rung therefore takes the posterior of the rung below as its prior: the true scores are
those of the rung below times a factor, plus a process of their own, as in the autoregressive model of Kennedy and
O'Hagan, "Predicting the output from a complex computer code when fast approximations are available" (Biometrika 87,
2000), fitted rung by rung as in Le Gratiet and Garnier, "Recursive co-kriging model for design of computer experiments
with multiple levels of fidelity" (2014).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotrf
from scipy.optimize import minimize

from budgetnas.arrays import FloatArray, IntArray
from budgetnas.samplers.hyperparameters import JITTER
from budgetnas.samplers.scales import scores_of, standard_scores, subset
from budgetnas.samplers.surrogate import FEWEST, LARGEST, LARGEST_FIT, Surrogate, one_thread
from budgetnas.space.protocol import Space

IMAGES_SHARE = 0.25  # of the variance of a score's luck: the luck of a network on its images (docs/evidence.md)


def noise_share(seeds: FloatArray) -> FloatArray:
    """Return the variance of the luck in mean scores of so many seeds each, as a share of that of one seed.

    More seeds reduce the luck of the seeds, but not that of the network on these images.
    """
    return IMAGES_SHARE + (1 - IMAGES_SHARE) / seeds


def recommend(
    space: Space, points: IntArray, scores: FloatArray, *above: FloatArray, seeds: FloatArray | None = None
) -> FloatArray:
    """Return the posterior mean score of each network at the highest rung.

    Args:
        space: the search space.
        points: [N, D] networks trained at the first rung.
        scores: [N] their scores at the first rung.
        above: [N] per later rung, from low to high: their scores; NaN where a network was not promoted.
        seeds: [N] trainings behind each score of the last of these; one each unless given.

    Returns:
        [N] posterior means, which discount lucky trainings and include the lower rungs; the scores themselves where
        there are too few; NaN for a network without a score at the highest rung.
    """
    last = np.array(above[-1] if above else scores, dtype=np.float64)
    if (~np.isnan(last)).sum() < FEWEST:
        return last
    features = space.features(points)
    with one_thread():
        if not above:
            return Surrogate(features, scores).posterior(features)[0]
        promoted = np.flatnonzero(~np.isnan(above).all(axis=0))  # a rung added in between may miss some of these
        belief = first_belief(features, scores, features[promoted])
        for i, rung in enumerate(column[promoted] for column in above):
            rows = np.flatnonzero(~np.isnan(rung))
            is_last = i == len(above) - 1
            shares = noise_share(seeds[promoted[rows]]) if is_last and seeds is not None else np.ones(len(rows))
            if len(rows) >= FEWEST:
                belief = belief.at_next_rung(rows, rung[rows], shares)
    last[promoted[rows]] = scores_of(belief.mean[rows], last[promoted[rows]])
    return last


_PRIOR_SD = np.array([0.4, 1.0, 1.0])  # of factor, log own, log noise: a weak prior
_BOUNDS = [(-2.0, 2.0), (-9.0, 3.0), (-7.0, 2.0)]


@dataclass(frozen=True)
class Belief:
    """The posterior of the true scores of N networks at one rung, in standard scores of that rung.

    Attributes:
        mean: [N].
        covariance: [N, N].
        correlation: [N, N] correlation, by features, of the networks' gains from rung to rung.
    """

    mean: FloatArray
    covariance: FloatArray
    correlation: FloatArray

    def at_next_rung(self, rows: IntArray, scores: FloatArray, shares: FloatArray) -> Belief:
        """Return the posterior of the same networks at the next rung.

        Args:
            rows: [n] distinct indices of the networks that were trained there.
            scores: [n] their scores.
            shares: [n] variance of the luck in each score, as a share of that of one training.
        """
        (below, _), targets = self.scaled(rows), standard_scores(scores)
        fitted, keep = subset(scores, LARGEST_FIT), subset(scores, LARGEST)
        factor, own, noise = fit_relation(below.among(rows[fitted]), targets[fitted], shares[fitted])
        prior, here = below.before_scores(factor, own), rows[keep]
        observed = prior.among(here).covariance + np.diag(noise * shares[keep] + JITTER)
        cross = prior.covariance[:, here]
        solved = cho_solve(
            cho_factor(observed, lower=True), np.column_stack([targets[keep] - prior.mean[here], cross.T])
        )
        return replace(
            prior, mean=prior.mean + cross @ solved[:, 0], covariance=prior.covariance - cross @ solved[:, 1:]
        )

    def among(self, rows: IntArray) -> Belief:
        """Return the marginal posterior of some of the networks."""
        grid = np.ix_(rows, rows)
        return Belief(mean=self.mean[rows], covariance=self.covariance[grid], correlation=self.correlation[grid])

    def before_scores(self, factor: float, own: float) -> Belief:
        """Return the prior at the next rung, before any score there; the mean of the scores is unknown."""
        covariance = 1 + factor**2 * self.covariance + own * self.correlation
        return replace(self, mean=factor * self.mean, covariance=covariance)

    def scaled(self, rows: IntArray) -> tuple[Belief, float]:
        """Return the posterior on a scale on which the rows have expected mean 0 and variance 1, and its unit."""
        here = self.among(rows)
        variance = here.mean.var() + here.covariance.diagonal().mean() - here.covariance.mean()
        unit = float(np.sqrt(max(variance, JITTER)))
        return replace(self, mean=(self.mean - here.mean.mean()) / unit, covariance=self.covariance / unit**2), unit


def first_belief(features: FloatArray, scores: FloatArray, wanted: FloatArray) -> Belief:
    """Return the posterior at the first rung of networks `wanted` [N, F], given features [M, F] and scores [M]."""
    surrogate = Surrogate(features, scores)
    mean, covariance = surrogate.joint(wanted)
    return Belief(mean=mean, covariance=covariance, correlation=surrogate.correlation(wanted))


def fit_relation(
    below: Belief, targets: FloatArray, shares: FloatArray, *, usual_own: float = 0.2
) -> tuple[float, float, float]:
    """Return the factor, own variance and noise of one training that maximise the likelihood times weak priors.

    Args:
        below: posterior of n networks at another rung, on the scale of `Belief.scaled`.
        targets: [n] their standard scores.
        shares: [n] variance of the luck in each score, as a share of that of one training.
        usual_own: median of the prior of the own variance.
    """
    middle = np.array([0.7, *np.log([usual_own, 0.3])])

    def loss(point: FloatArray) -> float:
        factor, (own, noise) = point[0], np.exp(point[1:])
        prior = below.before_scores(factor, own)
        lower, failed = dpotrf(prior.covariance + np.diag(noise * shares + JITTER), lower=1)
        if failed:
            return 1e10
        away, residual = (point - middle) / _PRIOR_SD, targets - prior.mean
        value = residual @ cho_solve((lower, True), residual) / 2 + np.log(lower.diagonal()).sum() + away @ away / 2
        return float(value)

    found = minimize(loss, middle, method="L-BFGS-B", bounds=_BOUNDS, options={"maxiter": 30, "ftol": 1e-5})
    factor, log_own, log_noise = map(float, found.x)
    return factor, exp(log_own), exp(log_noise)
