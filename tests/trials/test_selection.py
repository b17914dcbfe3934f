from __future__ import annotations

from itertools import combinations
from statistics import mean

import pytest

from budgetnas.arch.spec import ResNetSpec
from budgetnas.budget import Budget
from budgetnas.trials.facts import TrialFacts
from budgetnas.trials.selection import finalists, promote, tied, within
from budgetnas.trials.trial import Candidate, Trial, TrialState


def trial(number, *, params=100, score=0.5, state=TrialState.COMPLETE, **facts):
    candidate = Candidate(spec=ResNetSpec(blocks=(1,), widths=(params,)), params=params, macs=1, origin="")
    return Trial(number=number, candidate=candidate, state=state, score=score, facts=TrialFacts(**facts))


def test_the_trusted_score_decides_and_of_equals_the_smaller_network():
    trials = [trial(0, score=0.99), trial(1, params=90), trial(2, params=80), trial(3, params=101)]
    assert [t.number for t in promote(trials, [0.1, 0.7, 0.7, 0.8], 3)] == [3, 2, 1]
    assert len(promote(trials, [0.1, 0.7, 0.7, 0.8], 9)) == 4


def test_a_network_that_was_trained_twice_is_promoted_once():
    trials = [trial(0), trial(1), trial(2, params=90)]
    assert [t.number for t in promote(trials, [0.7, 0.8, 0.1], 2)] == [1, 2]


def test_finalists_are_ranked_by_their_mean_over_seeds():
    runs = [
        trial(0, score=0.90, parent=5, repeat=0),
        trial(1, score=0.95, parent=6, repeat=0),
        trial(2, score=0.96, parent=5, repeat=1),
        trial(3, score=0.80, parent=6, repeat=1),
        trial(4, state=TrialState.FAIL, score=None, parent=7, repeat=0),
    ]
    first, second = finalists(runs)
    assert (first.parent, second.parent) == (5, 6)
    assert first.score == pytest.approx(0.93)
    assert first.best_run.number == 2
    assert finalists([]) == []


def test_of_equal_finalists_the_smallest_is_first_and_of_equally_small_ones_the_earliest():
    scores = {5: (283, 120), 6: (283, 90), 7: (280, 10), 8: (283, 90)}
    runs = [
        trial(i, score=right / 287, params=params, parent=parent, repeat=0)
        for i, (parent, (right, params)) in enumerate(scores.items())
    ]
    ranked = finalists(runs)
    assert [one.parent for one in ranked] == [6, 8, 5, 7]
    assert [one.parent for one in tied(ranked)] == [6, 8, 5]
    assert tied(ranked[3:]) == ranked[3:]
    assert tied([]) == []


def test_a_tie_is_one_of_counts_whatever_the_last_bits_of_their_means_are():
    means = {}
    for counts in combinations(range(270, 287), 3):
        means.setdefault(sum(counts), {}).setdefault(mean(right / 287 for right in counts), counts)
    low, high = next((found[min(found)], found[max(found)]) for found in means.values() if len(found) > 1)
    assert sum(low) == sum(high)
    runs = [
        trial(3 * parent + i, score=right / 287, params=params, parent=parent, repeat=i)
        for parent, params, counts in ((0, 100, high), (1, 90, low))
        for i, right in enumerate(counts)
    ]
    ranked = finalists(runs)
    assert ranked[0].score < ranked[1].score
    assert [one.parent for one in ranked] == [1, 0]
    assert len(tied(ranked)) == 2


def test_only_what_is_complete_and_within_both_caps_is_chosen_among():
    trials = [trial(0), trial(1, params=101), trial(2, state=TrialState.FAIL, score=None)]
    assert [one.number for one in within(trials, Budget(max_params=100, max_macs=1))] == [0]
    assert [one.number for one in within(trials, Budget(max_params=101))] == [0, 1]
    assert within(trials, Budget(max_params=101, max_macs=0)) == []


def test_where_posterior_means_decide_networks_with_all_seeds_come_first():
    runs = [trial(number, parent=number, repeat=0, score=0.9 + number / 100) for number in range(4)]
    runs += [trial(4 + number, parent=number, repeat=1, score=0.9) for number in (0, 1)]
    ranked = finalists(runs, trusted={0: 0.92, 1: 0.91, 2: 0.93, 3: 0.99}, repeats=2)
    assert [(one.parent, one.seeds, one.trusted) for one in ranked] == [
        (0, 2, 0.92), (1, 2, 0.91), (3, 1, 0.99), (2, 1, 0.93),
    ]  # fmt: skip
    assert tied(ranked) == ranked[:1]
    same = finalists(runs, trusted=dict.fromkeys(range(4), 0.9), repeats=2)
    assert [one.parent for one in tied(same)] == [0, 1], "those with fewer seeds do not tie"


def test_more_seeds_than_a_finalist_needs_do_not_put_it_first():
    runs = [trial(i, parent=0, repeat=i, score=0.9) for i in range(3)]
    runs += [trial(3 + i, parent=1, repeat=i, score=0.9) for i in range(2)]
    assert [one.parent for one in finalists(runs, trusted={0: 0.8, 1: 0.9}, repeats=2)] == [1, 0]
