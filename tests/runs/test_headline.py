from __future__ import annotations

from dataclasses import replace

import pytest
from markupsafe import escape

from budgetnas.evidence.accuracy import BRACKETS
from budgetnas.reports.board import note
from budgetnas.reports.page import report_page
from budgetnas.runs.caps import tiers_table, under_caps
from budgetnas.runs.files import write_reports
from budgetnas.runs.headline import (
    chance_warning,
    headline,
    level_warnings,
    recommendation,
    recommended,
    remarks,
)
from budgetnas.runs.networks import best_in_full
from budgetnas.runs.report_facts import report_facts
from budgetnas.runs.settings import ALL_DONE
from budgetnas.runs.summary import as_json, tables
from budgetnas.text import MOST
from budgetnas.trials.facts import RunFacts

IMAGES = 287  # of the validation split of digits
RIGHT = {0: 283, 1: 283, 2: 280, 3: 283, 4: 283}
SCORES = [0.5 + i / 100 for i in range(12)]


@pytest.fixture
def tying(make):
    """Make a search of which four of five finalists have 283 of 287 right."""
    found = make(full__promote=5)
    found.trained([0.5 + i / 100 for i in range(5)])
    found.promoted(lambda one: RIGHT[one.parent] / IMAGES)
    found.tested()
    return found


def test_a_tie_is_told_wherever_the_result_is(tying):
    result = tying.result()
    told = "4 of 5 networks tie at 98.61 % on validation, 283 of 287 right; the smallest was taken."
    smallest = min((one for one in result.finalists if one.parent != 2), key=lambda one: one.candidate.params)
    assert result.winner == smallest
    assert remarks(result)[0] == told
    facts = report_facts(result)
    assert told in report_page(facts)
    assert "4 of 5 networks tie at" in note(facts)
    assert as_json(result)["tied"] == [one.parent for one in result.finalists[:4]]
    cap = max(one.candidate.params for one in result.finalists)
    assert f"{cap:,}: {told}" in tiers_table(result, under_caps(result, [cap])).notes


def test_what_no_other_reaches_is_no_tie(make):
    made = make(full__promote=3)
    made.trained([0.5, 0.6, 0.7])
    made.promoted(lambda one: (280 + one.parent) / IMAGES)
    result = made.result()
    assert not any("tie" in remark.split() for remark in remarks(result))
    assert as_json(result)["tied"] == [2]


def test_over_seeds_a_tie_is_one_of_all_images_that_are_right(make):
    made = make(full__promote=2, full__repeats=2, full__finals="equal")
    made.trained([0.5, 0.6])
    made.promoted(lambda one: {(0, 0): 280, (0, 1): 284, (1, 0): 281, (1, 1): 283}[one.parent, one.repeat] / IMAGES)
    told = "2 of 2 networks tie at 98.26 % on validation, 564 of 574 right over 2 seeds each; the smallest was taken."
    assert remarks(made.result())[0] == told


def test_accuracies_have_intervals_and_the_chosen_one_is_said_to_flatter(tying):
    result = tying.result()
    told = headline(result)
    assert "validation 98.61 % [96.5, 99.5], test 98.60 % [97.7, 99.2] on digits over 1 training seed (7)." in told
    assert remarks(result)[1:] == [
        "Its validation accuracy is the highest of 5, so luck flatters it. Its test accuracy was read after the "
        "choice, so it is not flattered, but another seed may score lower.",
        BRACKETS,
    ]
    row = tables(result)["finalists"].rows[0]
    assert row[-2:] == ("98.61 [96.5, 99.5]", "98.60 [97.7, 99.2]")


def test_of_one_finalist_nothing_was_chosen(make):
    made = make(full__promote=1)
    made.trained([0.5, 0.6])
    made.promoted()
    assert remarks(made.result()) == [BRACKETS]
    assert "not tested yet" in headline(made.result())
    assert as_json(made.result())["winner"]["test_interval"] is None


def test_before_any_full_training_nothing_stands_beside_the_headline(make):
    made = make()
    made.trained([0.5])
    assert remarks(made.result()) == []
    assert as_json(made.result())["tied"] == []


@pytest.fixture
def controlled(make):
    """Make a search whose winner scores 283 of 287, and 278 and 281 with fresh seeds."""
    found = make(full__promote=3, full__repeats=2, evidence__controls=True, full__finals="equal")
    found.trained([0.5, 0.6, 0.7])
    found.promoted(lambda one: (281 + one.parent) / IMAGES)
    found.controlled(lambda one: (278 + 3 * one.repeat) / IMAGES)
    found.tested()
    return found


def test_with_controls_the_fresh_seeds_speak_for_the_winner_everywhere(controlled):
    result = controlled.result()
    accuracies = "validation 97.39 +- 0.74 % [94.8, 98.7], test 97.40 +- 0.71 % [96.2, 98.2]"
    assert f"{accuracies} on digits over 2 training seeds (7, 7) that no choice has seen." in headline(result)
    assert remarks(result)[0] == (
        "It was chosen by 98.61 +- 0.00 % [96.5, 99.5] on validation over 2 seeds, the highest of 3, so luck "
        "flatters it; best/ holds one of these trainings, with 98.60 +- 0.00 % [97.7, 99.2] on test over 2 seeds."
    )
    content = as_json(result)
    assert content["fresh"]["score"] == pytest.approx(279.5 / IMAGES)
    assert content["fresh"]["test_accuracy"] == pytest.approx(0.974)
    assert content["winner"]["score"] == pytest.approx(283 / IMAGES)
    cap = result.setup.cap
    assert any("2 fresh seeds, which no choice has seen: validation 97.39" in one
               for one in tiers_table(result, under_caps(result, [cap])).notes)  # fmt: skip
    listed = best_in_full(
        controlled.ladder.fulls.trials, controlled.ladder.controls.store.trials, result.facts, images=IMAGES
    )
    assert listed["score"] == pytest.approx(279.5 / IMAGES)
    assert listed["score_of"] == "validation after full training of 2 fresh seeds"


def test_fresh_seeds_of_another_winner_do_not_speak_for_this_one(controlled):
    lost = controlled.ladder.controls.store.trials[0].candidate
    assert lost.spec == controlled.result().winner.candidate.spec
    runs = [trial for trial in controlled.ladder.fulls.trials if trial.candidate.spec != lost.spec]
    controls = controlled.ladder.controls.store.trials
    found = best_in_full(runs, controls, controlled.result().facts, images=IMAGES)
    assert found["score_of"] == "validation after full training"


def test_the_trainings_at_chance_are_named_with_their_scores_and_what_chance_is():
    scores = [("1x8 #0", 0.10), ("1x8 #1", 0.976), ("1x16 #0", 0.12)]
    assert chance_warning(scores, what="trainings", split="validation", images=287, chance=29 / 287) == (
        "2 of 3 trainings ended at chance, or no further above it than luck allows (one class for all 287 "
        "validation images gets 10.10 %): 1x8 #0 (10.00 %), 1x16 #0 (12.00 %). Likely causes: too few steps for the "
        "recipe, a learning rate that is too high, or labels that do not match the images."
    )
    assert chance_warning(scores[1:2], what="trainings", split="test", images=287, chance=0.1) is None
    assert chance_warning([], what="trainings", split="test", images=287, chance=0.1) is None
    many = [(str(i), 0.1) for i in range(MOST + 3)]
    assert ", 9 (10.00 %) and 3 more. " in chance_warning(many, what="x", split="test", images=50, chance=0.1)


def test_one_answer_for_all_images_is_chance_however_often_it_is_right():
    word = {"what": "trainings", "split": "validation", "images": 200}
    assert chance_warning([("a", 0.9)], chance=0.9, **word)
    assert chance_warning([("a", 0.9)], chance=0.5, **word) is None


def test_a_search_says_on_every_way_which_of_its_trainings_ended_at_chance(make):
    made = make()
    made.trained([0.1, 0.9, 0.8])
    made.promoted(lambda one: 0.11)
    made.tested()
    result = made.result()
    short, full = as_json(result)["warnings"]
    assert short.startswith("1 of 3 short trainings of 3 epochs ended at chance, or no further above it than")
    assert f" %): {made.ladder.first.trials[0].candidate.spec.id} (10.00 %). " in short
    assert full.startswith("2 of 2 full trainings ended at chance")
    assert " #0 (11.00 %), " in full
    page, told = write_reports(result).read_text(), note(report_facts(result))
    for warning in (short, full):
        assert f"<p>Warning: {escape(warning)}</p>" in page
        assert warning.split(" ended")[0] in told


def test_a_run_that_recorded_no_class_counts_is_judged_by_its_number_of_classes(make):
    made = make()
    made.trained([0.1, 0.9])
    data = replace(made.result().setup.data, chance=None)
    (warning,) = level_warnings({"r3": made.ladder.first.trials}, data)
    assert "validation images gets 10.00 %): " in warning


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
    between = recommendation(replace(result, facts=replace(result.facts, early={"8": (0,)})))
    assert between.endswith("it was not promoted: the posterior mean after full training decides, which discounts luck")


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
    assert "; it was promoted to 3 epochs and no further: the posterior mean after those decides" in told


def test_who_ties_with_the_winner_is_not_said_to_lose(trusting):
    told = recommendation(trusting({}, full=lambda one: 0.8))
    assert "after full training it ties with the winner, trial 10, at 80.00 %" in told


def test_several_that_scored_highest_are_counted(trusting):
    result = trusting({}, scores=[0.5, 0.6, 0.7, 0.7, 0.7, 0.6, 0.5])
    assert "scored highest, 70.00 % (as did 2 others)" in recommendation(result)


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
    assert told.endswith("scored highest, 70.00 %; no posterior mean, which needs 6 short trainings")
    assert [trial.number for trial in recommended(made.result())] == [1, 1]


def test_before_any_training_there_is_none(make):
    made = make()
    assert recommendation(made.result()) == "none yet"
    assert recommended(made.result()) is None


def test_networks_that_short_trainings_cannot_tell_apart_are_said_to_be_such(make):
    made = make(full__promote=3)
    made.trained(SCORES)
    made.promoted()
    promotions = made.ladder.fulls.facts.promotions
    for spread, is_told in ((0.4, True), (1.0, False), (None, False)):  # None: an older run
        found = {key: replace(one, spread=spread) for key, one in promotions.items()}
        made.ladder.fulls.record(RunFacts(promotions=found))
        told = [remark for remark in remarks(made.result()) if "cannot be told apart" in remark]
        assert len(told) == is_told
        for remark in told:
            assert remark.startswith("The 3 networks that were promoted for their scores cannot be told apart by their")
            assert "spread 0.40 times as much as the luck of one" in remark
            assert escape(remark) in report_page(report_facts(made.result()))
