"""A made-up search by loss: less is better in every choice, and people read it as a loss."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from small_studies import FACTS, net

from budgetnas.arrays import packed_numbers
from budgetnas.evidence.outcome import outcome_of
from budgetnas.evidence.scores import ACCURACY, SCORES
from budgetnas.runs.caps import best_under, tiers_table
from budgetnas.runs.files import write_reports
from budgetnas.runs.final import final
from budgetnas.runs.first_screen import tiles
from budgetnas.runs.headline import headline, recommendation, remarks
from budgetnas.runs.listing import read_run
from budgetnas.runs.networks import read_networks
from budgetnas.runs.sequence import gains
from budgetnas.runs.summary import as_json, tables
from budgetnas.runs.verdict import compare, verdict
from budgetnas.trials.facts import Look, RunFacts
from budgetnas.trials.trial import TrialState, look_key

LOSS = SCORES["loss"]


@pytest.fixture
def made(make_on_disk, monkeypatch):
    """A search by loss in which the network of the highest accuracy has the highest loss."""
    found = make_on_disk(search__score="loss", evidence__controls=True, evidence__control_networks=["random"],
                 evidence__control_repeats=2)  # fmt: skip
    monkeypatch.setattr("small_studies.FACTS", with_loss(0.5))
    for i, loss in enumerate((0.9, 0.5, 0.7)):
        trial = found.ladder.first.add(net(found.study, 20 + i), state=TrialState.RUNNING, facts=replace(FACTS))
        found.ladder.first.finish(trial.number, -loss, with_loss(loss))
    found.promoted(score=lambda one: -0.3 - one.parent / 10)
    found.controlled(score=lambda one: -0.4 - one.repeat / 100)
    return found


def with_loss(loss):
    """The facts of a training with this loss and a high accuracy."""
    return replace(FACTS, accuracy=0.9, loss=loss, interval=(-loss - 0.1, -loss + 0.1))


def tested(made):
    """Look at the test set: the loss there is that on validation."""
    looks = {
        look_key(trial, level.name): Look(
            correct=900, images=1000, score=trial.score, interval=(trial.score - 0.05, trial.score + 0.05)
        )
        for level in made.ladder.tested
        for trial in level.store.trials
        if trial.score is not None
    }
    made.ladder.fulls.record(RunFacts(looks=looks))


def test_the_tiles_have_the_loss_and_the_test_accuracy_beside_it(made):
    tested(made)
    found = {tile.name: tile.value for tile in tiles(made.result())}
    assert (found["test loss"], found["validation loss"], found["test accuracy"]) == ("0.4050", "0.4050", "90.00 %")


def test_the_lowest_loss_wins_and_is_shown_as_a_loss(made, tmp_path):
    tested(made)
    result = made.result()
    assert [trial.number for trial in result.trials if trial.number == result.winner.parent] == [1]
    assert result.winner.score == -0.4
    assert (result.validation_score, result.validation_accuracy) == (pytest.approx(0.405), 0.9)
    said = headline(result)
    assert "validation loss 0.4050 +- 0.0071 [0.400, 0.600], test loss 0.4050" in said
    assert "%" not in said.partition("validation loss")[2]
    assert "scored lowest, 0.5000" in recommendation(result)
    assert "Less test loss" in verdict(result, compare(result))
    assert any("another seed may score higher" in line or "validation loss" in line for line in remarks(result))
    shown = tables(result)
    assert "test loss" in shown["finalists"].columns
    assert shown["finalists"].rows[0][-2].startswith("0.4000 [0.4")
    assert "gain" in shown["controls"].columns
    assert "posterior mean" in tiers_table(result, best_under(result)).columns
    write_reports(result)
    rows = list(csv.DictReader((tmp_path / "trials.csv").read_text().splitlines()))
    assert [float(row["loss"]) for row in rows] == [0.9, 0.5, 0.7]
    assert {row["full_loss"] for row in rows} >= {"0.4"}
    content = json.loads((tmp_path / "results.json").read_text())
    assert content["winner"]["score"] == 0.4
    assert content["winner"]["score_interval"] == pytest.approx([0.4, 0.6])
    assert "validation loss" in (tmp_path / "report.html").read_text()


def test_trackers_get_the_loss_as_a_loss_and_the_accuracy_beside_it(made):
    tested(made)
    numbers = final(made.result()).numbers
    assert numbers["validation/loss"] > 0
    assert numbers["validation/accuracy"] == pytest.approx(0.9)
    assert numbers["test/loss"] > 0


def test_lists_read_a_loss_as_people_do(made):
    tested(made)
    run = read_run(made.folder.rename(made.folder.with_name("s")))
    assert (run.scored_by, run.score, run.test_accuracy) == ("loss", pytest.approx(0.405), 0.9)
    assert run.score_of == "validation loss after full training of 2 fresh seeds"
    networks = read_networks(made.folder.with_name("s"))
    first = [score for network in networks for score in network.scores.get("r4", network.scores.get("r1", []))]
    assert all(score > 0 for network in networks for scores in network.scores.values() for score in scores), first


def test_gains_are_in_the_unit_of_the_score_and_over_images_too():
    rng = np.random.default_rng(0)
    labels, base = rng.integers(3, size=500), rng.exponential(0.3, 500)

    def look(better):
        losses = np.maximum(base - better + rng.normal(0, 0.01, 500), 0)
        predictions = np.where(rng.random(500) < 0.8 + better, labels, 0)
        outcome = outcome_of(labels, predictions, losses, classes=3)
        parts = packed_numbers(outcome.parts("loss", labels, predictions, losses))
        return Look(correct=outcome.right, images=500, score=outcome.score("loss"), parts=parts)

    own, rival = [look(0.05) for _ in range(3)], [look(0.0) for _ in range(3)]
    gain, wider = gains(own, rival, score=LOSS)
    assert gain.value == pytest.approx(0.05, abs=0.01)
    assert wider.value == pytest.approx(gain.value)
    assert wider.high - wider.low > gain.high - gain.low
    assert gains(own, rival, score=ACCURACY)[0].value == pytest.approx(100 * gain.value)
    assert gains([replace(one, parts=None) for one in own], rival, score=LOSS)[1] is None


def test_json_has_the_accuracy_beside_the_loss(made):
    tested(made)
    content = as_json(made.result())
    fresh = content["fresh"]
    assert (fresh["accuracy"], fresh["test_accuracy"], fresh["test_score"]) == (0.9, 0.9, pytest.approx(0.405))
    assert content["controls"][0]["tests"] == pytest.approx([0.4, 0.41])
