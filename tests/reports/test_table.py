from __future__ import annotations

import io
from dataclasses import replace

import pandas as pd
import pytest

from budgetnas.reports.table import trials_csv, trials_table
from budgetnas.trials.trial import TrialState


def read(facts):
    return pd.read_csv(io.StringIO(trials_csv(facts)))


def test_the_columns_are_these(facts):
    assert list(trials_table(facts).columns) == [
        *("trial", "state", "origin", "spec", "blocks", "widths", "params", "utilisation", "macs"),
        *("score", "posterior_mean", "r24_score"),
        *("full_score", "full_sd", "full_repeats", "full_random", "test_accuracy", "test_sd"),
        *("seconds", "reason"),
    ]


def test_every_trial_is_a_row_that_reads_back(facts):
    table = read(facts)
    assert table.trial.tolist() == [trial.number for trial in facts.trials]
    assert table.spec.tolist() == [trial.candidate.spec.id for trial in facts.trials]
    assert table.score.dropna().tolist() == [trial.score for trial in facts.trials if trial.score is not None]
    pruned = table[table.state == "PRUNED"].squeeze()
    assert pruned.origin == "model2"
    assert pruned.utilisation == 5_139_018 / 5_000_000
    assert pruned.reason == "139,018 parameters over the cap"
    assert pd.isna(pruned.score)


def test_later_rungs_and_full_trainings_stand_in_the_row_that_they_came_from(facts):
    table = read(facts).set_index("trial")
    again = {trial.facts.parent: trial.score for trial in facts.rungs["r24"]}
    assert table.r24_score.dropna().to_dict() == again
    final = facts.finals[facts.winner]
    row = table.loc[facts.winner]
    assert row[["full_score", "full_sd"]].tolist() == pytest.approx([final.score, final.spread])
    assert row[["test_accuracy", "test_sd"]].tolist() == pytest.approx([final.test_accuracy, final.test_spread])
    assert table.full_repeats.dropna().tolist() == [3] * 5
    random = {number for number, final in facts.finals.items() if final.is_random}
    assert set(table.index[table.full_random == True]) == random  # noqa: E712
    assert table.full_random.notna().sum() == len(facts.finals)


def test_a_rung_that_failed_has_no_score(facts):
    again = [replace(trial, state=TrialState.FAIL, score=None) for trial in facts.rungs["r24"]]
    table = trials_table(replace(facts, rungs={"r8": facts.trials, "r24": again}))
    assert table.r24_score.isna().all()


def test_no_trials_make_an_empty_table(facts):
    table = trials_table(replace(facts, trials=[], rungs={}))
    assert len(table) == 0
    assert "r24_score" not in table
