from __future__ import annotations

from dataclasses import replace
from html import escape

import pytest

from budgetnas.evidence.accuracy import BRACKETS
from budgetnas.reports.board import note
from budgetnas.reports.page import report_page
from budgetnas.runs.caps import tiers_table, under_caps
from budgetnas.runs.files import write_reports
from budgetnas.runs.headline import chance_warning, headline, level_warnings, remarks
from budgetnas.runs.networks import best_in_full
from budgetnas.runs.summary import as_json, report_facts, tables
from budgetnas.text import MOST

IMAGES = 287  # of the validation split of digits
RIGHT = {0: 283, 1: 283, 2: 280, 3: 283, 4: 283}


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
    made = make(full__promote=2, full__repeats=2)
    made.trained([0.5, 0.6])
    made.promoted(lambda one: {(0, 0): 280, (0, 1): 284, (1, 0): 281, (1, 1): 283}[one.parent, one.repeat] / IMAGES)
    told = "2 of 2 networks tie at 98.26 % on validation, 564 of 574 right over 2 seeds each; the smallest was taken."
    assert remarks(made.result())[0] == told


def test_accuracies_have_intervals_and_the_chosen_one_is_said_to_flatter(tying):
    result = tying.result()
    told = headline(result)
    assert "validation 98.61 % [96.5, 99.5], test 98.60 % [97.7, 99.2] on digits over 1 training seed (7)." in told
    assert remarks(result)[1:] == [
        "Its validation accuracy was chosen as the highest of 5, so it flatters; its test accuracy, read after the "
        "choice, does not, but another seed may have less.",
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
    found = make(full__promote=3, full__repeats=2, evidence__controls=True)
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
        "It was chosen by 98.61 +- 0.00 % [96.5, 99.5] on validation over 2 seeds, the highest of 3, so it flatters; "
        "best/ holds one of these trainings, with 98.60 +- 0.00 % [97.7, 99.2] on test over 2 seeds."
    )
    content = as_json(result)
    assert content["fresh"]["score"] == pytest.approx(279.5 / IMAGES)
    assert content["fresh"]["test_accuracy"] == pytest.approx(0.974)
    assert content["winner"]["score"] == pytest.approx(283 / IMAGES)
    cap = result.setup.cap
    assert any("2 fresh seeds, which no choice has seen: validation 97.39" in one
               for one in tiers_table(result, under_caps(result, [cap])).notes)  # fmt: skip
    listed = best_in_full(
        controlled.ladder.fulls.trials, controlled.ladder.controls.store.trials, result.looks, images=IMAGES
    )
    assert listed["score"] == pytest.approx(279.5 / IMAGES)
    assert listed["score_of"] == "validation after full training of 2 fresh seeds"


def test_fresh_seeds_of_another_winner_do_not_speak_for_this_one(controlled):
    lost = controlled.ladder.controls.store.trials[0].candidate
    assert lost.spec == controlled.result().winner.candidate.spec
    runs = [trial for trial in controlled.ladder.fulls.trials if trial.candidate.spec != lost.spec]
    controls = controlled.ladder.controls.store.trials
    found = best_in_full(runs, controls, controlled.result().looks, images=IMAGES)
    assert found["score_of"] == "validation after full training"


def test_the_trainings_at_chance_are_named_with_their_scores_and_what_chance_is():
    scores = [("1x8 #0", 0.10), ("1x8 #1", 0.976), ("1x16 #0", 0.12)]
    assert chance_warning(scores, what="trainings", split="validation", images=287, chance=29 / 287) == (
        "2 of 3 trainings ended at chance, or no further above it than luck allows (10.10 %: what one class for all "
        "287 validation images gets): 1x8 #0 (10.00 %), 1x16 #0 (12.00 %). Likely causes: too few steps for the "
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
    assert f"validation images gets): {made.ladder.first.trials[0].candidate.spec.id} (10.00 %). " in short
    assert full.startswith("2 of 2 full trainings ended at chance")
    assert " #0 (11.00 %), " in full
    page, told = write_reports(result).read_text(), note(report_facts(result))
    for warning in (short, full):
        assert f'<p class="notice">Warning: {escape(warning)}</p>' in page
        assert warning.split(" ended")[0] in told


def test_a_run_that_recorded_no_class_counts_is_judged_by_its_number_of_classes(make):
    made = make()
    made.trained([0.1, 0.9])
    data = replace(made.result().setup.data, chance=None)
    (warning,) = level_warnings({"r3": made.ladder.first.trials}, data)
    assert "than luck allows (10.00 %: " in warning
