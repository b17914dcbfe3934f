"""Networks that learned from the validation images have no validation accuracy, wherever they are shown."""

from __future__ import annotations

import csv

import pytest

from budgetnas.runs.files import write_reports
from budgetnas.runs.headline import headline
from budgetnas.runs.listing import read_run
from budgetnas.runs.networks import read_networks
from budgetnas.runs.result import open_result
from budgetnas.runs.summary import as_json, warnings
from budgetnas.runs.verdict import compare, controls_table
from budgetnas.text import trimmed
from budgetnas.trials.facts import RunFacts


@pytest.fixture
def made(make_on_disk):
    made = make_on_disk(evidence__controls=True, evidence__refit=True, full__repeats=2)
    made.trained([0.5, 0.6, 0.7])
    made.promoted()
    made.ladder.fulls.record(RunFacts(refit=True))
    made.controlled(lambda one: 0.99)
    made.tested(lambda level, trial: 800 + trial.repeat if level == "controls" else 700)
    return made


@pytest.fixture
def folder(made, tmp_path):
    """The folder of the run, under its name."""
    folder = tmp_path / "runs" / "s"
    folder.mkdir(parents=True)
    (tmp_path / "study.db").rename(folder / "study.db")
    return folder


def test_the_tables_and_the_headline_have_their_test_accuracy_alone(made):
    result = made.result()
    assert (result.fresh.validation, result.validation_accuracy) == (None, None)
    assert result.test_accuracy == pytest.approx(0.8005)
    assert ", test 80.05 +- 0.07 % [" in headline(result)
    assert "validation 99" not in headline(result)
    assert headline(result).endswith("that no choice has seen, trained on training and validation images together.")
    compared = compare(result)
    assert "validation %" not in trimmed(controls_table(compared)).columns
    assert all(one.scores == () and one.as_json()["score"] is None for one in compared)
    assert as_json(result)["fresh"]["score"] is None
    assert "validation" not in result.brief()
    assert not [line for line in warnings(result) if "control" in line]


def test_files_and_lists_of_runs_show_the_score_that_the_winner_was_chosen_by(folder):
    result = open_result(str(folder))
    write_reports(result)
    rows = list(csv.DictReader((folder / "trainings.csv").read_text().splitlines()))
    assert {row["score"] for row in rows if row["level"] == "controls"} == {""}
    assert all(row["score"] for row in rows if row["level"] == "full")
    run = read_run(folder)
    assert run.score == pytest.approx(result.winner.score)
    assert (run.score_of, run.test_accuracy) == ("validation after full training", pytest.approx(0.8005))
    (folder / "study.db").unlink()
    again = read_run(folder)
    assert (again.score, again.score_of, again.test_accuracy) == (run.score, run.score_of, run.test_accuracy)


def test_a_list_of_networks_gives_them_no_score(made, folder):
    networks = read_networks(folder)
    assert {str(net.spec) for net in made.study.controls} <= {one.spec for one in networks}
    assert not any("controls" in one.scores for one in networks)
