from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from budgetnas.exceptions import StorageError
from budgetnas.storage.database import open_storage, public_url, sqlite_url, translated


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
    with pytest.raises(StorageError, match="give another --name"), translated("mine"):
        raise sqlite3.DatabaseError("file is not a database")
