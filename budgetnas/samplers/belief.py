"""The score of a longer training, given those of shorter ones: a Gaussian posterior, updated rung by rung."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotrf
from scipy.optimize import minimize

from budgetnas.arrays import FloatArray, IntArray
from budgetnas.samplers.surrogate import (
    FEWEST,
    JITTER,
    LARGEST,
    LARGEST_FIT,
    Surrogate,
    one_thread,
    scores_of,
    standard_scores,
    subset,
)
from budgetnas.space.protocol import Space


def recommend(space: Space, points: IntArray, scores: FloatArray, *above: FloatArray) -> FloatArray:
    """Return the score to trust for each network that the highest rung trained.

    Args:
        space: of the points.
        points: [N, D] what the first rung trained.
        scores: [N] what it scored there.
        above: [N] what it scored on each rung above, from the lowest to the highest; NaN where it did not get so far.

    Returns:
        [N]: the posterior mean over what was trained, which discounts lucky trainings, and of a rung above the first
        knows what those below said; the score itself where there are too few to learn from; NaN where the highest rung
        has none.
    """
    last = np.array(above[-1] if above else scores, dtype=np.float64)
    if (~np.isnan(last)).sum() < FEWEST:
        return last
    features = space.features(points)
    with one_thread():
        if not above:
            return Surrogate(features, scores).posterior(features)[0]
        come_up = np.flatnonzero(~np.isnan(above).all(axis=0))  # a rung put in between may lack some of those above
        belief = first_belief(features, scores, features[come_up])
        for rung in (column[come_up] for column in above):
            rows = np.flatnonzero(~np.isnan(rung))
            if len(rows) >= FEWEST:
                belief = belief.risen(rows, rung[rows])
    last[come_up[rows]] = scores_of(belief.mean[rows], last[come_up[rows]])
    return last


_PRIOR_MEAN = np.array([0.7, *np.log([0.2, 0.3])])  # of factor, log own, log noise: weak, and the start
_PRIOR_SD = np.array([0.4, 1.0, 1.0])
_BOUNDS = [(-2.0, 2.0), (-9.0, 3.0), (-7.0, 2.0)]


@dataclass(frozen=True)
class Belief:
    """What is believed of the true scores of N networks at one rung, in standard scores of that rung.

    Attributes:
        mean: [N].
        covariance: [N, N].
        likeness: [N, N], correlation of what a rung may add to them, by their features.
    """

    mean: FloatArray
    covariance: FloatArray
    likeness: FloatArray

    def risen(self, rows: IntArray, scores: FloatArray) -> Belief:
        """Return the belief at the next rung, of the same networks.

        Args:
            rows: [n] which of them were trained there, each once.
            scores: [n] what they scored.
        """
        below, targets = self._scaled(rows), standard_scores(scores)
        fitted, keep = subset(scores, LARGEST_FIT), subset(scores, LARGEST)
        factor, own, noise = _fit(below.among(rows[fitted]), targets[fitted])
        prior, here = below.before_scores(factor, own), rows[keep]
        observed = prior.among(here).covariance + (noise + JITTER) * np.eye(len(here))
        cross = prior.covariance[:, here]
        solved = cho_solve(
            cho_factor(observed, lower=True), np.column_stack([targets[keep] - prior.mean[here], cross.T])
        )
        return replace(
            prior, mean=prior.mean + cross @ solved[:, 0], covariance=prior.covariance - cross @ solved[:, 1:]
        )

    def among(self, rows: IntArray) -> Belief:
        """Return what it says of some networks alone."""
        grid = np.ix_(rows, rows)
        return Belief(mean=self.mean[rows], covariance=self.covariance[grid], likeness=self.likeness[grid])

    def before_scores(self, factor: float, own: float) -> Belief:
        """Return the belief at the next rung before any score is known there: its level is open."""
        covariance = 1 + factor**2 * self.covariance + own * self.likeness
        return replace(self, mean=factor * self.mean, covariance=covariance)

    def _scaled(self, rows: IntArray) -> Belief:
        """Put it on a scale on which the rows are expected to have mean 0 and variance 1."""
        here = self.among(rows)
        spread = here.mean.var() + here.covariance.diagonal().mean() - here.covariance.mean()
        scale = np.sqrt(max(spread, JITTER))
        return replace(self, mean=(self.mean - here.mean.mean()) / scale, covariance=self.covariance / scale**2)


def first_belief(features: FloatArray, scores: FloatArray, wanted: FloatArray) -> Belief:
    """Return what the first rung says of the networks `wanted` [N, F], learnt from features [M, F] and scores [M]."""
    surrogate = Surrogate(features, scores)
    mean, covariance = surrogate.joint(wanted)
    return Belief(mean=mean, covariance=covariance, likeness=surrogate.likeness(wanted))


def _fit(below: Belief, targets: FloatArray) -> tuple[float, float, float]:
    """Return factor, own variance and noise of highest marginal likelihood times weak priors."""

    def loss(point: FloatArray) -> float:
        factor, (own, noise) = point[0], np.exp(point[1:])
        prior = below.before_scores(factor, own)
        lower, failed = dpotrf(prior.covariance + (noise + JITTER) * np.eye(len(targets)), lower=1)
        if failed:
            return 1e10
        away, residual = (point - _PRIOR_MEAN) / _PRIOR_SD, targets - prior.mean
        value = residual @ cho_solve((lower, True), residual) / 2 + np.log(lower.diagonal()).sum() + away @ away / 2
        return float(value)

    found = minimize(loss, _PRIOR_MEAN, method="L-BFGS-B", bounds=_BOUNDS, options={"maxiter": 30, "ftol": 1e-5})
    factor, log_own, log_noise = map(float, found.x)
    return factor, exp(log_own), exp(log_noise)
