from __future__ import annotations

import numpy as np
import pytest
from spaces import BAND, DEFAULT, by_macs

from budgetnas.config.sections import SearchConfig
from budgetnas.samplers import belief, joint
from budgetnas.samplers.joint_thompson import JointThompsonSampler
from budgetnas.samplers.macs_prior import MacsPrior, prior_of, usual_macs
from budgetnas.samplers.rules import Rule, rule_of
from budgetnas.samplers.samplers import make_sampler
from budgetnas.samplers.thompson import ThompsonSampler

MIDDLES = [(1_000_000, 2e8), (5_000_000, 5e8)]
PRIOR = MacsPrior(middles=tuple(MIDDLES))


@pytest.mark.parametrize(
    ("search", "middles", "expected"),
    [
        (SearchConfig(), MIDDLES, Rule(model="joint", prior=PRIOR)),
        (SearchConfig(macs_prior=False), MIDDLES, Rule(model="joint")),
        (SearchConfig(), [(1_000_000, 0.0)], Rule(model="joint")),
        (SearchConfig(fit="all"), MIDDLES, Rule(model="joint", prior=PRIOR, fit="all")),
        (SearchConfig(model="per_rung", macs_prior=False), MIDDLES, Rule(model="per_rung")),
    ],
)
def test_a_study_says_its_rule(search, middles, expected):
    assert rule_of(search, middles) == expected


def test_the_joint_model_learns_after_eight_proposals_and_the_older_one_after_ten():
    assert (Rule().start, Rule(model="per_rung").start) == (8, 10)


def test_the_rule_makes_the_sampler():
    assert type(make_sampler("thompson", DEFAULT, BAND, seed=0)) is JointThompsonSampler
    older = make_sampler("thompson", DEFAULT, BAND, seed=0, rule=Rule(model="per_rung"))
    assert type(older) is ThompsonSampler


def test_the_rule_recommends_exactly_as_its_model_does():
    rng = np.random.default_rng(0)
    points = BAND.draw(40, rng=rng).points
    scores = by_macs(points) + rng.normal(0, 0.01, 40)
    above = np.where(np.arange(40) < 12, by_macs(points) + rng.normal(0, 0.01, 40), np.nan)
    seeds = np.where(np.arange(40) < 6, 3.0, 1.0)
    prior = prior_of([(BAND.high, usual_macs(BAND))])
    for columns, many in (((scores,), None), ((scores, above), None), ((scores, above), seeds)):
        expected = belief.recommend(DEFAULT, points, *columns, seeds=many)
        found = Rule(model="per_rung").recommend(DEFAULT, points, *columns, seeds=many)
        np.testing.assert_array_equal(found, expected)
        together = Rule(prior=prior, fit="all").recommend(DEFAULT, points, *columns, seeds=many)
        np.testing.assert_array_equal(together, joint.recommend(DEFAULT, points, *columns, seeds=many, prior=prior))
        assert (together != expected)[~np.isnan(expected)].any()


def test_many_scores_of_one_length_are_fitted_as_the_rule_says():
    points = BAND.draw(60, rng=np.random.default_rng(0)).points
    scores = by_macs(points) * np.random.default_rng(1).normal(1, 0.1, 60)
    best, everything = (Rule(fit=name).recommend(DEFAULT, points, scores) for name in ("best", "all"))
    np.testing.assert_array_equal(best, joint.recommend(DEFAULT, points, scores, to_best=True))
    assert (best != everything).any()


def test_the_older_model_knows_no_prior():
    points = BAND.draw(20, rng=np.random.default_rng(0)).points
    found = [Rule(model="per_rung", prior=prior).recommend(DEFAULT, points, by_macs(points)) for prior in (None, PRIOR)]
    assert found[0].tolist() == found[1].tolist()
