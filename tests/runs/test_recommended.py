from __future__ import annotations

from dataclasses import replace

import pytest

from budgetnas.runs.recommended import recommendation, recommended
from budgetnas.runs.settings import ALL_DONE
from budgetnas.trials.facts import RunFacts

SCORES = [0.5 + i / 100 for i in range(12)]


@pytest.fixture
def trusting(make):
    """Make a search and return it as its result is, with posterior means of ours."""

    def result(means, *, full=None, scores=SCORES, is_finished=True, **changes):
        made = make(**changes)
        made.trained(scores)
        if full is not None:
            made.promoted(full)
        if is_finished:
            made.ladder.fulls.record(RunFacts(stopped=ALL_DONE))
        found = made.result()
        return replace(found, trusted={i: means.get(i, score - 0.01) for i, score in enumerate(scores)})

    return result


def test_what_scored_highest_and_was_not_promoted_is_explained_with_both_numbers(trusting):
    scores = [*SCORES, 0.4]
    result = trusting({12: 0.45, 11: 0.99}, full=lambda one: 0.9, scores=scores)
    luckiest = replace(result.trials[12], score=0.95)
    trials = [*result.trials[:12], luckiest]
    result = replace(result, levels={**result.levels, "r3": trials})
    told = recommendation(result)
    assert told.endswith(
        f". Trial 12, {luckiest.candidate.spec.id}, scored highest, 95.00 %, but its posterior mean, 45.00 %, is "
        "number 13 of 13; it was not promoted: the posterior mean decides, which discounts luck"
    )
    assert told.startswith(f"trial 11, {trials[11].candidate.spec.id}, has the highest posterior mean, 99.00 % (scored")


def test_the_trusted_network_is_told_apart_from_the_winner(trusting):
    result = trusting({}, full=lambda one: 1 - one.parent / 100)
    winner, second = (result.finalists[place].parent for place in (0, 1))
    assert (winner, second) == (10, 11)
    assert recommendation(result) == (
        f"trial 11, {result.trials[11].candidate.spec.id}, has the highest posterior mean, 60.00 %, and scored "
        "highest, 61.00 %; after full training it is number 2 of 2, 89.00 %: the winner, trial 10, has 90.00 %"
    )


def test_the_trusted_network_may_be_the_winner(trusting):
    told = recommendation(trusting({}, full=lambda one: one.parent / 100))
    assert told.endswith("; after full training it is the winner")


def test_what_went_up_a_rung_and_no_further_is_explained_after_that_rung(trusting):
    result = trusting({11: 0.7}, full=lambda one: 0.9 - one.parent / 100, proxy__rungs=[1, 3])
    best = [one.parent for one in result.finalists]
    left = next(trial.root for trial in result.levels["r3"] if trial.root not in best)
    told = recommendation(replace(result, trusted={**result.trusted, left: 0.99}))
    assert f"trial {left}, {result.trials[left].candidate.spec.id}, has the highest posterior mean, 99.00 %" in told
    assert "; it went up to 3 epochs and no further: the posterior mean after those decides" in told


def test_who_ties_with_the_winner_is_not_said_to_lose(trusting):
    told = recommendation(trusting({}, full=lambda one: 0.8))
    assert "after full training it ties with the winner, trial 10, at 80.00 %" in told


def test_several_that_scored_highest_are_counted(trusting):
    result = trusting({}, scores=[0.5, 0.6, 0.7, 0.7, 0.7, 0.6, 0.5])
    assert "scored highest, 70.00 % (2 others scored as much)" in recommendation(result)


def test_before_promotion_is_decided_nobody_is_said_to_be_left_out(trusting):
    told = recommendation(trusting({3: 0.9}, is_finished=False))
    assert "promoted" not in told
    assert "full training" not in told


def test_a_promoted_network_whose_full_training_failed_is_not_said_to_be_left_out(trusting):
    told = recommendation(trusting({}, full=lambda one: None if one.parent == 11 else 0.8))
    assert told.endswith("61.00 %; its full training failed")


def test_one_whose_training_of_a_higher_rung_failed_is_not_said_to_be_left_out(trusting):
    fails = lambda one: None if one.parent == 11 else 0.8  # noqa: E731
    told = recommendation(trusting({}, full=fails, proxy__rungs=[1, 3]))
    assert told.endswith("61.00 %; its training of 3 epochs failed")


def test_of_a_trial_that_came_after_the_decision_nothing_is_said(trusting):
    result = trusting({}, full=lambda one: 0.8, is_finished=False)
    later = replace(result.trials[0], number=12, score=0.9)
    levels = {**result.levels, "r3": [*result.trials, later]}
    told = recommendation(replace(result, levels=levels, trusted={**result.trusted, 12: 0.9}))
    assert told.endswith("has the highest posterior mean, 90.00 %, and scored highest, 90.00 %")


def test_few_short_trainings_have_no_posterior_mean(make):
    made = make()
    made.trained([0.5, 0.7, 0.6])
    told = recommendation(made.result())
    assert told.endswith("scored highest, 70.00 %; no posterior mean: that takes 6 short trainings")
    assert [trial.number for trial in recommended(made.result())] == [1, 1]


def test_before_any_training_there_is_none(make):
    made = make()
    assert recommendation(made.result()) == "none yet"
    assert recommended(made.result()) is None
