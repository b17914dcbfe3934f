"""Trainings that ended at chance are named: by a search on its page, in its note and in JSON."""

from __future__ import annotations

from dataclasses import replace
from html import escape

from budgetnas.reports.board import note
from budgetnas.runs.files import write_reports
from budgetnas.runs.headline import chance_warning, level_warnings
from budgetnas.runs.summary import as_json, report_facts
from budgetnas.text import MOST


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
