"""What optuna-dashboard is given, read back by optuna's and the dashboard's own means."""

from __future__ import annotations

import json
from wsgiref.util import setup_testing_defaults

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna_dashboard import get_note, wsgi

from budgetnas.runs.files import csv_tables, publish, write_reports
from budgetnas.trials.facts import RunFacts, TrialFacts
from budgetnas.trials.trial import TrialState

FULL_FACTS = TrialFacts(repeat=0, seed=7, parent=0, lineage=("r1/0",))


@pytest.fixture
def made(make):
    found = make(proxy__rungs=[1, 3], full__repeats=2)
    found.trained([0.3 + i / 100 for i in range(12)])
    found.promoted()
    found.tested()
    return found


def ask(made, path):
    """Return what the dashboard's own server answers."""
    answer, environ = {}, {"PATH_INFO": path, "QUERY_STRING": "after=0"}
    setup_testing_defaults(environ)
    body = b"".join(wsgi(made.storage)(environ, lambda status, headers, error=None: answer.update(status=status)))
    return answer["status"], body.decode()


def show(made):
    result = made.result()
    write_reports(result)
    publish(made.storage, result)
    return optuna.load_study(study_name=made.ladder.first.name, storage=made.storage)


def test_note_figures_and_files_lie_with_the_study_of_the_first_rung(made, tmp_path):
    study = show(made)
    assert get_note(study).startswith("# ")
    assert "Not tested" in get_note(study)
    status, body = ask(made, f"/api/studies/{study._study_id}")
    assert status.startswith("200")
    figures = {one["id"]: one["graph_object"] for one in json.loads(body)["plotly_graph_objects"]}
    assert set(figures) == {"params", "macs", "fidelity"}  # these trainings have no curves
    assert all(len(figure) < 50_000 for figure in figures.values())
    names = {meta.filename for meta in get_all_artifact_meta(study)}
    assert names == {
        "report.html", "results.json", "manifest.json", "trials.csv", "trainings.csv", "curves.csv",
    }  # fmt: skip


def test_showing_it_again_replaces_what_was_shown(made, tmp_path):
    before = {meta.filename: meta.artifact_id for meta in get_all_artifact_meta(show(made))}
    made.ladder.fulls.record(RunFacts(stopped="a reason of its own"))
    study = show(made)
    assert {meta.filename: meta.artifact_id for meta in get_all_artifact_meta(study)} == before
    assert "a reason of its own" in (tmp_path / "artifacts" / before["report.html"]).read_text()
    assert len(list((tmp_path / "artifacts").iterdir())) == len(before)
    assert "a reason of its own" in get_note(study)


def test_the_losses_of_finished_trainings_stand_beside_their_accuracies(made):
    level = made.ladder.fulls
    for losses in (((1.5, 0.75), (1e-07, 0.123456)), None):
        trial = level.add(made.ladder.first.trials[0].candidate, state=TrialState.RUNNING, facts=FULL_FACTS)
        level.report(trial.number, 1, 0.5)
        level.report(trial.number, 2, 0.625)
        if losses:
            level.finish(trial.number, 0.625, TrialFacts(losses=losses))
    table = csv_tables(made.result())["curves"]().splitlines()
    done, running = trial.number - 1, trial.number
    assert table == [
        "level,trial,epoch,accuracy,train_loss,loss",
        f"full,{done},1,0.5,1.5,0.75",
        f"full,{done},2,0.625,1e-07,0.123456",
        f"full,{running},1,0.5,,",
        f"full,{running},2,0.625,,",
    ]


def test_an_over_budget_trial_is_pruned_there_and_never_best_and_costs_are_columns(make):
    made = make()
    made.trained([0.5, 0.6])
    big = made.study.candidate(made.ladder.first.trials[0].candidate.spec, "model2")
    made.ladder.first.add(big, state=TrialState.PRUNED, facts=TrialFacts(utilisation=1.2, reason="5 over the cap"))
    study = show(made)
    _, body = ask(made, f"/api/studies/{study._study_id}")
    content = json.loads(body)
    assert [trial["state"] for trial in content["trials"]] == ["Complete", "Complete", "Pruned"]
    assert [trial["number"] for trial in content["best_trials"]] == [1]
    _, table = ask(made, f"/csv/{study._study_id}")
    for column in ("utilisation", "macs", "params", "seconds"):
        assert f"UserAttribute {column}" in table.splitlines()[0]
