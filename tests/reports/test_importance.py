from __future__ import annotations

import logging
import warnings
from dataclasses import replace

import numpy as np
import optuna
import pytest

from budgetnas.arch.spec import ResNetSpec
from budgetnas.reports.facts import complete
from budgetnas.reports.importance import FEWEST, importance_figure, importances, reservations
from budgetnas.trials.trial import Candidate, Trial, TrialState


@pytest.fixture
def by_width(facts):
    """60 trials of one stage whose score is their width, whatever their blocks are."""
    rng = np.random.default_rng(0)
    trials = []
    for trial in complete(facts):
        spec = ResNetSpec(blocks=(int(rng.integers(1, 9)),), widths=(int(rng.integers(16, 513)),))
        candidate = replace(trial.candidate, spec=spec)
        trials.append(replace(trial, candidate=candidate, score=spec.widths[0] / 1_000))
    return trials


def test_the_one_dimension_that_decides_has_most_of_the_importance(by_width):
    found = importances(by_width)
    assert list(found) == ["width 1", "blocks 1"]
    assert found["width 1"] > 0.8
    assert sum(found.values()) == pytest.approx(1)


def test_dimensions_of_absent_stages_are_there(facts):
    found = importances(complete(facts))
    assert {"stages", "blocks 1", "blocks 4", "width 1", "width 4"} <= set(found)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    figure = importance_figure(found)
    assert list(figure.data[0].y) == list(reversed(found))


def trials_of(stages, seed=0):
    """Trials of so many stages each: a fourth stage is worth thirty points whatever its width, width 1 the rest."""
    rng = np.random.default_rng(seed)
    trials = []
    for number, depth in enumerate(stages):
        widths = tuple(int(width) * 8 for width in np.sort(rng.integers(2, 65, depth)))
        spec = ResNetSpec(blocks=tuple(int(n) for n in rng.integers(1, 9, depth)), widths=widths)
        score = widths[0] / 1_000 + 0.3 * (depth == 4) + float(rng.normal(0, 0.001))
        candidate = Candidate(spec=spec, params=1, macs=1, origin="random")
        trials.append(Trial(number=number, candidate=candidate, state=TrialState.COMPLETE, score=score))
    return trials


@pytest.mark.parametrize(("deep", "counts"), [(1, False), (FEWEST - 1, False), (FEWEST, True), (60, True)])
def test_a_stage_that_fewer_than_ten_networks_have_is_left_out_and_the_page_says_so(deep, counts):
    trials = trials_of([4] * deep + [2, 3] * ((100 - deep) // 2))
    found = importances(trials)
    assert {"stages", "blocks 3", "width 3"} <= set(found)
    assert {"blocks 4" in found, "width 4" in found} == {counts}
    assert sum(found.values()) == pytest.approx(1)
    told = "Left out: blocks 4, width 4 (fewer than 10 networks have such a stage)."
    assert (told in reservations(trials)) is not counts


def test_whether_a_stage_is_there_is_the_importance_of_stages_and_not_of_its_width():
    found = importances(trials_of([4] * 30 + [1] * 70))
    assert found["stages"] > 5 * max(found["width 4"], found["blocks 4"])


def test_one_network_that_lacks_a_stage_does_not_stop_the_estimate():
    trials = trials_of([4] * 99 + [3])
    assert "width 4" in importances(trials)
    assert reservations(trials) == ""


def test_what_is_the_same_in_all_that_have_it_is_left_out():
    trials = [
        replace(one, candidate=replace(one.candidate, spec=replace(one.candidate.spec, blocks=(2,) * 3)))
        for one in trials_of([3] * 60)
    ]
    assert set(importances(trials)) == {"width 1", "width 2", "width 3"}
    assert reservations(trials) == (
        "Left out: stages, blocks 1, blocks 2, blocks 3 (the same in all networks that have it)."
    )


def test_one_dimension_alone_has_no_share(by_width):
    trials = [replace(t, candidate=replace(t.candidate, spec=replace(t.candidate.spec, blocks=(1,)))) for t in by_width]
    assert importances(trials) == "Not estimated: only width 1 differs among 10 networks or more."
    few = [replace(trial, candidate=trials[i % 3].candidate) for i, trial in enumerate(trials)]
    assert importances(few) == "Not estimated: no dimension differs among 10 networks or more."


def test_few_networks_give_a_hint_and_no_more():
    assert reservations(trials_of([3] * 20)) == (
        "Left out: stages (the same in all networks that have it). With fewer than 50 trials it is only a hint."
    )
    told = "From fewer than 50 networks, so only a hint: blocks 4, width 4."
    assert reservations(trials_of([4] * 20 + [3] * 60)) == told


def test_with_too_little_to_go_by_a_sentence_says_why(by_width):
    assert importances(by_width[: FEWEST - 1]) == (
        "Not estimated: this needs 10 finished short trainings or more, and there are 9."
    )
    assert "same score" in importances([replace(trial, score=0.5) for trial in by_width])
    assert "all networks trained are the same" in importances(
        [replace(trial, candidate=by_width[0].candidate) for trial in by_width]
    )


@pytest.mark.parametrize("refusal", [UserWarning, ValueError, RuntimeError])
def test_what_optuna_refuses_is_told_in_its_words(by_width, monkeypatch, refusal):
    def refuse(*args, **keywords):
        if refusal is UserWarning:
            warnings.warn("it cannot be.", stacklevel=1)
            return {"width_1": 1.0}
        raise refusal("it cannot be.")

    monkeypatch.setattr("optuna.importance.get_param_importances", refuse)
    assert importances(by_width) == "Not estimated: Optuna says that it cannot be."


def test_nobody_hears_of_the_study(by_width, caplog, capfd):
    optuna.logging.set_verbosity(optuna.logging.INFO)
    optuna.logging.enable_propagation()
    try:
        with caplog.at_level(logging.INFO):
            importances(by_width)
        assert not caplog.records
        assert optuna.logging.get_verbosity() == optuna.logging.INFO
    finally:
        optuna.logging.disable_propagation()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
    assert capfd.readouterr().err == ""
