"""The real command with real training, where a short training costs as much as a full one."""

from __future__ import annotations

import pandas as pd

from budgetnas.storage.database import open_storage, sqlite_url
from budgetnas.storage.study import read_study

WORDS = (
    "search", "--max-params", "60k", "--trials", 14, "--promote", 4, "--full-epochs", 1, "--device", "cpu",
    "--dataset", "digits", "--subset", 20, "--no-paper-models", "--set", "proxy.rungs=[1]",
)  # fmt: skip


def test_some_full_trainings_come_between_the_short_ones(budgetnas, tmp_path):
    done = budgetnas(*WORDS, "--workers", 2, "--name", "s", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "14 trained; ended because all trials were done." in done.stdout
    run = tmp_path / "runs" / "s"
    storage = open_storage(sqlite_url(run / "study.db"))
    decided = read_study(storage, "s/full")[1].early
    assert set(decided) == {"12"}, "the first batch after the start that has an outlook"
    full = pd.read_csv(run / "trainings.csv").query("level == 'full'")
    assert list(full.root[: len(decided["12"])]) == list(decided["12"])
    assert len(full) == 4
