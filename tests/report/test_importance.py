from __future__ import annotations

import logging
import warnings
from dataclasses import replace

import numpy as np
import optuna
import pytest

from budgetnas.arch.spec import ResNetSpec
from budgetnas.report.importance import FEWEST, importance_figure, importances
from budgetnas.report.lineage import complete


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


def test_with_too_little_to_go_by_a_sentence_says_why(by_width):
    assert importances(by_width[: FEWEST - 1]) == (
        "Not estimated: it takes 10 finished short trainings or more, and there are 9."
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

    monkeypatch.setattr("budgetnas.report.importance.get_param_importances", refuse)
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
