"""`train` and `reproduce` as a person uses them: on real digits and small colour images."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import itertools
import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from budgetnas.cli.main import main
from budgetnas.runs.listing import read_run
from budgetnas.storage.database import open_run
from budgetnas.storage.study import read_study

NET = ("--blocks", "1,1", "--widths", "8,16", "--dataset", "digits", "--device", "cpu", "--name", "one")


def read_rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("weights/*")}


@pytest.fixture(scope="module")
def undisturbed(budgetnas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    done = budgetnas("train", *NET, "--epochs", 20, "--repeats", 2, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout, folder / "runs" / "one"


def test_a_network_is_trained_over_seeds_scored_tested_and_kept(undisturbed, budgetnas):
    text, folder = undisturbed
    assert "1x8-1x16:" in text
    assert "1x8-1x16 #1  epoch 20/20" in text
    assert "is a smoke test" in text
    assert "test %, last epoch" in text
    assert len(hashes(folder)) == 2
    rows = read_rows(folder / "epochs.csv")
    assert [(row["repeat"], row["epoch"]) for row in rows] == [(r, str(e)) for r in "01" for e in range(1, 21)]
    assert {row["watched"] for row in rows} == {"validation"}
    assert float(rows[-1]["accuracy"]) > 0.8
    assert not (folder / "states").exists()
    study = optuna.load_study(study_name="one", storage=f"sqlite:///{folder / 'study.db'}")
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 2
    losses = [[float(row["train_loss"]), float(row["loss"])] for row in rows]
    assert [pair for trial in study.trials for pair in trial.user_attrs["losses"]] == losses
    again = budgetnas("train", "1x8-1x16", *NET[4:], "--epochs", 20, "--repeats", 2, "--json", cwd=folder.parent.parent)
    (row,) = json.loads(again.stdout)["rows"]
    assert (row["seeds"], row["epochs"]) == (2, 20)
    assert row["test"]["mean"] > 80
    assert "epoch 1/20" not in again.stderr


def test_the_test_set_is_looked_at_when_asked_for_and_once(budgetnas, tmp_path):
    def tests(*words):
        done = budgetnas("train", *NET, "--epochs", 2, *words, "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        (row,) = json.loads(done.stdout)["rows"]
        facts = read_study(open_run(tmp_path / "runs" / "one"), "one")[1]
        assert read_run(tmp_path / "runs" / "one").state == "finished"
        return row["test"], len(facts.looks or ())

    assert tests("--no-test") == (None, 0)
    assert tests() == (None, 0)  # as the run did
    found, looks = tests("--test")
    assert found is not None
    assert looks == 1
    assert tests("--no-test") == (found, 1)


def test_a_network_that_nobody_knows_is_refused(capsys):
    assert main(["train", "resnet21", "--dataset", "digits"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("budgetnas: `resnet21` is no shipped network: did you mean `resnet")
    assert said.endswith(", or an id like 4x64-5x128-3x256.\n")


def test_a_list_shows_a_training_with_the_mean_of_its_seeds_and_not_its_luckiest(undisturbed):
    _, folder = undisturbed
    listed = read_run(folder)
    last = [float(row["accuracy"]) for row in read_rows(folder / "epochs.csv") if row["epoch"] == "20"]
    assert (listed.kind, listed.state, listed.done, listed.asked) == ("train", "finished", 2, 2)
    assert listed.score == pytest.approx(sum(last) / 2, rel=1e-5)
    assert listed.score_interval[0] < listed.score < listed.score_interval[1]
    assert listed.test_accuracy > 0.8


def test_a_network_that_was_trained_alone_has_a_certificate_too(undisturbed, tmp_path, capsys):
    from budgetnas.cli.main import main

    _, folder = undisturbed
    assert main(["export", str(folder), "--out", str(tmp_path / "net")]) == 2
    assert (
        "`--trial` is missing, but must be the number of a finished training: one of 0 (1x8-1x16), 1 (1x8-1x16)"
        in capsys.readouterr().err
    )
    assert main(["export", str(folder), "--trial", "1", "--out", str(tmp_path / "net")]) == 0
    assert main(["verify", str(tmp_path / "net"), "--dataset", "digits"]) == 0
    assert "parameters without a cap" in capsys.readouterr().out
    results = json.loads((tmp_path / "net" / "results.json").read_text())
    last = [float(row["accuracy"]) for row in read_rows(folder / "epochs.csv") if row["epoch"] == "20"]
    assert results["repeats"]["validation_accuracies"] == pytest.approx(last)
    assert results["this_network"]["validation_accuracy"] == pytest.approx(last[1])
    assert main(["report", str(folder)]) == 1
    assert "holds a training, not a search" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "words"),
    [("curve", ["train", *NET, "--epochs", "20"]), ("weights", ["export", "runs/one", "--trial", "1", "--out", "net"])],
)
@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "link"])
def test_a_tampered_study_reads_no_file_outside_its_run(undisturbed, tmp_path, monkeypatch, capsys, key, words, name):
    from budgetnas.cli.main import main

    shutil.copytree(undisturbed[1], tmp_path / "runs" / "one")
    (tmp_path / "secret").write_text("mine")
    (tmp_path / "runs" / "one" / "link").symlink_to(tmp_path / "secret")
    with contextlib.closing(sqlite3.connect(tmp_path / "runs" / "one" / "study.db")) as database, database:
        change = "UPDATE trial_user_attributes SET value_json = ? WHERE key = ?"
        assert database.execute(change, (json.dumps(name), key)).rowcount == 2
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    error = capsys.readouterr().err
    assert f"refers to '{name}', which lies outside it" in error
    assert error.count("\n") == 1


@pytest.mark.faults
def test_cut_off_by_its_time_interrupted_and_killed_it_goes_on_to_the_same_weights(undisturbed, budgetnas, tmp_path):
    words = [*NET, "--epochs", "20", "--repeats", "2"]
    done = budgetnas("train", *words, "--max-minutes", 0.02, cwd=tmp_path)
    assert done.returncode == 0
    assert "of 2 trainings not finished" in done.stdout
    for number, status in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        command = [sys.executable, "-m", "budgetnas", "train", *words]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
            heard = list(itertools.islice((line for line in process.stdout if "#0  epoch " in line), 3))
            process.send_signal(number)
            rest = process.stdout.read()
        assert len(heard) == 3
        assert process.returncode == status
        assert number == signal.SIGKILL or rest.endswith("run the same command to resume.\n")
    done = budgetnas("train", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "#0  epoch 1/20" not in done.stdout
    assert hashes(tmp_path / "runs" / "one") == hashes(undisturbed[1])
    assert not (tmp_path / "runs" / "one" / "states").exists()


def test_another_network_under_the_same_name_is_another_training_and_failures_are_told(budgetnas, tmp_path):
    words = ("--dataset", "digits", "--device", "cpu", "--name", "one", "--epochs", 1, "--workers", 1)
    budgetnas("train", "--blocks", "1,1", "--widths", "8,16", *words, cwd=tmp_path)
    other = budgetnas("train", "--blocks", "1", "--widths", "12", *words, cwd=tmp_path)
    assert "1x12 #0  epoch 1/1" in other.stdout
    wild = tmp_path / "wild.toml"
    wild.write_text("lr = 100.0\nmomentum = 0.99\nweight_decay = 0.9\n")
    words = ("--dataset", "digits", "--device", "cpu", "--recipe", wild, "--epochs", 9, "--workers", 1)
    failed = budgetnas("train", "--blocks", "1", "--widths", "8", *words, cwd=tmp_path)
    assert failed.returncode == 1
    assert "FAILED: 1x8 #0: diverged in epoch" in failed.stdout
    assert "last good values" in failed.stdout
    as_json = budgetnas("train", "--blocks", "1", "--widths", "8", *words, "--json", cwd=tmp_path)
    assert as_json.returncode == 1
    assert len(json.loads(as_json.stdout)["failed"]) == 2


def test_the_models_of_pei_et_al_stand_beside_what_they_reported(budgetnas, make_npz, tmp_path, monkeypatch):
    path = make_npz(per_class=12)
    monkeypatch.setattr("budgetnas.cli.reproduce.CIFAR10", str(path))  # in place of 50,000 images
    words = ("--models", "2,4", "--dataset", path, "--device", "cpu")
    done = budgetnas("reproduce", *words, "--epochs", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "all 36 training images are trained on; the 36 test images are scored every epoch" in done.stdout
    lines = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    assert "95.46 (197)" in lines["model2 (over 5M)"]
    assert "1 of 200" in lines["model2 (over 5M)"]
    assert "95.43 (307)" in lines["model4"]
    assert "1 of 313" in lines["model4"]
    assert "recipe paper200 in fp32" in done.stdout
    assert "PARTIAL" in done.stdout
    assert "400 epochs are not one schedule" in done.stdout
    rows = read_rows(tmp_path / "runs" / "paper" / "epochs.csv")
    assert {(row["network"], row["watched"], row["learnt_from"]) for row in rows} == {
        ("model2", "test", "all"),
        ("model4", "test", "all"),
    }
    study = optuna.load_study(study_name="paper", storage=f"sqlite:///{tmp_path / 'runs' / 'paper' / 'study.db'}")
    assert {trial.user_attrs["origin"] for trial in study.trials} == {"model2", "model4"}
    net = tmp_path / "net"
    assert budgetnas("export", tmp_path / "runs" / "paper", "--trial", 1, "--out", net).returncode == 0
    assert "watched the test set after every epoch" in (net / "README.md").read_text()
    assert json.loads((net / "results.json").read_text())["this_network"]["validation_accuracy"] is None
    assert budgetnas("verify", net).returncode == 0
    more = budgetnas("reproduce", "--models", "2", *words[2:], "--epochs", 2, cwd=tmp_path)
    assert "model2 #0  epoch 2/2" in more.stdout
    assert "epoch 1/2" not in more.stdout
    other = budgetnas("reproduce", "--models", "2", *words[2:], "--epochs", 2, "--seed", 1, cwd=tmp_path)
    assert other.returncode == 1
    assert (
        "was started with other settings (seed was 0, is 1): use the original ones, or choose another --name."
        in other.stderr
    )
    as_json = budgetnas("reproduce", "--models", "2", *words[2:], "--epochs", 2, "--json", cwd=tmp_path)
    content = json.loads(as_json.stdout)
    assert content["watched"] == "test"
    assert "recipe paper200: after 4 steps the running statistics of batch norm still hold 66 %" in content["notes"][0]
    (warning,) = content["warnings"]  # there is nothing to learn from random images
    assert warning.startswith(
        "1 of 1 trainings ended at chance, or no further above it than luck allows (one class for all"
    )
    assert f"WARNING: {warning}" in more.stdout
    assert f"NOTE: {content['notes'][0]}" in more.stdout
    assert content["rows"][0]["partial"] is True
    assert content["reported"]["model2"]["accuracy"] == 95.46
    listed = read_run(tmp_path / "runs" / "paper")
    assert (listed.kind, listed.state, listed.done, listed.asked) == ("reproduce", "finished", 1, 1)
    assert (listed.score_of, listed.test_accuracy) == ("test set, watched every epoch", None)
    assert 100 * listed.score == pytest.approx(content["rows"][0]["last"]["mean"])
    # As a run on own data that was started before those had a recipe of their own.
    monkeypatch.undo()
    older = budgetnas("reproduce", "--models", "4", "--device", "cpu", "--epochs", 2, cwd=tmp_path)
    assert older.returncode == 0, older.stderr
    assert "recipe paper200 in fp32" in older.stdout
    assert "model4 #0  epoch 2/2" in older.stdout
    assert "epoch 1/2" not in older.stdout
    assert "2 of 313" in older.stdout
    assert "reported %" not in older.stdout


def test_on_other_data_they_train_by_what_fits_it_and_no_reported_number_stands_there(budgetnas, tmp_path):
    words = ("reproduce", "--models", "Model-1", "--dataset", "digits", "--subset", 12, "--device", "cpu")
    done = budgetnas(*words, "--epochs", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "recipe full in " in done.stdout
    head = next(line for line in done.stdout.splitlines() if line.startswith("model "))
    columns = re.split(r" {2,}", head)
    assert columns == ["model", "params", "best %", "in epoch", "last %", "lowest lr %", "epochs", "seeds"]
    assert "PARTIAL: fewer epochs than declared.\n" in done.stdout
    assert "1 of 10" in done.stdout, "as long as a full training on digits"
    assert "their numbers are not shown beside those of digits" in done.stdout
    assert "Reported is" not in done.stdout
    more = budgetnas("reproduce", "--models", "1", "--device", "cpu", "--epochs", 2, "--json", cwd=tmp_path)
    content = json.loads(more.stdout)
    assert (content["reported"], content["rows"][0]["epochs"], content["rows"][0]["declared"]) == ({}, 2, 10)
    assert "model1 #0  epoch 1/2" not in more.stderr


def test_a_named_network_that_is_another_one_elsewhere_has_a_note_on_larger_images(budgetnas, make_npz, tmp_path):
    path = make_npz(side=64, per_class=3)
    done = budgetnas("train", "ResNet-18", "--dataset", path, "--epochs", 1, "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "note: resnet18: The network here is pytorch-cifar's: a 3x3 stem of stride 1, no max-pooling" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("reproduce", "--models", "6"), "`--models` is '6'"),
        (("reproduce", "--models", "1,1"), "must be different ones"),
        (("reproduce", "--models", "1,Model 1"), "must be different ones"),
        (("train", "q2-3x16", "--dataset", "digits"), "`q2-3x16` is no id that this version reads: stages like 4x64, "),
        (("train", "resnet50", "--dataset", "digits"), "`resnet50` has a stem of stride 2 with max-pooling"),
        (("train", "mobilenet_v3", "--dataset", "digits"), "`mobilenet_v3` is built of depthwise convolutions"),
        (("train", *NET, "--epochs", "0"), "`--epochs` is 0"),
        (("train", *NET, "--repeats", "0"), "`--repeats` is 0"),
        (("train", *NET, "--max-minutes", "0"), "`--max-minutes` is 0"),
        (("train", *NET, "--recipe", "paper2000"), "not among the shipped names"),
        (("train", *NET[:-2], "--name", "../up"), "`--name` is '../up'"),
        (("train", "--blocks", "1", "--widths", "8,8,8"), "`--widths` has 3 values"),
        (("train", *NET, "--recipe", "paper200"), "`recipe.mean` and `recipe.std` have 3 and 3 values"),
        (("train", *NET, "--device", "cuda:9"), "`--device` is cuda:9"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(budgetnas, tmp_path, words, told):
    done = budgetnas(*words, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
