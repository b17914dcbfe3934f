"""A search by another score than accuracy, end to end, on images of which two classes have few."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import optuna
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from budgetnas import load_run

NUMBERS = (90, 60, 18, 15)  # images of each class


@pytest.fixture(scope="module")
def home(tmp_path_factory, budgetnas):
    """A finished search by macro F1, and what it printed."""
    folder = tmp_path_factory.mktemp("scores")
    digits, rng = load_digits(), np.random.default_rng(0)
    images, labels = (digits.images * 15).astype(np.uint8), digits.target
    places = [np.flatnonzero(labels == label) for label in range(4)]
    train = rng.permutation(np.concatenate([of[:n] for of, n in zip(places, NUMBERS, strict=True)]))
    test = np.concatenate([of[-n:] for of, n in zip(places, (40, 30, 12, 12), strict=True)])
    arrays = {"x_train": images[train], "y_train": labels[train], "x_test": images[test], "y_test": labels[test]}
    np.savez(folder / "uneven.npz", **arrays)
    done = budgetnas("search", *ASKED, "--score", "macro_f1", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


ASKED = (
    "--max-params", "20k", "--dataset", "uneven.npz", "--name", "f1", "--trials", 3, "--promote", 1, "--workers", 1,
    "--full-epochs", 2, "--device", "cpu", "--set", "proxy.rungs=[1]", "--set", "space.widths=[8, 16]",
    "--set", "evidence.controls=true", "--set", "evidence.control_networks=['random']", "--track", "tensorboard",
)  # fmt: skip


def test_the_plan_names_classes_of_unequal_size_and_what_helps(home):
    _, printed = home
    note = "NOTE: Classes differ in size: 0 has 72 training images, 3 12. --set data.class_weights=balanced weighs"
    assert note in " ".join(printed.split())
    assert "balanced_accuracy" not in printed, "the score does so already"


def test_every_number_is_named_by_the_score(home):
    folder, printed = home
    assert re.search(r"validation macro F1 [\d.]+ % \[", printed)
    assert "Points of test macro F1" in printed
    content = json.loads((folder / "runs/f1/results.json").read_text())
    winner, result = content["winner"], load_run(folder / "runs/f1")
    assert content["scored_by"] == "macro_f1"
    matrix = np.array(result.confusion["test"])
    labels, predictions = (np.repeat(side.ravel(), matrix.ravel()) for side in np.indices(matrix.shape))
    assert winner["test_score"] == pytest.approx(f1_score(labels, predictions, average="macro"))
    assert winner["test_accuracy"] == matrix.trace() / matrix.sum()
    rows = result.confusion["validation"]
    assert tuple(rows[label][label] for label in range(4)) == result.winner.best_run.facts.classes.correct
    assert tuple(map(sum, rows)) == result.winner.best_run.facts.classes.images
    with (folder / "runs/f1/trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["macro_f1"]) for row in rows] == [trial.score for trial in result.trials]
    assert all(float(row["accuracy"]) == trial.accuracy for row, trial in zip(rows, result.trials, strict=True))
    study = optuna.load_study(study_name="f1/full", storage=f"sqlite:///{folder / 'runs/f1/study.db'}")
    assert study.metric_names == ["validation macro F1"]  # what optuna-dashboard shows
    page = (folder / "runs/f1/report.html").read_text()
    assert "validation macro F1" in page
    assert 'id="confusion-test"' in page
    assert "validation accuracy" not in page


def test_a_tracker_gets_the_score_by_its_name(home):
    folder, _ = home
    trial = load_run(folder / "runs/f1").trials[0]
    (place,) = (folder / "runs/f1/tensorboard/r1").glob(f"{trial.number}-*")
    found = EventAccumulator(str(place)).Reload()
    assert "validation/accuracy" not in found.Tags()["scalars"]
    points = {event.step: event.value for event in found.Scalars("validation/macro_f1")}
    assert points == pytest.approx(dict(trial.curve))
    assert [event.value for event in found.Scalars("validation/loss")] == pytest.approx([trial.facts.loss], rel=1e-4)


def test_the_certificate_has_the_score_and_every_class_and_verifies(home, budgetnas):
    folder, _ = home
    best = folder / "runs/f1/best"
    results = json.loads((best / "results.json").read_text())
    own, of_test = results["this_network"], results["class_results"]["test"]
    assert [one["images"] for one in of_test] == [40, 30, 12, 12]
    assert sum(one["correct"] for one in of_test) == own["test_correct"]
    assert sum(one["images"] for one in results["class_results"]["validation"]) == own["validation_images"]
    card = (best / "README.md").read_text()
    assert "| macro F1, test, these weights |" in card
    assert "type: macro_f1" in card
    checked = budgetnas("verify", best, "--dataset", folder / "uneven.npz")
    assert checked.returncode == 0, checked.stdout
    assert f"macro F1 {results['score']['this_network']['test']:.4f}" in checked.stdout


def test_a_score_that_was_changed_does_not_verify(home):
    from dataclasses import replace

    from budgetnas.certificates.certificate import write_certificate
    from budgetnas.certificates.verify import verify
    from budgetnas.config.sections import DataConfig
    from budgetnas.data.load import load_dataset
    from budgetnas.runs.certify import certified

    folder, _ = home
    result, data = load_run(folder / "runs/f1"), load_dataset(DataConfig(dataset=str(folder / "uneven.npz")))
    honest = certified(result, result.winner)
    better = {**honest.results["score"]["this_network"], "test": 0.9999}
    swapped = [dict(one) for one in honest.results["class_results"]["test"]]
    swapped[0]["correct"], swapped[1]["correct"] = swapped[0]["correct"] + 9, swapped[1]["correct"] - 9
    for name, change in (
        ("score", {"score": {**honest.results["score"], "this_network": better}}),
        ("classes", {"class_results": {"test": swapped}}),
    ):
        write_certificate(folder / name, replace(honest, results={**honest.results, **change}))
        failed = [check for check in verify(folder / name, data) if check.passed is False]
        assert [check.name for check in failed] == ["test accuracy"], name


def test_lists_and_other_caps_show_the_score(home, budgetnas):
    folder, _ = home
    listed = json.loads(budgetnas("list", folder / "runs", "--json").stdout)
    winner = load_run(folder / "runs/f1")
    assert listed[0]["scored_by"] == "macro_f1"
    assert listed[0]["score"] == winner.validation_score
    assert listed[0]["test_score"] == winner.test_score != listed[0]["test_accuracy"]
    assert "f1: best is validation macro F1 after full training" in budgetnas("list", folder / "runs").stdout
    assert "test macro F1 %" in budgetnas("best", folder / "runs/f1").stdout


def test_another_score_does_not_resume_the_run(home, budgetnas):
    folder, _ = home
    refused = budgetnas("search", *ASKED, "--score", "loss", "--dry-run", cwd=folder)
    assert refused.returncode == 1
    assert "search.score was 'macro_f1', is 'loss'" in refused.stderr


def test_training_has_the_classes_too_and_weights_of_them_are_part_of_it(home, budgetnas):
    folder, _ = home
    words = ("train", "1x8", "--dataset", "uneven.npz", "--epochs", 1, "--device", "cpu", "--name", "one", "--no-test")
    weighed = (*words, "--set", "data.class_weights=balanced")
    done = budgetnas(*weighed, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "Classes differ" not in done.stdout
    (training,) = load_run(folder / "runs/one").trainings
    assert sum(training.trial.facts.classes.correct) == round(
        training.trial.score * sum(training.trial.facts.classes.images)
    )
    refused = budgetnas(*words, "--set", "data.class_weights=none", cwd=folder)
    assert "data.class_weights was 'balanced', is None" in refused.stderr
