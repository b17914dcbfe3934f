from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from small_studies import first

from budgetnas.evidence.accuracy import wilson
from budgetnas.exceptions import StorageError
from budgetnas.runs.files import write_reports
from budgetnas.runs.listing import find_runs, read_run
from budgetnas.runs.settings import ALL_DONE
from budgetnas.storage.files import own, write_json
from budgetnas.trials.facts import RunFacts, TrialFacts

SCORES = (0.5, 0.7, 0.6)


@pytest.fixture
def searched(make_on_disk, tmp_path, monkeypatch):
    """Make a made-up search in a folder of its name."""

    def search(scores=SCORES, **changes):
        folder = tmp_path / "runs" / "s"
        folder.mkdir(parents=True)
        made = make_on_disk(**changes)
        made.trained(scores)
        (tmp_path / "study.db").rename(folder / "study.db")
        return made, folder

    return search


def test_a_search_before_promotion_shows_its_best_short_training(searched):
    made, folder = searched(search__trials=5)
    run = read_run(folder)
    assert (run.name, run.kind, run.data, run.max_params) == ("s", "search", "digits", 60_000)
    assert (run.state, run.done, run.asked) == ("stopped", 3, 5)
    assert (run.score, run.score_of) == (0.7, "validation after 3 epochs")
    best = made.ladder.first.trials[1].candidate
    assert (run.spec, run.params, run.test_accuracy) == (best.spec.id, best.params, None)


def test_what_was_wasted_over_the_cap_counts_where_it_was_asked_for(make_on_disk, tmp_path):
    made = make_on_disk(search__over_budget="prune", search__sampler="random", search__trials=2)
    trial = first(made.study, made.ladder.first, 0.5)
    facts = TrialFacts(seeded=False, reason="over")
    made.ladder.first.add(trial.candidate, state=type(trial.state).PRUNED, facts=facts)
    made.ladder.first.add(trial.candidate, state=type(trial.state).PRUNED, facts=replace(facts, seeded=True))
    (tmp_path / "s").mkdir()
    (tmp_path / "study.db").rename(tmp_path / "s" / "study.db")
    assert read_run(tmp_path / "s").done == 2


def test_a_finished_search_shows_its_winner_as_its_result_does(make_on_disk, tmp_path):
    made = make_on_disk(full__repeats=2)
    made.trained(SCORES)
    made.promoted()
    made.tested()
    made.ladder.fulls.record(RunFacts(stopped=ALL_DONE))
    expected = made.result()
    write_reports(expected)
    folder = tmp_path / "runs" / "s"
    folder.mkdir(parents=True)
    for name in ("study.db", "results.json"):
        (tmp_path / name).rename(folder / name)
    (run,) = find_runs(tmp_path / "runs")
    assert (run.state, run.done, run.asked) == ("finished", 3, 3)
    winner = expected.winner
    assert (run.spec, run.params) == (winner.candidate.spec.id, winner.candidate.params)
    assert run.score == winner.score
    reached = expected.accuracies_of(winner)
    assert (run.test_accuracy, run.test_interval) == (reached.test.mean, reached.test.interval)
    assert run.score_interval == wilson(winner.score * 287, 287)
    assert find_runs(folder) == [run]
    (folder / "study.db").unlink()  # as if it were in another storage
    elsewhere = read_run(folder)
    assert elsewhere == type(run)(**{**{key: getattr(run, key) for key in run.__slots__}, "changed": elsewhere.changed})


def test_what_runs_is_running_and_what_was_killed_is_not(searched):
    _, folder = searched()
    with own(folder):
        run = read_run(folder)
        assert run.state == "running"
        assert run.process
        assert run.done == 3
    assert read_run(folder).state == "stopped"
    killed = "import os, sys, pathlib, budgetnas.storage.files as files\nwith files.own(pathlib.Path(sys.argv[1])):\n"
    subprocess.run([sys.executable, "-c", f"{killed}    os._exit(9)", str(folder)], check=False)
    assert read_run(folder).state == "stopped"


def test_a_run_whose_study_is_being_made_is_running(tmp_path):
    with own(tmp_path / "new"):
        (run,) = find_runs(tmp_path)
        assert (run.state, run.kind) == ("running", None)


def test_the_newest_is_first_and_the_broken_have_a_row_each(searched, tmp_path):
    import os

    _, folder = searched()
    runs = folder.parent
    os.utime(folder / "study.db", (2_000_000_000, 2_000_000_000))
    (runs / "empty").mkdir()
    (runs / "text").mkdir()
    (runs / "text" / "study.db").write_text("no database")
    (runs / "renamed").mkdir()
    (runs / "renamed" / "study.db").write_bytes((folder / "study.db").read_bytes())
    (runs / "link").symlink_to("nowhere")
    (runs / "file").touch()
    (runs / ".hidden").mkdir()
    found = find_runs(runs)
    assert found[0].name == "s"
    assert found[0].changed == "2033-05-18T03:33:20.000+00:00"
    why = {run.name: run.why for run in found[1:]}
    assert {run.state for run in found[1:]} == {"unreadable"}
    assert set(why) == {"empty", "text", "renamed"}
    assert "none of `study.db`, `results.json`, `calibration.json`" in why["empty"]
    assert "file is not a database" in why["text"]
    assert "`study.db` holds s, not renamed: give the folder its old name" in why["renamed"]


@pytest.mark.parametrize(
    "facts", [{}, {"setup": None}, {"setup": {"kind": "search"}}, {"setup": {"rungs": 3}}, {"setup": [1]}]
)
def test_a_study_of_another_version_is_told(make_on_disk, tmp_path, facts):
    made = make_on_disk()
    folder = tmp_path / "s"
    folder.mkdir()
    (tmp_path / "study.db").rename(folder / "study.db")
    import sqlite3

    connection = sqlite3.connect(folder / "study.db")
    connection.execute("DELETE FROM study_user_attributes")
    connection.executemany(
        "INSERT INTO study_user_attributes (study_id, key, value_json) SELECT study_id, ?, ? FROM studies "
        "WHERE study_name = 's/full'",
        [(key, json.dumps(value)) for key, value in facts.items()],
    )
    connection.commit()
    connection.close()
    assert made.ladder
    run = read_run(folder)
    assert run.state == "unreadable"
    assert any(words in run.why for words in ("another version", "no version", "cut off before"))


@pytest.mark.parametrize("content", [[], {}, {"winner": 1, "stopped": "x"}, {"stopped": None, "winner": {"score": 1}}])
def test_results_that_are_none_are_told(tmp_path, content):
    write_json(tmp_path / "s" / "results.json", content)
    assert "was not written by this version" in read_run(tmp_path / "s").why


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(StorageError, match="start a run with `search`"):
        find_runs(tmp_path / "runs")


def test_a_list_loads_nothing_that_trains_or_searches():
    code = "import sys, budgetnas.runs.listing, budgetnas.cli.list; print([m for m in sys.modules if '.' not in m])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for name in ("torch", "optuna", "sklearn", "pandas", "sqlalchemy"):
        assert f"'{name}'" not in loaded
