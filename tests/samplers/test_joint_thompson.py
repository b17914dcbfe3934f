from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from spaces import BAND, DEFAULT, Cells, by_macs, search

from budgetnas.samplers.history import History
from budgetnas.samplers.macs_prior import prior_of, usual_macs
from budgetnas.samplers.rules import Rule
from budgetnas.samplers.samplers import make_sampler
from budgetnas.space.band import make_index
from budgetnas.space.protocol import is_member

RULE = Rule(prior=prior_of([(BAND.high, usual_macs(BAND))]))
POINTS = search(make_sampler("thompson", DEFAULT, BAND, seed=1, rule=RULE), 30, by_macs)
SCORES = by_macs(POINTS) + np.random.default_rng(0).normal(0, 0.005, 30)
NONE = np.full(30, np.nan)


def sampler(seed=1, rule=RULE):
    return make_sampler("thompson", DEFAULT, BAND, seed=seed, rule=rule)


def view(*longer, number=30, scores=SCORES):
    """Return the history of the first proposals with their scores of all lengths."""
    return History(
        number=number,
        points=POINTS[:number],
        scores=scores[:number],
        pruned=np.zeros(number, dtype=bool),
        longer=tuple(column[:number] for column in longer),
    )


def scored(rows, values):
    column = NONE.copy()
    column[rows] = values
    return column


FLAT = scored([0, 3, 5, 9, 12, 20], 0.6)
BEST = np.argsort(-SCORES)[:8]
TWO = (scored(BEST, by_macs(POINTS[BEST]) + 0.1), scored(BEST[:3], [0.9, 0.8, 0.85]))
HISTORIES = {
    "one length": (),
    "no longer score": (NONE, NONE),
    "one longer score": (scored([4], 0.7),),
    "two longer scores": (scored([4, 9], [0.7, 0.6]),),
    "equal longer scores": (FLAT,),
    "two longer lengths": TWO,
    "only the longest": (NONE, TWO[1]),
}
every_history = pytest.mark.parametrize("longer", HISTORIES.values(), ids=HISTORIES)


@every_history
def test_a_proposal_is_new_and_within_the_band_and_depends_on_the_history_alone(longer):
    used = sampler()
    for number in (10, 17, 30):
        point = used.propose(view(*longer, number=number))
        assert point is not None
        assert is_member(DEFAULT, point[None]).all()
        assert BAND.low <= DEFAULT.params(point[None])[0] <= BAND.high
        assert DEFAULT.macs(point[None])[0] <= BAND.budget.max_macs
        assert not (POINTS[:number] == point).all(axis=1).any()
        assert point.tolist() == sampler().propose(view(*longer, number=number)).tolist()


def test_the_seed_and_the_prior_and_the_model_decide():
    rules = (RULE, Rule(), Rule(model="per_rung"))
    found = [[sampler(seed, rule).propose(view(*TWO, number=20)).tolist() for seed in range(1, 5)] for rule in rules]
    assert all(first != second for first, second in combinations(found, 2))
    assert len({tuple(point) for point in found[0]}) > 1


@pytest.mark.parametrize(
    "longer",
    [(scored([4], 0.7),), (scored([4, 9], [0.3, 0.9]),), (scored(BEST, SCORES[BEST][::-1]),), TWO],
    ids=["one", "two", "eight", "two lengths"],
)
def test_longer_scores_change_the_proposals(longer):
    changed = [
        sampler(seed).propose(view(*longer)).tolist() != sampler(seed).propose(view()).tolist() for seed in range(3)
    ]
    assert any(changed)


def test_lengths_without_a_score_change_nothing():
    assert sampler().propose(view(NONE, NONE)).tolist() == sampler().propose(view()).tolist()
    assert sampler().propose(view(NONE, TWO[0])).tolist() == sampler().propose(view(TWO[0])).tolist()


def test_a_longer_score_of_a_network_without_a_short_one_is_no_harm():
    scores = np.where(np.arange(30) == BEST[0], np.nan, SCORES)
    point = sampler().propose(view(TWO[0], scores=scores))
    without = np.where(np.arange(30) == BEST[0], np.nan, TWO[0])
    assert point.tolist() == sampler().propose(view(without, scores=scores)).tolist()


def test_many_longer_scores_that_contradict_the_short_ones_turn_the_search_round():
    """Short trainings like many MACs, long ones few."""

    def macs(longer):
        return np.mean([DEFAULT.macs(sampler(seed, Rule()).propose(view(*longer))[None])[0] for seed in range(5)])

    assert macs((-by_macs(POINTS),)) < 0.6 * macs(())


def test_eight_proposals_are_those_of_the_start():
    older = search(make_sampler("thompson", DEFAULT, BAND, seed=1, rule=Rule(model="per_rung")), 10, by_macs)
    assert POINTS[:8].tolist() == older[:8].tolist()
    assert POINTS[8].tolist() != older[8].tolist()


def test_unordered_choices_without_macs_are_searched():
    space = Cells()
    band = make_index(space, max_macs=None).band(10_000, 20_000)
    score = lambda points: (points[:, :4] == 2).sum(axis=1) + points[:, 4] / 100  # noqa: E731
    found = search(make_sampler("thompson", space, band, seed=0), 40, score, space=space)
    assert len(np.unique(found, axis=0)) == 40
    params = space.params(found)
    assert ((params >= 10_000) & (params <= 20_000)).all()
    assert score(found[30:]).mean() > score(found[:8]).mean() + 0.5


def test_a_band_that_runs_out_ends():
    space = Cells()
    band = make_index(space, max_macs=None).band(90_000, 10**9)
    assert len(band) == 18
    found = search(make_sampler("thompson", space, band, seed=0), 30, lambda points: points[:, 4] / 1.0, space=space)
    assert len(found) == len(np.unique(found, axis=0)) == 18
