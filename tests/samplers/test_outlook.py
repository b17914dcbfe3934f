from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from spaces import BAND, DEFAULT, by_macs

from budgetnas.arch.spec import DataShape
from budgetnas.samplers.history import History
from budgetnas.samplers.joint_thompson import JointThompsonSampler
from budgetnas.samplers.outlook import AT_ONCE, early_quota, information
from budgetnas.space.band import make_index
from budgetnas.space.resnet import ResNetSpace
from budgetnas.trials.counted_cost import PER_PARAMETER

POINTS = BAND.draw(30, rng=np.random.default_rng(0)).points
NOISE = 0.004 * np.random.default_rng(1).standard_normal(len(POINTS))


def history_of(points=POINTS, full=None):
    longer = np.full(len(points), np.nan)
    for number, score in (full or {}).items():
        longer[number] = score
    scores = by_macs(points) + NOISE[: len(points)]
    return History(
        number=len(points), points=points, scores=scores, pruned=np.zeros(len(points), bool), longer=(longer,)
    )


def looked(seed=0, **changes):
    found = JointThompsonSampler(DEFAULT, BAND, seed=seed, prior=None).outlook(history_of(**changes))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def outlook():
    return looked()[0]


def worth(outlook, price, may_be=None):
    may_be = np.ones(len(outlook.trained), dtype=bool) if may_be is None else may_be
    return outlook.worth_full(may_be, price=price, rng=np.random.default_rng(0)).tolist()


def chance(outlook, gain):
    return outlook.chance(gain, np.random.default_rng(0))


def drawn_information(room, correlation, number=2_000_000):
    """Compute the same from draws of a network's score and its observation, by the entropies of histograms."""
    score, luck = np.random.default_rng(0).standard_normal((2, number))
    seen = correlation * score + np.sqrt(1 - correlation**2) * luck
    edges = np.linspace(-6, 6, 121)
    every, below = (np.histogram(values, edges)[0] / len(values) for values in (seen, seen[score <= room]))
    has = below > 0
    return float((below[has] * np.log(below[has] / every[has])).sum())


@pytest.mark.parametrize(("room", "correlation"), [(0.0, 0.5), (0.0, 0.9), (1.0, 0.7), (-1.0, 0.8), (0.5, -0.6)])
def test_information_is_that_of_a_truncated_score_s_observation(room, correlation):
    (found,) = information(np.array([[room]]), np.array([correlation]))
    assert found == pytest.approx(drawn_information(room, correlation), rel=0.03, abs=1e-3)


def test_a_full_look_at_a_score_tells_the_entropy_that_its_truncation_takes():
    """At correlation 1 it is -log P(score <= room), exactly."""
    (found,) = information(np.array([[0.0, 1.0]]), np.array([1.0]))
    assert found == pytest.approx((np.log(2) - np.log(0.8413447)) / 2, rel=0.06)  # a step on a grid of 0.1


def test_more_correlation_tells_more_and_none_nothing():
    values = information(np.zeros((5, 3)), np.array([0.0, 0.3, 0.6, 0.9, 0.99]))
    assert values[0] == pytest.approx(0, abs=1e-6)
    assert (np.diff(values) > 0.01).all()
    assert information(np.zeros((1, 1)), np.array([-0.6])) == pytest.approx(values[2:3])


def test_a_network_far_below_the_best_tells_next_to_nothing():
    near, far = information(np.array([[0.5], [5.0]]), np.array([0.9, 0.9]))
    assert far < 1e-4 < 0.1 < near


def test_information_is_the_mean_over_draws_of_the_highest_score():
    rooms, correlation = np.array([[0.1, 0.9, 2.0]]), np.array([0.8])
    alone = [information(rooms[:, i : i + 1], correlation)[0] for i in range(3)]
    assert information(rooms, correlation)[0] == pytest.approx(np.mean(alone))


def test_full_trainings_pay_where_short_ones_cost_as_much_and_not_where_these_are_nearly_free(outlook):
    assert worth(outlook, 1e-4) == []
    dear = worth(outlook, 1.0)
    assert 0 < len(dear) <= AT_ONCE == 3
    assert len(set(dear)) == len(dear)
    assert len(worth(outlook, 1e6)) == AT_ONCE, "never more at once, whatever a short training costs"
    assert dear == worth(outlook, 1e6)[: len(dear)], "the most telling first"


def test_only_those_that_are_asked_about_are_trained(outlook):
    favourites, may_be = worth(outlook, 1e6), np.ones(len(outlook.trained), dtype=bool)
    may_be[favourites] = False
    others = worth(outlook, 1e6, may_be)
    assert len(others) == AT_ONCE
    assert not set(others) & set(favourites)
    assert worth(outlook, 1e6, np.zeros_like(may_be)) == []


def test_where_no_new_network_is_left_nothing_is_compared(outlook):
    none = replace(outlook, new=outlook.new.take(np.zeros(0, dtype=np.int64)), new_work=np.zeros(0))
    assert worth(none, 1e6) == []
    assert chance(none, 0.0) == 0


def test_a_costlier_network_is_less_worth_it(outlook):
    favourite, *_ = worth(outlook, 1e6)
    dearer = outlook.trained_work.copy()
    dearer[favourite] *= 1e6
    assert favourite not in worth(replace(outlook, trained_work=dearer), 1e6)


def test_the_chance_of_a_gain_falls_with_the_gain(outlook):
    gains = [-1.0, 0.0, 0.005, 0.02, 1.0]
    found = [chance(outlook, gain) for gain in gains]
    assert found == sorted(found, reverse=True)
    assert found[0] == 1
    assert found[-1] == 0
    assert 0 < found[2] < found[1]


def test_new_networks_that_are_clearly_better_have_every_chance(outlook):
    """Among all of a band, after trainings of its thirty worst: more MACs help, and these have fewest."""
    members = BAND.draw(600, rng=np.random.default_rng(2))
    poorest = members.points[np.argsort(by_macs(members.points))[:30]]
    assert chance(looked(points=poorest)[0], 0.002) > 0.9
    best = members.points[np.argsort(-by_macs(members.points))[:30]]
    assert chance(looked(points=best)[0], 0.002) < chance(outlook, 0.002)


def test_a_gain_is_measured_in_the_accuracy_of_full_trainings(outlook):
    """Full scores that spread four times as much as the short ones: the same gain is four times as small."""
    full = {number: 0.1 + 4 * (score - 0.5) for number, score in enumerate(by_macs(POINTS)[:12])}
    wide = looked(full=full)[0]
    assert wide.unit > 2 * outlook.unit
    assert chance(wide, 0.02) > chance(outlook, 0.02)


def test_a_network_whose_full_training_is_known_tells_little_more():
    favourites = worth(looked()[0], 1e6)
    outlook, places = looked(full={number: by_macs(POINTS)[number] for number in range(len(POINTS))})
    known = worth(outlook, 0.1)
    assert len(known) < len(favourites) == AT_ONCE
    assert sorted(places.tolist()) == list(range(len(POINTS)))


def test_places_are_those_of_trained_networks_and_failed_ones_are_none():
    history = history_of()
    scores = history.scores.copy()
    scores[[2, 17]] = np.nan
    found = JointThompsonSampler(DEFAULT, BAND, seed=0, prior=None).outlook(replace(history, scores=scores))
    assert found is not None
    outlook, places = found
    assert sorted(places.tolist()) == [i for i in range(len(POINTS)) if i not in (2, 17)]
    params, macs = DEFAULT.params(POINTS[places]), DEFAULT.macs(POINTS[places])
    assert outlook.trained_work == pytest.approx(macs + PER_PARAMETER * params)


def test_there_is_no_outlook_during_the_start_nor_of_an_exhausted_band():
    sampler = JointThompsonSampler(DEFAULT, BAND, seed=0, prior=None)
    assert sampler.outlook(history_of(POINTS[:7])) is None
    assert sampler.outlook(replace(history_of(POINTS[:12]), seeded=5)) is None
    assert sampler.outlook(history_of(POINTS[:12])) is not None
    small = ResNetSpace(stages=(1, 1), blocks=(1, 3), widths=(16, 64), shape=DataShape(height=8, width=8))
    band = make_index(small, max_macs=None).band(0, 10**9)
    everything = JointThompsonSampler(small, band, seed=0, prior=None)
    assert everything.outlook(history_of(band.members().points)) is None
    assert everything.outlook(history_of(band.members().points[:-1])) is not None


def test_flat_scores_are_no_error():
    """As of trainings that have learned nothing yet."""
    flat = replace(history_of(), scores=np.full(len(POINTS), 0.1))
    found = JointThompsonSampler(DEFAULT, BAND, seed=0, prior=None).outlook(flat)
    assert found is not None
    assert len(worth(found[0], 1.0)) <= AT_ONCE
    assert chance(found[0], 0.01) == 1, "nothing is known, so nothing is hopeless"


def test_the_same_history_and_seed_give_the_same_outlook(outlook):
    again, places = looked()
    assert (places == looked()[1]).all()
    assert worth(again, 1.0) == worth(outlook, 1.0)
    assert chance(again, 0.005) == chance(outlook, 0.005)
    used = JointThompsonSampler(DEFAULT, BAND, seed=0, prior=None)
    used.propose(history_of(POINTS[:20]))
    used.outlook(history_of(POINTS[:25]))
    later = used.outlook(history_of())
    assert later is not None
    assert (later[1] == places).all()
    assert worth(later[0], 1.0) == worth(outlook, 1.0)


def test_full_trainings_keep_in_step_and_two_are_left_for_the_end():
    assert [early_quota(short, 40, 5) for short in (0, 13, 14, 26, 27, 39, 40, 41)] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [early_quota(40, 40, networks) for networks in (1, 2, 3)] == [0, 0, 1]
