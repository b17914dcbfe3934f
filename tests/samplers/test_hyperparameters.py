from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from budgetnas.samplers.hyperparameters import (
    JITTER,
    Hyperparameters,
    Likelihood,
    LogNormal,
    most_probable,
    probable,
)
from budgetnas.samplers.scales import matern, squared_distances, standard_scores

PRIOR = LogNormal(np.log([0.03, 0.5, 0.3, 1.4]), np.array([1.0, 1.5, 1.5, 0.5]))
RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((25, 4)) / 2
TARGETS = standard_scores(np.sin(2 * ROWS[:, 0]) + ROWS[:, 1] + 0.3 * RNG.standard_normal(25))
RISES = RNG.standard_normal(25)
KNOWN = {"without known": 1.0, "with known": 1 + np.outer(RISES, RISES)}
PLACES = [np.log([0.03, 0.5, 0.3, 1.4]), np.log([0.5, 0.1, 0.02, 0.6]), np.array([-6.0, 1.0, -3.0, 2.0])]


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize("logs", PLACES)
def test_the_gradient_is_that_of_the_value(known, logs):
    likelihood = Likelihood(ROWS, TARGETS, PRIOR, known=known)
    steps = 1e-5 * np.eye(4)
    differences = [(likelihood(logs + step)[0] - likelihood(logs - step)[0]) / 2e-5 for step in steps]
    np.testing.assert_allclose(likelihood(logs)[1], differences, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_the_value_is_minus_the_log_of_a_normal_density_and_of_the_prior_up_to_a_constant(known):
    def expected(logs):
        own = Hyperparameters(*np.exp(logs))
        near = matern(np.sqrt(5 * squared_distances(ROWS, ROWS)) / own.length)
        covariance = known + own.linear * ROWS @ ROWS.T + own.matern * near + (own.noise + JITTER) * np.eye(25)
        log_prior = -(((logs - PRIOR.mean) / PRIOR.sd) ** 2).sum() / 2
        return -multivariate_normal.logpdf(TARGETS, cov=covariance) - log_prior

    likelihood = Likelihood(ROWS, TARGETS, PRIOR, known=known)
    beyond = [expected(logs) - likelihood(logs)[0] for logs in PLACES]
    assert beyond == pytest.approx([25 / 2 * np.log(2 * np.pi)] * 3)


def test_the_most_probable_ones_are_a_minimum_within_their_bounds():
    likelihood = Likelihood(ROWS, TARGETS, PRIOR)
    lowest = likelihood.lowest()
    value, gradient = likelihood(lowest)
    assert np.abs(gradient).max() < 0.05
    assert all(likelihood(lowest + step)[0] > value for step in np.vstack([np.eye(4), -np.eye(4)]) / 4)
    found = most_probable(likelihood)
    assert np.log([found.linear, found.matern, found.noise, found.length]) == pytest.approx(lowest)


def test_nine_stand_for_all_the_most_probable_first():
    likelihood = Likelihood(ROWS, TARGETS, PRIOR)
    found = probable(likelihood)
    assert len(found) == len({own for own, _ in found}) == 9
    assert sum(weight for _, weight in found) == pytest.approx(1)
    assert min(weight for _, weight in found) > 0
    assert found[0][0] == most_probable(likelihood)
    assert found == probable(Likelihood(ROWS, TARGETS, PRIOR))


def log_of(own):
    return np.log([own.linear, own.matern, own.noise, own.length])


def test_the_nine_have_the_mean_and_the_spread_of_a_posterior_that_is_the_prior():
    """One score leaves the prior nearly as it was."""
    found = probable(Likelihood(ROWS[:1], np.zeros(1), PRIOR))
    weights, logs = np.array([weight for _, weight in found]), np.array([log_of(own) for own, _ in found])
    mean = weights @ logs
    sd = np.sqrt(weights @ (logs - mean) ** 2)
    assert np.abs(mean - PRIOR.mean).max() < 0.35
    assert sd / PRIOR.sd == pytest.approx([1] * 4, rel=0.3)


def test_fewer_scores_spread_the_nine_wider():
    def spread(number):
        found = probable(Likelihood(ROWS[:number], TARGETS[:number], PRIOR))
        weights, logs = np.array([weight for _, weight in found]), np.array([log_of(own) for own, _ in found])
        return weights @ ((logs - weights @ logs) ** 2).sum(axis=1)

    assert spread(6) > spread(25)


@pytest.mark.parametrize("number", [1, 6, 25])
def test_equal_scores_have_hyperparameters_without_a_warning(number):
    targets = standard_scores(np.full(number, 0.5))
    assert (targets == 0).all()
    found = probable(Likelihood(ROWS[:number], targets, PRIOR))
    assert np.isfinite([log_of(own) for own, _ in found]).all()
    assert sum(weight for _, weight in found) == pytest.approx(1)


def test_the_same_network_many_times_has_hyperparameters_without_a_warning():
    found = probable(Likelihood(np.zeros((6, 4)), standard_scores(np.arange(6.0)), PRIOR))
    assert np.isfinite([log_of(own) for own, _ in found]).all()
