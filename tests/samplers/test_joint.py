from __future__ import annotations

import numpy as np
import pytest
from spaces import BAND, DEFAULT, Cells, by_macs, search

from budgetnas.samplers.hyperparameters import Hyperparameters
from budgetnas.samplers.joint import LARGEST, Fit, Observed, fit, mean_scores, recommend
from budgetnas.samplers.macs_prior import prior_of, usual_macs
from budgetnas.samplers.samplers import make_sampler
from budgetnas.space.band import make_index
from budgetnas.space.members import cost

RANDOM = search(make_sampler("random", DEFAULT, BAND, seed=5), 60, by_macs)
TRUTH = by_macs(RANDOM)
PRIORS = {"without a prior": None, "with a prior": prior_of([(BAND.high, usual_macs(BAND))])}
either = pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)


def correlation(left, right):
    return np.corrcoef(left, right)[0, 1]


@either
def test_recommendation_discounts_luck(prior):
    lucky, others = int(np.argsort(TRUTH)[30]), np.arange(60) != np.argsort(TRUTH)[30]
    luck, found, kept = [], [], []
    for seed in range(6):
        scores = TRUTH + np.random.default_rng(seed).normal(0, 0.01, 60)
        scores[lucky] = TRUTH[lucky] + 0.03
        trusted = recommend(DEFAULT, RANDOM, scores, prior=prior)
        assert scores.min() <= trusted.min() <= trusted.max() <= scores.max()
        assert correlation(trusted, TRUTH) > correlation(scores, TRUTH)
        luck.append(((scores - TRUTH)[others] ** 2).mean())
        found.append(((trusted - TRUTH)[others] ** 2).mean())
        kept.append((trusted - TRUTH)[lucky] / 0.03)
    assert np.mean(kept) < 0.8
    assert np.mean(found) < 0.8 * np.mean(luck)


@pytest.mark.parametrize("number", [0, 1, 5])
def test_scores_below_six_stand_for_themselves(number):
    scores = TRUTH[:number] + 0.01
    assert recommend(DEFAULT, RANDOM[:number], scores).tolist() == scores.tolist()
    above = np.where(np.arange(60) < number, TRUTH, np.nan)
    np.testing.assert_array_equal(recommend(DEFAULT, RANDOM, TRUTH, above), above)


@pytest.mark.parametrize("number", [6, 7, 60])
def test_equal_scores_are_learnt_from_without_a_warning(number):
    above = np.full(number, np.nan)
    above[:6] = 0.5
    assert recommend(DEFAULT, RANDOM[:number], np.full(number, 0.5)).tolist() == [0.5] * number
    assert recommend(DEFAULT, RANDOM[:number], TRUTH[:number], above)[:6].tolist() == [0.5] * 6


def luck_above(seed, number=20):
    """Return scores of a first length, the best by these, and scores of a longer one: of those alone, mostly luck."""
    rng = np.random.default_rng(seed)
    scores = TRUTH + rng.normal(0, 0.3 * TRUTH.std(), 60)
    up = np.argsort(-scores)[:number]
    above = np.full(60, np.nan)
    above[up] = TRUTH[up] + rng.normal(0, TRUTH[up].std(), number)
    return scores, up, above


@either
def test_noisy_scores_are_ranked_better_with_what_shorter_trainings_have_said(prior):
    alone, together = [], []
    for seed in range(10):
        scores, up, above = luck_above(seed)
        alone.append(correlation(recommend(DEFAULT, RANDOM[up], above[up], prior=prior), TRUTH[up]))
        together.append(correlation(recommend(DEFAULT, RANDOM, scores, above, prior=prior)[up], TRUTH[up]))
    assert np.mean(together) > np.mean(alone) + 0.05


def test_a_network_without_a_score_of_the_longest_length_has_none():
    scores, up, above = luck_above(0)
    trusted = recommend(DEFAULT, RANDOM, scores, above)
    assert (np.isnan(trusted) == np.isnan(above)).all()
    highest = np.where(np.isin(np.arange(60), up[4:12]), above, np.nan)
    three = recommend(DEFAULT, RANDOM, scores, above, highest)
    assert np.flatnonzero(~np.isnan(three)).tolist() == sorted(up[4:12])


@pytest.mark.parametrize("inside", [0, 1, 2, 3, 12])
def test_networks_that_lack_a_length_in_between_are_ranked_with_the_others(inside):
    scores, up, above = luck_above(0)
    between = np.where(np.isin(np.arange(60), up[20 - inside :]), above, np.nan)
    trusted = recommend(DEFAULT, RANDOM, scores, between, above)
    assert np.isfinite(trusted[up]).all()
    assert correlation(trusted[up], TRUTH[up]) > correlation(above[up], TRUTH[up])


def full_means(scores, above, networks, *, prior=None):
    """Return the posterior mean standard score of any of the sixty networks at the longer length."""
    observed = Observed(cost(DEFAULT, RANDOM), DEFAULT.features(RANDOM), [scores, above], prior)
    wanted = observed.among(cost(DEFAULT, RANDOM[networks]), DEFAULT.features(RANDOM[networks]))
    return mean_scores(observed, fit(observed), wanted, 1)


@either
def test_a_full_score_moves_the_mean_of_a_network_that_was_not_fully_trained(prior):
    scores, up, above = luck_above(1, number=15)
    features = DEFAULT.features(RANDOM)
    features = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-9)
    others = np.setdiff1d(np.arange(60), up)
    away = ((features[up][:, None] - features[others]) ** 2).sum(axis=2)
    row, column = np.unravel_index(away.argmin(), away.shape)
    trained, near = up[row], others[column]
    better, worse = above.copy(), above.copy()
    better[trained] = np.nanmax(above) + 0.05
    worse[trained] = np.nanmin(above) - 0.05
    low, high = (full_means(scores, column, [near, trained], prior=prior) for column in (worse, better))
    assert high[0] > low[0]
    assert high[1] > low[1]


@either
def test_a_length_that_contradicts_the_first_one_gets_the_last_word_as_its_scores_grow(prior):
    scores, _, _ = luck_above(0)
    agreement = []
    for number in (6, 12, 20, 60):
        up = np.argsort(-scores)[:number]
        above = np.full(60, np.nan)
        above[up] = -TRUTH[up]
        agreement.append(correlation(recommend(DEFAULT, RANDOM, scores, above, prior=prior)[up], above[up]))
    assert agreement[0] < 0.95
    assert min(agreement[1:]) > 0.95
    assert agreement[-1] > 0.99


def test_a_mean_of_more_seeds_is_believed_more():
    rng = np.random.default_rng(1)
    scores = TRUTH + 0.2 * TRUTH.std() * rng.standard_normal(60)
    full = TRUTH + 0.6 * TRUTH.std() * rng.standard_normal(60)
    lucky, seeds = int((full - TRUTH).argmax()), np.ones(60)
    once = recommend(DEFAULT, RANDOM, scores, full, seeds=seeds)
    assert once.tolist() == recommend(DEFAULT, RANDOM, scores, full).tolist()
    seeds[lucky] = 3
    often = recommend(DEFAULT, RANDOM, scores, full, seeds=seeds)
    assert once[lucky] < often[lucky] < full[lucky]


@either
def test_more_scores_than_it_works_on_are_thinned_and_those_with_longer_trainings_stay(prior):
    rng = np.random.default_rng(0)
    points = BAND.draw(LARGEST + 200, rng=rng).points
    truth = by_macs(points)
    scores = truth + rng.normal(0, 0.01, len(points))
    longer = np.where(np.arange(len(points)) % 25 == 3, truth, np.nan)
    observed = Observed(cost(DEFAULT, points), DEFAULT.features(points), [scores, longer], prior)
    assert LARGEST <= len(observed.networks) < LARGEST + 25
    assert (~np.isnan(observed.targets[1])).sum() == (~np.isnan(longer)).sum()
    assert correlation(recommend(DEFAULT, points, scores, prior=prior), truth) > 0.95
    trusted = recommend(DEFAULT, points, scores, longer, prior=prior)
    known = ~np.isnan(longer)
    assert (np.isnan(trusted) == np.isnan(longer)).all()
    assert correlation(trusted[known], truth[known]) > 0.95


def test_a_thousand_networks_of_two_lengths_are_no_burden():
    rng = np.random.default_rng(0)
    points = np.repeat(RANDOM, 17, axis=0)
    scores = rng.normal(size=len(points))
    longer = scores + rng.normal(size=len(points))
    assert np.isfinite(recommend(DEFAULT, points, scores, longer)).all()
    observed = Observed(cost(DEFAULT, points), DEFAULT.features(points), [scores, longer], None)
    assert len(observed.networks) <= 2 * LARGEST


def test_unordered_choices_without_macs_are_learnt_from():
    space = Cells()
    band = make_index(space, max_macs=None).band(5_000, 20_000)
    points = band.draw(60, rng=np.random.default_rng(0)).points
    truth = (points[:, :4] == 3).sum(axis=1) - 0.5 * (points[:, :4] == 0).sum(axis=1)
    scores = truth + np.random.default_rng(1).normal(0, 0.5, len(points))
    assert prior_of([(20_000, usual_macs(band))]) is None
    trusted = recommend(space, points, scores)
    assert ((trusted - truth) ** 2).mean() < 0.8 * ((scores - truth) ** 2).mean()
    above = np.where(np.arange(len(points)) % 3 == 0, truth + 0.1 * scores, np.nan)
    found = recommend(space, points, scores, above)
    assert correlation(found[::3], truth[::3]) > 0.9


def test_one_length_is_fitted_to_the_better_half_of_many_scores():
    scores = TRUTH + np.random.default_rng(0).normal(0, 0.5 * TRUTH.std(), 60)
    observed = Observed(cost(DEFAULT, RANDOM), DEFAULT.features(RANDOM), [scores], None)
    half, everything = fit(observed, to_best=True).shared, fit(observed).shared
    worse = np.argsort(observed.targets[0])[:30]
    observed.targets[0][worse] -= np.random.default_rng(1).uniform(0, 1, 30)
    assert fit(observed, to_best=True).shared == half
    assert fit(observed).shared != everything


@either
def test_few_scores_and_several_lengths_are_fitted_to_all_scores(prior):
    scores, _, above = luck_above(0)
    for points, columns in ((RANDOM[:30], (scores[:30],)), (RANDOM, (scores, above))):
        found = [recommend(DEFAULT, points, *columns, prior=prior, to_best=to_best) for to_best in (True, False)]
        np.testing.assert_array_equal(*found)


@either
def test_the_same_scores_give_the_same_means(prior):
    scores, _, above = luck_above(2)
    first = recommend(DEFAULT, RANDOM, scores, above, prior=prior)
    np.testing.assert_array_equal(first, recommend(DEFAULT, RANDOM, scores, above, prior=prior))


def test_hyperparameters_are_drawn_by_their_weights():
    shared = [
        (Hyperparameters(linear=i, matern=1, noise=1, length=1), weight) for i, weight in enumerate((0.7, 0.3, 0))
    ]
    rng, found = np.random.default_rng(0), Fit(shared=shared, lengths=[])
    counts = np.bincount([int(found.draw(rng).linear) for _ in range(1_000)], minlength=3)
    assert abs(counts[0] - 700) < 5 * np.sqrt(1_000 * 0.7 * 0.3)
    assert counts[2] == 0
