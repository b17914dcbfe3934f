"""Trials read from a database file without Optuna."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from budgetnas.arch.spec import ResNetSpec
from budgetnas.exceptions import StorageError
from budgetnas.space.parameters import Ranges
from budgetnas.storage.database import open_storage, sqlite_url
from budgetnas.storage.record import glance
from budgetnas.storage.study import StudyStore, read_study
from budgetnas.trials.facts import RunFacts, TrialFacts
from budgetnas.trials.trial import Candidate, TrialState

KILLED = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA cache_size = 2")  # pages go to the file before the transaction ends
connection.execute("UPDATE studies SET study_name = study_name || 'half'")
connection.executemany(
    "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (1, ?, ?)",
    [(f"k{i}", '"' + 4000 * "x" + '"') for i in range(50)],
)
os._exit(9)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "study.db"
    storage = open_storage(sqlite_url(path))
    store = StudyStore(storage, "mine/r3", Ranges(stages=(1, 4), blocks=(1, 8), widths=(1, 99)))
    candidate = Candidate(spec=ResNetSpec(blocks=(2, 1), widths=(16, 32)), params=10, macs=20, origin="random")
    store.add(candidate, state=TrialState.PRUNED, facts=TrialFacts(reason="5 parameters over the cap"))
    for score in (0.25, 0.9):
        trial = store.add(candidate, state=TrialState.RUNNING, facts=TrialFacts(seed=7))
        store.report(trial.number, 1, 0.1)
        store.finish(trial.number, score, TrialFacts(seconds=1.5, notices=("é",)))
    store.fail(store.add(candidate, state=TrialState.RUNNING, facts=TrialFacts()).number, "out of memory")
    store.add(candidate, state=TrialState.RUNNING, facts=TrialFacts())
    store.record(RunFacts(setup={"name": "mine", "rungs": [3]}))
    StudyStore(storage, "mine/full", Ranges(stages=(1, 4), blocks=(1, 8), widths=(1, 99)))
    return path


@pytest.fixture
def database(made, tmp_path):
    return Path(shutil.copy(made, tmp_path / "study.db"))


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_glance_sees_what_optuna_sees_but_for_curves(database):
    storage = open_storage(sqlite_url(database))
    found = glance(database)
    assert list(found) == ["mine/r3", "mine/full"]
    for name, (trials, facts) in found.items():
        expected, expected_facts = read_study(storage, name)
        assert trials == [replace(trial, curve={}) for trial in expected]
        assert facts == expected_facts
    assert [trial.score for trial in found["mine/r3"][0]] == [None, 0.25, 0.9, None, None]


def test_a_glance_writes_nothing_and_waits_for_no_writer(database):
    writer = sqlite3.connect(database, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE studies SET study_name = study_name || 'other'")
    before = content(database.parent)
    assert list(glance(database)) == ["mine/r3", "mine/full"]
    assert content(database.parent) == before
    writer.execute("ROLLBACK")
    writer.close()


def test_what_a_killed_writer_left_is_seen_rolled_back_and_left_as_it_is(database):
    done = subprocess.run([sys.executable, "-c", KILLED, str(database)], check=False)
    assert done.returncode == 9
    before = content(database.parent)
    assert "study.db-journal" in before
    assert b"half" in before["study.db"]
    found = glance(database)
    assert list(found) == ["mine/r3", "mine/full"]
    assert set(found["mine/r3"][1].to_json()) == {"setup"}
    assert content(database.parent) == before


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "foreign", "folder", "json", "record", "seed", "setup"])
def test_what_is_no_study_is_told_in_one_line(database, damage):
    if damage == "empty":
        database.write_bytes(b"")
    elif damage == "text":
        database.write_text("no database at all" * 100)
    elif damage == "cut":
        database.write_bytes(database.read_bytes()[:5000])
    elif damage == "folder":
        database.unlink()
        database.mkdir()
    else:
        connection = sqlite3.connect(database)
        connection.execute(
            {
                "foreign": "ALTER TABLE studies RENAME TO notes",
                "json": "UPDATE study_user_attributes SET value_json = '{'",
                "record": "DELETE FROM trial_user_attributes WHERE key = 'budgetnas'",
                "seed": "UPDATE trial_user_attributes SET value_json = '\"7\"' WHERE key = 'seed'",
                "setup": "UPDATE study_user_attributes SET value_json = '[1]' WHERE key = 'setup'",
            }[damage]
        )
        connection.commit()
        connection.close()
    said = r"^`study\.db` cannot be read \(.*\): repair it, or restore a copy\.$"
    with pytest.raises(StorageError, match=said):
        glance(database)
