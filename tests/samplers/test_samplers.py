from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from spaces import BAND, DEFAULT, Cells, by_macs, search

from budgetnas.arch.spec import DataShape
from budgetnas.config.models import paper_models
from budgetnas.samplers.history import History
from budgetnas.samplers.rules import Rule
from budgetnas.samplers.samplers import TieredSampler, make_sampler
from budgetnas.space.band import choose_band, make_index
from budgetnas.space.protocol import is_member, on_grid
from budgetnas.space.resnet import ResNetSpace

WIDE = ResNetSpace(
    stages=(1, 3), blocks=(1, 2), widths=(8, 32), kinds=("basic", "bottleneck", "inverted"), groups=(1, "mid/4"),
    downsampling=("all", "all_but_one"), necks=("none", 32), kernels=(3, 5), shape=DataShape(height=8, width=8),
)  # fmt: skip
WIDE_BAND = choose_band(make_index(WIDE, max_macs=None), 20_000, min_utilisation=0.5, wanted=1_000)


def by_depth_of_bottlenecks(points):
    return 0.5 + 0.1 * np.array([WIDE.decode(point).kind == "bottleneck" for point in points]) + points[:, 1] / 100


NAMES = ("thompson", "evolution", "random", "tpe")


@cache
def near_5M(space):  # noqa: N802
    return choose_band(make_index(space, max_macs=None), 5_000_000, min_utilisation=0.8, wanted=1_000)


def distinct(points):
    return len(np.unique(points, axis=0))


@pytest.mark.parametrize("name", NAMES)
def test_proposals_fit_and_never_repeat_and_the_seed_decides(name):
    first = search(make_sampler(name, DEFAULT, BAND, seed=1), 25, by_macs)
    assert distinct(first) == 25
    assert is_member(DEFAULT, first).all()
    params, macs = DEFAULT.params(first), DEFAULT.macs(first)
    assert ((params >= BAND.low) & (params <= BAND.high) & (macs <= BAND.budget.max_macs)).all()
    assert (search(make_sampler(name, DEFAULT, BAND, seed=1), 25, by_macs) == first).all()
    assert (search(make_sampler(name, DEFAULT, BAND, seed=2), 5, by_macs) != first[:5]).any()


@pytest.mark.parametrize("name", NAMES)
def test_a_proposal_depends_on_the_history_alone(name):
    whole = search(make_sampler(name, DEFAULT, BAND, seed=3), 24, by_macs, fails=lambda i: i % 7 == 5)
    for begun in (9, 17, 23):
        again = search(
            make_sampler(name, DEFAULT, BAND, seed=3), 24, by_macs, fails=lambda i: i % 7 == 5, points=whole[:begun]
        )
        assert (again == whole).all()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_remembered_of_another_study(name):
    """Equal scores of other points, and trials that were pruned since, are another history."""
    points = BAND.draw(40, rng=np.random.default_rng(4)).points
    scores = np.linspace(0.5, 0.6, 12)
    none, one = np.zeros(20, dtype=bool), np.arange(20) == 15
    views = [
        History(number=20, points=those[:20], scores=np.r_[scores, np.full(8, np.nan)], pruned=pruned)
        for those, pruned in ((points, none), (points[20:], none), (points, one))
    ]
    sampler = make_sampler(name, DEFAULT, BAND, seed=4)
    used = [sampler.propose(view).tolist() for view in views]
    assert used == [make_sampler(name, DEFAULT, BAND, seed=4).propose(view).tolist() for view in views]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "space",
    [
        ResNetSpace(),
        ResNetSpace(stages=(1, 3)),
        ResNetSpace(blocks=(1, 3), widths=(16, 384)),
        ResNetSpace(shape=DataShape(channels=1, height=8, width=8)),
    ],
)
def test_seeded_models_outside_the_space_lead_to_nothing_outside(name, space):
    seeds = np.array([space.encode(model.spec) for model in paper_models() if model.seeded])
    sampler, points = make_sampler(name, space, near_5M(space), seed=0), list(seeds)
    score = lambda p: 0.9 - 0.01 * np.abs(space.features(p) - space.features(seeds[3:4])).sum(axis=1)  # noqa: E731
    while len(points) < 22:
        known = np.array(points)
        view = History(
            number=len(points), points=known, scores=score(known), pruned=np.zeros(len(points), dtype=bool), seeded=5
        )
        points.append(sampler.propose(view))
    proposed = np.array(points[5:])
    assert (on_grid(space, proposed) & is_member(space, proposed)).all()
    assert (space.params(proposed) <= 5_000_000).all()


@settings(max_examples=12)
@given(st.sampled_from(NAMES), st.integers(0, 2**31 - 1), st.integers(70, 9_000), st.integers(0, 2))
@example(name="thompson", seed=0, cap=7_709, least=2)  # nothing is in that band
def test_a_small_space_is_proposed_whole_and_then_ends(name, seed, cap, least):
    space = ResNetSpace(stages=(1, 2), blocks=(1, 2), widths=(2, 8), width_step=3)
    index = make_index(space, max_macs=None)
    smallest = index.smallest()
    band = (
        index.band(least * cap // 3, max(cap, smallest.params)) if least else index.band(0, max(cap, smallest.params))
    )
    score = lambda points: np.random.default_rng(seed).random(len(points))  # noqa: E731
    found = search(make_sampler(name, space, band, seed=seed), len(band) + 5, score, space=space)
    assert len(found) == len(band)
    assert {tuple(p) for p in found.tolist()} == {tuple(p) for p in band.members().points.tolist()}


@settings(max_examples=20)
@given(st.sampled_from(NAMES), st.integers(0, 2**31 - 1), st.integers(64, 200_000))
def test_categories_fit_and_never_repeat_under_any_cap(name, seed, cap):
    space = Cells()
    index = make_index(space, max_macs=None)
    largest = index.largest(cap)
    band = index.band(round(0.8 * largest.params), largest.params)
    score = lambda points: 0.5 + 0.1 * (points[:, 0] == 3) + points[:, 4] / 1000  # noqa: E731
    found = search(make_sampler(name, space, band, seed=seed), min(len(band), 30), score, space=space)
    assert distinct(found) == min(len(band), 30)
    assert (space.params(found) <= cap).all()


def test_the_start_is_spread_over_stages_and_macs():
    points = search(make_sampler("thompson", DEFAULT, BAND, seed=0), 10, by_macs)
    assert set(Counter(points[:, 0].tolist())) == set(BAND.counts)
    draws = BAND.draw(2_000, rng=np.random.default_rng(0))
    for stages in BAND.counts:
        inside = np.sort(draws.macs[draws.points[:, 0] == stages])
        quartiles = np.searchsorted(inside, DEFAULT.macs(points[points[:, 0] == stages])) * 4 // (len(inside) + 1)
        assert len(set(quartiles.tolist())) == min(4, len(quartiles))  # as many as the turns allow


@pytest.mark.parametrize("name", ["thompson", "evolution"])
def test_a_search_over_several_kinds_starts_with_three_of_each_and_lets_none_crowd_the_others(name):
    points = search(make_sampler(name, WIDE, WIDE_BAND, seed=0), 30, by_depth_of_bottlenecks, space=WIDE)
    kinds = [WIDE.kind_of(stratum) for stratum in WIDE.strata(points).tolist()]
    assert len(set(kinds)) == 4
    assert all(number == 3 for number in Counter(kinds[:12]).values())
    assert len(set(WIDE.strata(points[:12]).tolist())) > 8
    if name == "thompson":
        assert max(Counter(kinds).values()) <= 15


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rule", [Rule(), Rule(model="per_rung")], ids=lambda rule: rule.model)
@pytest.mark.parametrize(
    "score",
    [
        by_macs,
        lambda points: 0.9 + 0.02 * points[:, 0],
        lambda points: np.random.default_rng(0).random(len(points)),
        lambda points: 0.9 - 0.02 * np.abs(points[:, 0] - 2),
    ],
)
def test_the_first_thirty_do_not_share_one_depth_and_of_the_older_model_do_not_crowd_the_most_macs(score, rule, seed):
    points = search(make_sampler("thompson", DEFAULT, BAND, seed=seed, rule=rule), 30, score)
    assert max(Counter(points[:, 0].tolist()).values()) <= 15
    if rule.model == "per_rung":
        macs = BAND.draw(4_000, rng=np.random.default_rng(1), stratified=False).macs
        assert (DEFAULT.macs(points) > np.quantile(macs, 0.96)).sum() <= 11


@cache
def learned(name):
    """Return the mean score of proposals 20 to 39, of three seeds."""
    runs = (search(make_sampler(name, DEFAULT, BAND, seed=seed), 40, by_macs) for seed in range(3))
    return np.mean([by_macs(points[20:]).mean() for points in runs])


@pytest.mark.parametrize("name", ["thompson", "evolution", "tpe"])
def test_they_learn_where_random_does_not(name):
    assert learned(name) > learned("random") + 0.01


def test_when_every_training_fails_proposals_go_on():
    for name in NAMES:
        points = search(make_sampler(name, DEFAULT, BAND, seed=0), 14, by_macs, fails=lambda i: True)
        assert distinct(points) == 14


def test_the_plain_way_proposes_freely_over_the_budget_too():
    points = search(make_sampler("tpe", DEFAULT, BAND, seed=0, over_budget="prune"), 30, by_macs)
    assert is_member(DEFAULT, points).all()
    assert (DEFAULT.params(points) > BAND.high).sum() > 15


class Named:
    """Proposes its own number, as long as it has any left."""

    def __init__(self, number, left=10**6):
        self.number, self.left = number, left

    def propose(self, history):
        return np.array([self.number]) if (history.points[:, 0] == self.number).sum() < self.left else None


def history(points, seeded=0):
    rows = np.array(points, dtype=np.int64).reshape(-1, 1)
    unknown = np.full(len(rows), np.nan)
    return History(number=len(rows), points=rows, scores=unknown, pruned=np.zeros(len(rows), dtype=bool), seeded=seeded)


def play(sampler, number, seeded=0):
    points = [-1] * seeded
    while len(points) < number + seeded:
        point = sampler.propose(history(points, seeded))
        if point is None:
            break
        points.append(int(point[0]))
    return points[seeded:]


def test_every_round_has_every_tier_once_in_orders_that_differ():
    played = play(TieredSampler([Named(i) for i in range(3)], seed=0), 60)
    rounds = [tuple(played[i : i + 3]) for i in range(0, 60, 3)]
    assert all(sorted(one) == [0, 1, 2] for one in rounds)
    assert len(set(rounds)) > 3


def test_seeded_models_take_no_turn():
    tiers = [Named(i) for i in range(3)]
    assert play(TieredSampler(tiers, seed=0), 12) == play(TieredSampler(tiers, seed=0), 12, seeded=5)


def test_a_tier_that_ran_out_leaves_its_turns_to_the_others():
    played = play(TieredSampler([Named(0), Named(1, left=2), Named(2, left=4)], seed=1), 20)
    assert len(played) == 20
    assert played.count(1) == 2
    assert played.count(2) == 4
    assert play(TieredSampler([Named(0, left=1), Named(1, left=2)], seed=1), 20) in ([0, 1, 1], [1, 0, 1], [1, 1, 0])
