"""The line on what is tried first, made from counted networks."""

from __future__ import annotations

import pytest
from small_studies import prepared

from budgetnas.runs.summary import tried_first
from budgetnas.trials.facts import TrialFacts


def line(**changes):
    study = prepared(**{"search__paper_models": True, **changes})
    return tried_first([(seed, study.budget.reason(seed)) for seed in study.seeds])


def test_those_that_fit_are_named_and_of_the_others_by_how_much_they_are_over():
    assert line(budget__max_params="5M") == (
        "model1, model3, model4, model5 (Pei et al.); not model2, which is 137,866 parameters over the cap"
    )
    assert line(budget__max_params="6M") == "model1, model2, model3, model4, model5 (Pei et al.)"


def test_below_all_of_them_one_line_says_so():
    assert line() == "none of Pei et al.'s 5 models: the smallest, model1, is 4,842,090 parameters over the cap"
    told = line(budget__max_params="6M", space__max_macs="10M")
    assert told.startswith("none of Pei et al.'s 5 models: the smallest, model1, is ")
    assert told.endswith(" MACs over the cap")


def test_networks_that_the_study_names_stand_beside_them_or_alone():
    names = ["resnet20", "resnet110"]
    own = "not resnet110, which is 1,430,426 parameters over the cap"
    told = line(budget__max_params="300k", search__first_models=names)
    assert told.startswith("none of Pei et al.'s 5 models: ")
    assert told.endswith(f"; resnet20; {own}")
    alone = {"search__paper_models": False, "budget__max_params": "300k"}
    assert line(**alone, search__first_models=names) == f"resnet20; {own}"
    assert line(**alone, search__first_models=["model5"]).startswith("not model5, which is ")
    assert line(**alone) == ""


@pytest.mark.parametrize("cap", ["60k", "5M"])
def test_a_result_says_what_the_plan_said(make, cap):
    from budgetnas.pipeline.plan_lines import training_lines
    from budgetnas.runs.report_facts import report_facts
    from budgetnas.trials.trial import TrialState

    made = make(search__paper_models=True, budget__max_params=cap)
    for seed in made.study.seeds:
        reason = made.study.budget.reason(seed)
        facts = TrialFacts(seeded=True, reason=reason)
        made.ladder.first.add(seed, state=TrialState.PRUNED if reason else TrialState.RUNNING, facts=facts)
    planned, told = dict(training_lines(made.study)), dict(report_facts(made.result()).lines)
    assert told["tried first"] == planned["tried first"] != ""
