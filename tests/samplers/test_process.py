from __future__ import annotations

import numpy as np
import pytest

from budgetnas.samplers.hyperparameters import JITTER, Hyperparameters
from budgetnas.samplers.macs_prior import SLOPE, SLOPE_SD
from budgetnas.samplers.process import Length, Networks, Process, bias_covariance
from budgetnas.samplers.scales import matern

OWN = Hyperparameters(linear=0.4, matern=0.8, noise=0.2, length=1.3)
SHORT = Length(factor=1.0, own=0.0, noise=0.2, shift=0.0)
LONG = Length(factor=0.7, own=3.0, noise=0.5, shift=0.3)
RNG = np.random.default_rng(0)
NETWORKS = Networks(rows=RNG.standard_normal((14, 3)) / 2, rises=RNG.uniform(-1.5, 0.5, 14))
PLACE = np.r_[np.arange(10), [1, 4, 4, 7, 12]]  # of each score: ten short ones, five long ones, of one network twice
LEVEL = np.r_[np.zeros(10, dtype=np.int64), np.ones(5, dtype=np.int64)]
SHARES = np.r_[np.ones(10), [1, 0.5, 1, 0.25, 1]]
TARGETS = 2 * NETWORKS.rows[PLACE, 0] + 0.5 * RNG.standard_normal(15) - 0.3 * LEVEL


def process(networks=NETWORKS, place=PLACE, level=LEVEL, targets=TARGETS, shares=SHARES, lengths=(SHORT, LONG)):
    return Process(OWN, lengths, networks.take(place), level=level, targets=targets, shares=shares)


def covariance(networks, place, level):
    """The formula of the module, one pair of scores after the other."""
    found = np.zeros((len(place), len(place)))
    for i, (x, one) in enumerate(zip(place, level, strict=True)):
        for j, (y, other) in enumerate(zip(place, level, strict=True)):
            dot = float(networks.rows[x] @ networks.rows[y])
            near = float(matern(np.sqrt(5) * np.linalg.norm(networks.rows[x] - networks.rows[y]) / OWN.length))
            shared = 1 + SLOPE_SD**2 * networks.rises[x] * networks.rises[y] + OWN.linear * dot + OWN.matern * near
            found[i, j] = (SHORT, LONG)[one].factor * (SHORT, LONG)[other].factor * shared
            if one == other == 1:
                found[i, j] += LONG.shift + LONG.own * (dot + near) / 2
    return found


def test_mean_and_covariance_are_those_of_the_formula():
    place, level = np.r_[PLACE, np.arange(14), np.arange(14)], np.r_[LEVEL, np.zeros(14, int), np.ones(14, int)]
    prior = covariance(NETWORKS, place, level)
    prior_mean = np.where(level == 1, LONG.factor, 1) * SLOPE * NETWORKS.rises[place]
    noise = np.where(LEVEL == 1, LONG.noise, SHORT.noise) * SHARES + JITTER
    gain = prior[15:, :15] @ np.linalg.inv(prior[:15, :15] + np.diag(noise))
    mean = prior_mean[15:] + gain @ (TARGETS - prior_mean[:15])
    spread = prior[15:, 15:] - gain @ prior[:15, 15:]

    found = process()
    np.testing.assert_allclose(found.mean(NETWORKS, 0), mean[:14], atol=1e-9)
    np.testing.assert_allclose(found.mean(NETWORKS, 1), mean[14:], atol=1e-9)
    joint_mean, joint_spread = found.joint(NETWORKS.take(place[15:]), level[15:])
    np.testing.assert_allclose(joint_mean, mean, atol=1e-9)
    np.testing.assert_allclose(joint_spread, spread, atol=1e-9)


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("luck", [1, 1e6], ids=["scores", "scores that say nothing"])
def test_draws_have_the_mean_and_the_spread_of_the_posterior_at_either_length(luck, level):
    found = process(shares=luck * SHARES)
    mean, spread = found.joint(NETWORKS, np.full(14, level))
    sd = np.sqrt(spread.diagonal())
    draws = np.array([found.sample(NETWORKS, level, np.random.default_rng(seed)) for seed in range(800)])
    assert np.abs((draws.mean(axis=0) - mean) / sd).max() < 0.15
    assert np.abs(draws.std(axis=0) / sd - 1).max() < 0.15
    assert np.abs(np.corrcoef(draws.T) - spread / np.outer(sd, sd)).max() < 0.15


def test_a_scale_narrows_the_draws_and_keeps_their_mean():
    found, rng = process(), np.random.default_rng
    mean = found.mean(NETWORKS, 1)
    for seed in range(5):
        away = found.sample(NETWORKS, 1, rng(seed)) - mean
        np.testing.assert_allclose(found.sample(NETWORKS, 1, rng(seed), scale=0.5) - mean, away / 2, atol=1e-9)


@pytest.mark.parametrize("lucky", range(10, 15))
def test_a_score_of_many_seeds_pulls_more(lucky):
    level, targets = int(LEVEL[lucky]), TARGETS + 3 * (np.arange(15) == lucky)
    here = NETWORKS.take(PLACE[lucky : lucky + 1])

    def pull(share):
        shares = np.where(np.arange(15) == lucky, share, SHARES)
        return (process(targets=targets, shares=shares).mean(here, level) - process(shares=shares).mean(here, level))[0]

    assert 0 < pull(4) < pull(1) < pull(0.25) < 3


def test_the_prior_mean_follows_the_macs_where_no_score_says_more():
    networks = Networks(rows=np.zeros((3, 2)), rises=np.array([-1.0, 0.0, 0.4]))
    luck = Length(factor=1.0, own=0.0, noise=1e6, shift=0.0)
    vague = Hyperparameters(linear=0.4, matern=0.8, noise=1e6, length=1.3)
    first = Process(
        vague,
        [luck, LONG],
        networks.take(np.zeros(1, dtype=np.int64)),
        level=np.zeros(1, dtype=np.int64),
        targets=np.array([5.0]),
        shares=np.ones(1),
    )
    assert first.mean(networks, 0) == pytest.approx(SLOPE * networks.rises, abs=1e-4)
    assert first.mean(networks, 1) == pytest.approx(0.7 * SLOPE * networks.rises, abs=1e-4)


def test_scores_that_fall_with_macs_overrule_the_prior():
    macs = np.linspace(-2, 0, 30)
    networks = Networks(rows=np.column_stack([macs, RNG.standard_normal(30)]), rises=macs)
    every = np.arange(30)
    found = process(networks, every, 0 * every, targets=-2 * (macs + 1), shares=np.ones(30), lengths=[SHORT])
    assert np.corrcoef(found.mean(networks, 0), macs)[0, 1] < -0.99


def test_a_long_score_moves_the_belief_in_neighbours_at_both_lengths():
    twelve = Networks(rows=NETWORKS.rows[12:13] + 0.01, rises=NETWORKS.rises[12:13])
    better = process(targets=TARGETS + (PLACE == 12))
    for level in (0, 1):
        assert better.mean(twelve, level) > process().mean(twelve, level) + 0.05


def test_the_bias_of_a_length_is_half_linear():
    rows = NETWORKS.rows
    near = np.array([[matern(np.sqrt(5) * np.linalg.norm(x - y) / 1.3) for y in rows] for x in rows])
    np.testing.assert_allclose(bias_covariance(rows, 1.3), (rows @ rows.T + near) / 2, atol=1e-7)
