"""The real command on real digits: run, finished, continued, stopped and resumed, resumed with something else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import optuna
import pandas as pd
import pytest
import torch

from budgetnas.certificates.certificate import load_certificate
from budgetnas.config.sections import DataConfig
from budgetnas.data.load import load_dataset
from budgetnas.training.images import Normaliser, to_device

CAP = 60_000
WORDS = (
    "search", "--max-params", "60k", "--trials", 6, "--promote", 2, "--full-epochs", 4, "--device", "cpu",
    "--dataset", "digits",
)  # fmt: skip
STABLE = [
    "trial",
    "state",
    "origin",
    "spec",
    "params",
    "macs",
    "score",
    "posterior_mean",
    "full_score",
    "test_accuracy",
]


def trials(run: Path) -> pd.DataFrame:
    return pd.read_csv(run / "trials.csv")


@pytest.fixture(scope="module")
def finished(budgetnas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    return folder, budgetnas(*WORDS, cwd=folder)


def test_the_run_says_what_it_did(finished):
    _, done = finished
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[1].startswith("NOTE: digits is a smoke test")
    for word in ("space", "budget", "band", "trials", "promotion", "device", "time"):
        assert any(line.startswith(word) for line in lines), word
    (first,) = (line for line in lines if line.startswith("tried first"))
    assert first.endswith("none of Pei et al.'s 5 models: the smallest, model1, is 4,842,090 parameters over the cap")
    assert not any("model2" in line for line in lines)
    assert any(line.startswith("11 counted, 5 pruned over the cap, 6 trained") for line in lines)
    (recommended,) = (line for line in lines if line.startswith("by short trainings: trial "))
    assert "posterior mean" in recommended
    assert "scored highest" in recommended


def test_the_run_directory_holds_everything(finished):
    run = finished[0] / "runs" / "digits-60k-s0"
    table = trials(run)
    assert list(table.state) == ["PRUNED"] * 5 + ["COMPLETE"] * 6
    assert (table[table.state == "COMPLETE"].params <= CAP).all()
    assert (table[table.state == "PRUNED"].params > CAP).all()
    assert table.full_score.notna().sum() == 2
    assert table.spec.is_unique
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["counts"] == {"counted": 11, "pruned": 5, "trained": 6, "failed": 0}
    assert manifest["command"].startswith("budgetnas search --max-params 60k")
    assert manifest["notice"]
    assert manifest["test_looks"]["count"] == len(manifest["test_looks"]["looks"]) == 2
    assert set(manifest["versions"]) >= {"python", "torch", "optuna"}
    page = (run / "report.html").read_text()
    assert "digits is a smoke test" in page
    assert "none of Pei et al.&#39;s 5 models" in page
    assert "(reported)" not in page
    assert re.search(r"<(script|img|iframe|link|source)\b[^>]*\b(src|href)\s*=\s*[\"']?(http|//)", page) is None
    studies = {s.study_name: s for s in optuna.get_all_study_summaries(f"sqlite:///{run / 'study.db'}")}
    assert set(studies) == {"digits-60k-s0/r3", "digits-60k-s0/full"}


def test_the_winner_is_the_best_by_validation_and_reloads_to_its_test_accuracy(finished):
    run = finished[0] / "runs" / "digits-60k-s0"
    table = trials(run)
    model, arch = load_certificate(run / "best")
    results = json.loads((run / "best" / "results.json").read_text())
    assert results["this_network"]["validation_accuracy"] == pytest.approx(table.full_score.max())
    assert sum(p.numel() for p in model.parameters()) == arch["params"] <= CAP
    data = load_dataset(DataConfig(dataset="digits"))
    images, labels = to_device(data.test, "cpu")
    norm = arch["normalisation"]
    with torch.no_grad():
        right = (model(Normaliser(norm["mean"], norm["std"], "cpu")(images)).argmax(1) == labels).sum().item()
    assert right == results["this_network"]["test_correct"] > len(labels) / 2


def test_the_study_database_is_optunas(finished):
    url = f"sqlite:///{finished[0] / 'runs' / 'digits-60k-s0' / 'study.db'}"
    study = optuna.load_study(study_name="digits-60k-s0/r3", storage=url)
    done = [t for t in study.trials if t.state.name == "COMPLETE"]
    assert all(set(t.user_attrs) >= {"params", "utilisation", "macs", "seconds", "spec"} for t in done)
    assert all(sorted(t.intermediate_values) == [1, 2, 3] for t in done)
    full = optuna.load_study(study_name="digits-60k-s0/full", storage=url)
    assert {t.user_attrs["parent"] for t in full.trials} <= {t.number for t in done}


def test_every_epoch_has_its_losses_and_the_last_ones_are_those_of_the_training(finished):
    folder = finished[0] / "runs" / "digits-60k-s0"
    curves, trainings = (pd.read_csv(folder / f"{name}.csv") for name in ("curves", "trainings"))
    assert not curves[["train_loss", "loss"]].isna().any(axis=None)
    last = curves.groupby(["level", "trial"]).last()
    done = trainings[trainings.state == "COMPLETE"].set_index(["level", "trial"])
    assert set(last.index) == set(done.index)
    assert list(last.loc[done.index].loss) == pytest.approx(list(done.loss), rel=1e-5)
    assert (curves.groupby(["level", "trial"]).train_loss.first() > last.train_loss).all(), "they learn"


def test_the_study_file_of_a_run_means_that_run(finished, budgetnas):
    folder, done = finished
    study = Path("runs", "digits-60k-s0", "study.toml")
    assert "trials = 6\n" in (folder / study).read_text()
    again = budgetnas("search", study, cwd=folder)
    assert again.returncode == 0, again.stderr
    assert "This search was already finished; this is its result." in again.stdout
    assert [line for line in again.stdout.splitlines() if line.startswith("by short trainings")] == [
        line for line in done.stdout.splitlines() if line.startswith("by short trainings")
    ]


def test_a_finished_search_shows_its_result_and_a_larger_one_goes_on(finished, budgetnas, tmp_path):
    folder, _ = finished
    before = trials(folder / "runs" / "digits-60k-s0")
    manifest = folder / "runs" / "digits-60k-s0" / "manifest.json"
    first_manifest = manifest.read_text()
    again = budgetnas(*WORDS, "--json", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert manifest.read_text() == first_manifest
    result = json.loads(again.stdout)
    assert result["winner"]["params"] <= CAP
    assert result["trained"] == 6
    larger = ("search", "--max-params", "60k", "--trials", 8, "--promote", 3, *WORDS[7:])
    more = budgetnas(*larger, cwd=folder)
    assert more.returncode == 0, more.stderr
    after = trials(folder / "runs" / "digits-60k-s0")
    assert len(after) == 13
    kept = ["trial", "state", "spec", "score", "seconds"]
    pd.testing.assert_frame_equal(after[kept].head(11), before[kept])
    promoted = before.trial[before.full_score.notna()]
    assert after.full_score[promoted].notna().all()
    assert after.full_score.notna().sum() >= 3
    assert len(json.loads(manifest.read_text())["earlier_drivers"]) == 1
    shown = budgetnas(*larger, cwd=folder)
    assert "already finished" in shown.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--set", "proxy.recipe=full"), "proxy.recipe"),
        (("--set", "space.width_step=16"), "space.width_step was 8, is 16"),
        (("--full-epochs", "5"), "full.epochs was 4, is 5"),
        (("--set", "proxy.rungs=[2]"), "proxy.rungs was [3], is [2]"),
        (("--rungs", "2"), "proxy.rungs was [3], is [2]"),
        (("--recipe", "proxy"), "full.recipe"),
        (("--no-paper-models",), "search.paper_models was True, is False"),
        (("--set", "engine.threads=2"), "engine.threads was 1, is 2"),
        (("--subset", "20"), "data.fingerprint"),
    ],
)
def test_a_study_resumed_with_something_else_says_what(finished, capsys, monkeypatch, words, said):
    from budgetnas.cli.main import main

    folder, _ = finished
    monkeypatch.chdir(folder)
    before = (folder / "runs" / "digits-60k-s0" / "study.db").read_bytes()
    assert main([*map(str, WORDS), *words]) == 1
    error = capsys.readouterr().err
    assert "was started with other settings" in error
    assert said in error
    assert error.count("\n") == 1
    assert (folder / "runs" / "digits-60k-s0" / "study.db").read_bytes() == before


def test_a_dry_run_writes_nothing_and_tells_what_is_left(budgetnas, finished, tmp_path):
    done = budgetnas(*WORDS, "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "for all of it" in done.stdout
    assert list(tmp_path.iterdir()) == []
    folder, _ = finished
    before = (folder / "runs" / "digits-60k-s0" / "study.db").read_bytes()
    more = ("search", "--max-params", "60k", "--trials", 40, *WORDS[5:], "--dry-run", "--json")
    short, full = json.loads(budgetnas(*more, cwd=folder).stdout)["costs"]
    done = len(pd.read_csv(folder / "runs" / "digits-60k-s0" / "trials.csv").query("state == 'COMPLETE'"))
    assert (short["trainings"], full["trainings"] <= 2) == (40 - done, True)
    assert (folder / "runs" / "digits-60k-s0" / "study.db").read_bytes() == before


def test_longer_full_trainings_need_no_new_short_ones(budgetnas, finished):
    folder, _ = finished
    old, new = (folder / "runs" / name for name in ("digits-60k-s0", "longer"))
    words = ("search", "--max-params", "60k", "--trials", len(trials(old)) - 5, *WORDS[5:7], *WORDS[9:])
    words = (*words, "--full-epochs", 5, "--name", "longer", "--set", "proxy.from_run=runs/digits-60k-s0")
    done = budgetnas(*words, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "taken over   the finished short trainings of runs/digits-60k-s0" in done.stdout
    kept = ["trial", "state", "spec", "score", "seconds"]
    pd.testing.assert_frame_equal(trials(new)[kept], trials(old)[kept])
    fulls = pd.read_csv(new / "trainings.csv").query("level == 'full'")
    assert list(fulls.epochs) == [5, 5]
    manifest = json.loads((new / "manifest.json").read_text())
    assert manifest["taken_over"]["from"] == "digits-60k-s0"
    assert manifest["taken_over"]["drivers"][0]["command"].startswith("budgetnas search --max-params 60k")


def test_own_images_flow_through_with_their_own_shape(budgetnas, tmp_path, make_npz):
    path = make_npz(side=12, channels=3, per_class=30)
    words = ("--trials", 2, "--promote", 1, "--full-epochs", 1, "--set", "proxy.rungs=[1]", "--no-paper-models")
    done = budgetnas("search", "--max-params", "20k", "--dataset", path, *words, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["notice"] is None
    arch = json.loads((tmp_path / result["run"] / "best" / "arch.json").read_text())
    assert arch["shape"] == {"channels": 3, "height": 12, "width": 12, "classes": 3}
