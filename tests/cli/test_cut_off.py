"""The real command with real training: interrupted, then killed, it ends with the tables of a search left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

pytestmark = pytest.mark.faults
WORDS = (
    "search", "--max-params", "60k", "--trials", 5, "--promote", 1, "--full-epochs", 2, "--device", "cpu",
    "--dataset", "digits", "--subset", 40, "--no-paper-models", "--set", "proxy.rungs=[1]",
    "--set", "evidence.control_repeats=2", "--set", 'evidence.control_networks=["random"]',
)  # fmt: skip
CONTROLS = (*WORDS, "--set", "evidence.controls=true", "--set", "evidence.random_control=true")
SAID = "run the same command to resume"


def cut_off(words, cwd, number, *, when):
    """Run the command and send it a signal as soon as there is such a file with such content; return what it said."""
    command = [sys.executable, "-m", "budgetnas", *map(str, words)]
    with subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        while process.poll() is None and not when():
            time.sleep(0.05)
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as Ctrl-C does: the workers hear it too
        else:
            process.send_signal(number)
        out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_a_search_interrupted_then_given_controls_and_killed_twice_goes_on_to_the_same_tables(budgetnas, tmp_path):
    alone, here = tmp_path / "alone", tmp_path / "here"
    alone.mkdir(), here.mkdir()
    assert budgetnas(*CONTROLS, cwd=alone).returncode == 0
    ours, theirs = (folder / "runs" / "digits-60k-s0" for folder in (here, alone))
    status, out, err = cut_off(WORDS, here, signal.SIGINT, when=lambda: some_are_complete(ours / "study.db"))
    assert (status, err) == (130, "")
    assert SAID in out
    for level in ("random", "controls"):
        there = cut_off(
            CONTROLS, here, signal.SIGKILL, when=lambda level=level: list(ours.glob(f"{level}/*.safetensors"))
        )
        assert there[0] == -signal.SIGKILL
    resumed = budgetnas(*CONTROLS, "--workers", 1, cwd=here)
    assert resumed.returncode == 0, resumed.stderr
    assert "for what is left" in resumed.stdout
    for name in ("trials.csv", "trainings.csv"):
        mine, other = (pd.read_csv(folder / name).drop(columns="seconds") for folder in (ours, theirs))
        pd.testing.assert_frame_equal(mine, other)
    assert (ours / "curves.csv").read_bytes() == (theirs / "curves.csv").read_bytes()
    assert not pd.read_csv(ours / "curves.csv").isna().any(axis=None), "also the losses of what was killed"
    assert not (ours / "states").exists()
    arms = [json.loads((folder / "manifest.json").read_text())["random_arms"] for folder in (ours, theirs)]
    assert arms[0] == arms[1], "the random networks of equal cost are those of a search left alone"
    assert set(pd.read_csv(ours / "trainings.csv").level) == {"r1", "full", "random", "controls"}


def some_are_complete(database):
    import sqlite3

    if not database.exists():
        return False
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            return bool(connection.execute("SELECT 1 FROM trials WHERE state = 'COMPLETE'").fetchall())
    except sqlite3.OperationalError:
        return False
