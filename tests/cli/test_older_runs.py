"""Runs that commit 5c8fc35 made open, resume to the same tables, report and verify."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

MADE = Path(__file__).parents[1] / "fixtures" / "made-by-5c8fc35"
NETWORKS = ["trial", "origin", "spec", "params", "macs", "utilisation"]


@pytest.fixture
def runs(tmp_path):
    """A copy of the runs, which a test may change."""
    shutil.copytree(MADE, tmp_path / "runs", ignore=shutil.ignore_patterns("expected"))
    return tmp_path / "runs"


def expected(name: str) -> pd.DataFrame:
    return pd.read_csv(MADE / "expected" / f"{name}.csv")


def test_a_finished_search_is_read_reported_and_verified(runs, budgetnas):
    listed = json.loads(budgetnas("list", runs, "--json").stdout)
    assert {run["name"] for run in listed} == {"finished", "stopped", "trained"}
    for table in ("trials", "trainings"):
        (runs / "finished" / f"{table}.csv").unlink()
    done = budgetnas("report", runs / "finished")
    assert done.returncode == 0, done.stderr
    for table in ("trials", "trainings"):
        assert_frame_equal(pd.read_csv(runs / "finished" / f"{table}.csv"), expected(f"finished-{table}"))
    assert "<html" in (runs / "finished" / "report.html").read_text()
    for words in (("best", runs / "finished", "--max-params", "15k"), ("best", runs / "finished")):
        assert budgetnas(*words).returncode == 0
    verified = budgetnas("verify", runs / "finished" / "best", "--dataset", "digits")
    assert verified.returncode == 0, verified.stdout
    exported = budgetnas("export", runs / "finished", "--out", runs / "again")
    assert exported.returncode == 0, exported.stderr
    old, new = (
        json.loads((folder / "results.json").read_text()) for folder in (runs / "finished/best", runs / "again")
    )
    assert old == new


def test_a_search_stopped_half_way_resumes_to_the_same_networks(runs, budgetnas):
    words = ("--max-params", "20k", "--trials", 12, "--promote", 2, "--full-epochs", 4, "--workers", 1)
    words = ("search", *words, "--no-paper-models", "--name", "stopped", "--seed", 1, "--out", runs)
    done = budgetnas(*words)
    assert done.returncode == 0, done.stderr
    found, old = pd.read_csv(runs / "stopped" / "trials.csv"), expected("stopped-trials")
    assert_frame_equal(found[NETWORKS], old[NETWORKS])
    assert (found.state == "COMPLETE").all()
    assert list(found.score[:6]) == list(old.score[:6])
    assert (found.score - old.score).abs().max() < 0.1  # another processor, or another order of additions
    assert found.full_score.notna().sum() == 2
    assert budgetnas("verify", runs / "stopped" / "best", "--dataset", "digits").returncode == 0


def test_a_training_stopped_half_way_resumes_with_its_running_mean(runs, budgetnas):
    words = ("train", "1x16-2x16", "--recipe", "long", "--epochs", 40, "--seed", 3, "--name", "trained", "--out", runs)
    done = budgetnas(*words)
    assert done.returncode == 0, done.stderr
    epochs = [line for line in done.stdout.splitlines() if line.startswith("1x16-2x16 #0")]
    assert len(epochs) == 25, "the first 15 epochs are not trained again"
    found, old = pd.read_csv(runs / "trained" / "epochs.csv"), expected("trained-epochs")
    assert_frame_equal(found[:15], old[:15])
    assert (found.accuracy - old.accuracy).abs().max() < 0.1
    assert abs(found.accuracy.iloc[-1] - old.accuracy.iloc[-1]) < 0.05
