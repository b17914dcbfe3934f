from __future__ import annotations

import gc
import sqlite3
from pathlib import Path

import pytest
from optuna.study import StudyDirection
from sqlalchemy.exc import OperationalError

from budgetnas.exceptions import StorageError
from budgetnas.storage.database import (
    existing_storage,
    find_study,
    open_run,
    open_storage,
    public_url,
    run_url,
    sqlite_url,
    study_names,
    translated,
)
from budgetnas.storage.study import copied


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:SECRET@host/db", "postgresql://me:***@host/db"),
        ("postgresql://host/db?user=me&password=SECRET", "postgresql://host/db?user=me"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("sqlite:///a:b@c/study.db", "sqlite:///a:b@c/study.db"),
        ("no address", "no address"),
    ],
)
def test_no_password_is_shown(url, shown):
    assert public_url(url) == shown


def test_errors_show_no_password():
    with pytest.raises(StorageError) as caught:
        open_storage("postgresql+nothing://me:SECRET@host/db")
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%20b"])
def test_folders_that_an_address_cannot_carry_are_refused(name):
    with pytest.raises(StorageError, match="which a database URL cannot carry"):
        sqlite_url(Path(name) / "study.db")


def test_a_passing_fault_is_no_advice_to_remove_anything():
    for error in (OperationalError("x", {}, sqlite3.OperationalError("database is locked")), OSError("no space")):
        with pytest.raises(StorageError, match="run the same command again"), translated("mine"):
            raise error
    with pytest.raises(StorageError, match="choose another name or storage"), translated("mine"):
        raise sqlite3.DatabaseError("file is not a database")


def test_what_a_killed_writer_left_half_done_is_rolled_back_and_the_study_opens(tmp_path):
    import subprocess
    import sys

    path = tmp_path / "study.db"
    storage = open_storage(sqlite_url(path))
    storage.create_new_study([StudyDirection.MAXIMIZE], "kept")
    code = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA cache_size = 2")
connection.execute("BEGIN IMMEDIATE")
connection.execute("CREATE TABLE half (word TEXT)")
connection.executemany("INSERT INTO half VALUES (?)", [("x" * 4000,) for _ in range(200)])
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert (tmp_path / "study.db-journal").stat().st_size > 0, "a hot journal is what this is about"
    assert study_names(open_storage(sqlite_url(path))) == ["kept"]


def test_connections_are_closed_when_nobody_holds_the_storage_any_more(tmp_path):
    storage = open_storage(sqlite_url(tmp_path / "study.db"))
    storage.get_all_studies()
    pool = storage.engine.pool
    assert pool.checkedin() >= 1
    del storage
    gc.collect()
    assert pool.checkedin() == 0


def test_a_storage_that_is_only_read_must_be_there(tmp_path):
    with pytest.raises(StorageError, match=r"nope\.db` does not exist: give the storage of a run"):
        run_url(tmp_path, f"sqlite:///{tmp_path / 'nope.db'}")
    assert not (tmp_path / "nope.db").exists()
    assert run_url(tmp_path, "postgresql://host/name") == "postgresql://host/name"


def test_whoever_only_reads_makes_no_tables(tmp_path):
    path = tmp_path / "study.db"
    path.touch()
    assert existing_storage(sqlite_url(path)) is None
    with pytest.raises(StorageError, match=r"study\.db` holds no Optuna study: give the folder or the storage"):
        open_run(tmp_path)
    assert find_study(sqlite_url(path), "mine") is None
    assert study_names(copied(sqlite_url(path), "mine")) == []
    assert path.read_bytes() == b""
    open_storage(sqlite_url(path)).create_new_study([StudyDirection.MAXIMIZE], "mine/r3")
    assert study_names(existing_storage(sqlite_url(path))) == ["mine/r3"]
    assert study_names(open_run(tmp_path)) == ["mine/r3"]
    assert study_names(copied(sqlite_url(path), "mine")) == ["mine/r3"]


def test_a_database_whose_driver_is_not_installed_is_no_dead_end():
    with pytest.raises(StorageError, match=r"install its driver, .* `pip install 'budgetnas\[postgres\]'"):
        open_storage("postgresql+pg8000://host/db")
