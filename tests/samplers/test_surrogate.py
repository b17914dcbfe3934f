from __future__ import annotations

import numpy as np
import pytest
from spaces import BAND, DEFAULT, by_macs, search

from budgetnas.samplers.belief import noise_share, recommend
from budgetnas.samplers.samplers import make_sampler
from budgetnas.samplers.surrogate import Surrogate, fit_hyperparameters

RANDOM = search(make_sampler("random", DEFAULT, BAND, seed=5), 60, by_macs)


def test_one_network_at_chance_level_does_not_bend_the_model():
    features, scores = DEFAULT.features(RANDOM), by_macs(RANDOM)
    clean, _ = Surrogate(features, scores).posterior(features)
    scores[7] = 0.1
    bent, _ = Surrogate(features, scores).posterior(features)
    others = np.arange(60) != 7
    assert np.abs(bent - clean)[others].mean() < 0.25 * by_macs(RANDOM).std()
    assert np.corrcoef(bent[others], clean[others])[0, 1] > 0.95
    assert bent.min() > 0.5


def test_recommendation_discounts_luck():
    rng = np.random.default_rng(0)
    scores = by_macs(RANDOM) + rng.normal(0, 0.01, 60)
    worst = int(by_macs(RANDOM).argmin())
    scores[worst] += 0.03
    trusted = recommend(DEFAULT, RANDOM, scores)
    assert np.sqrt(((by_macs(RANDOM) - trusted) ** 2).mean()) < 0.01
    assert recommend(DEFAULT, RANDOM[:3], scores[:3]).tolist() == scores[:3].tolist()
    assert recommend(DEFAULT, RANDOM[:0], scores[:0]).tolist() == []


def test_draws_have_the_mean_and_the_spread_of_the_posterior():
    features, rng = DEFAULT.features(RANDOM), np.random.default_rng(0)
    surrogate = Surrogate(features[:40], by_macs(RANDOM[:40]) + rng.normal(0, 0.01, 40))
    mean, sd = surrogate.latent(features[40:])
    draws = np.array([surrogate.sample(features[40:], np.random.default_rng(seed)) for seed in range(600)])
    assert np.abs(draws.mean(axis=0) - mean).max() < 0.25 * sd.max()
    assert np.abs(draws.std(axis=0) / sd - 1).max() < 0.25


def test_it_predicts_what_it_has_not_seen():
    features = DEFAULT.features(RANDOM)
    mean, sd = Surrogate(features[:40], by_macs(RANDOM[:40])).posterior(features[40:])
    assert np.corrcoef(mean, by_macs(RANDOM[40:]))[0, 1] > 0.9
    assert (sd >= 0).all()


@pytest.mark.parametrize("scores", [[0.5], [0.5] * 7, [0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9]])
def test_few_equal_and_tied_scores_are_learnt_from_without_a_warning(scores):
    features = DEFAULT.features(RANDOM[: len(scores)])
    surrogate = Surrogate(features, np.array(scores))
    mean, sd = surrogate.posterior(DEFAULT.features(RANDOM))
    assert np.isfinite(mean).all()
    assert np.isfinite(sd).all()
    assert np.isfinite(surrogate.sample(features, np.random.default_rng(0))).all()


def test_features_that_never_vary_are_no_harm():
    features = np.concatenate([DEFAULT.features(RANDOM), np.full((60, 2), 3.0)], axis=1)
    mean, _ = Surrogate(features, by_macs(RANDOM)).posterior(features)
    assert np.corrcoef(mean, by_macs(RANDOM))[0, 1] > 0.95


def test_more_scores_than_it_works_on_are_thinned():
    points = BAND.draw(900, rng=np.random.default_rng(0)).points
    features = DEFAULT.features(points)
    surrogate = Surrogate(features, by_macs(points), fit_hyperparameters(features, by_macs(points)))
    mean, _ = surrogate.posterior(features)
    assert np.corrcoef(mean, by_macs(points))[0, 1] > 0.95


def luck_above(seed):
    """Return points, scores of a first rung, and those of a rung above: of its best third, mostly luck."""
    rng, truth = np.random.default_rng(seed), by_macs(RANDOM)
    scores = truth + rng.normal(0, 0.3 * truth.std(), 60)
    up = np.argsort(-scores)[:20]
    above = np.full(60, np.nan)
    above[up] = truth[up] + rng.normal(0, truth[up].std(), 20)
    return truth, scores, up, above


def test_a_rung_of_noisy_scores_is_ranked_better_with_what_the_rung_below_has_said():
    alone, with_below = [], []
    for seed in range(10):
        truth, scores, up, above = luck_above(seed)
        alone.append(np.corrcoef(recommend(DEFAULT, RANDOM[up], above[up]), truth[up])[0, 1])
        with_below.append(np.corrcoef(recommend(DEFAULT, RANDOM, scores, above)[up], truth[up])[0, 1])
    assert np.mean(with_below) > np.mean(alone) + 0.1


def test_a_rung_that_contradicts_the_one_below_is_believed():
    _, scores, up, above = luck_above(0)
    above[up] = -by_macs(RANDOM[up])
    trusted = recommend(DEFAULT, RANDOM, scores, above)[up]
    assert np.corrcoef(trusted, above[up])[0, 1] > 0.7


def test_what_no_rung_can_tell_is_left_out_and_few_scores_stand_for_themselves():
    _, scores, up, above = luck_above(0)
    trusted = recommend(DEFAULT, RANDOM, scores, above)
    assert (np.isnan(trusted) == np.isnan(above)).all()
    highest = np.where(np.isin(np.arange(60), up[:8]), above, np.nan)
    three = recommend(DEFAULT, RANDOM, scores, above, highest)
    assert (~np.isnan(three)).sum() == 8
    assert three[up[:8]].max() <= highest[up[:8]].max()
    few = np.where(np.isin(np.arange(60), up[:5]), above, np.nan)
    np.testing.assert_array_equal(recommend(DEFAULT, RANDOM, scores, few), few)


def test_networks_that_lack_a_rung_put_in_between_are_ranked_with_the_others():
    truth, scores, up, above = luck_above(0)
    between = np.where(np.isin(np.arange(60), up[8:]), above, np.nan)
    trusted = recommend(DEFAULT, RANDOM, scores, between, above)
    lacks = up[:8]
    assert (trusted[lacks] != above[lacks]).all()
    assert np.corrcoef(trusted[up], truth[up])[0, 1] > np.corrcoef(above[up], truth[up])[0, 1]
    few = np.where(np.isin(np.arange(60), up[:1]), above, np.nan)
    np.testing.assert_array_equal(
        recommend(DEFAULT, RANDOM, scores, few, above), recommend(DEFAULT, RANDOM, scores, above)
    )


def test_equal_scores_above_are_learnt_from_without_a_warning():
    _, scores, up, above = luck_above(0)
    above[up] = 0.5
    assert (recommend(DEFAULT, RANDOM, scores, above)[up] == 0.5).all()


def test_a_thousand_networks_on_each_of_two_rungs_are_no_burden():
    rng = np.random.default_rng(0)
    points = np.repeat(RANDOM, 20, axis=0)
    scores = rng.normal(size=1200)
    assert np.isfinite(recommend(DEFAULT, points, scores, scores + rng.normal(size=1200))).all()


def test_a_mean_of_more_seeds_is_believed_more_but_its_luck_on_the_images_stays():
    assert noise_share(np.array([1.0, 3.0, 1e9])) == pytest.approx([1, 0.5, 0.25])
    rng = np.random.default_rng(1)
    truth = RANDOM[:, 0] / np.ptp(RANDOM[:, 0])
    scores = truth + 0.2 * rng.standard_normal(len(RANDOM))
    full = truth + 0.4 * rng.standard_normal(len(RANDOM))
    lucky = int(full.argmax())
    seeds = np.ones(len(RANDOM))
    once = recommend(DEFAULT, RANDOM, scores, full, seeds=seeds)
    assert once.tolist() == recommend(DEFAULT, RANDOM, scores, full).tolist()
    seeds[lucky] = 3
    often = recommend(DEFAULT, RANDOM, scores, full, seeds=seeds)
    assert once[lucky] < often[lucky] < full[lucky]
