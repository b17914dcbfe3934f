"""Fast reading of a study database with plain SQL, without Optuna and without writing."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from budgetnas.exceptions import StorageError
from budgetnas.storage.record import read_trial
from budgetnas.text import one_line
from budgetnas.trials.facts import RunFacts
from budgetnas.trials.trial import Trial

Study = tuple[Sequence[Trial], RunFacts]
DATABASE = "study.db"  # in the folder of a run
_WAIT_SECONDS = 5.0
_JOURNAL = "-journal"


def glance(path: Path) -> dict[str, Study]:
    """Return the trials, without their learning curves, and the facts of every study in an SQLite file, by name.

    Raises:
        StorageError: the file cannot be read, or is no study database.
    """
    try:
        try:
            return _read(path)
        except sqlite3.OperationalError:
            if not path.with_name(path.name + _JOURNAL).exists():
                raise
            return _read_copy(path)
    except (sqlite3.Error, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = one_line(error)
        raise StorageError(f"`{path.name}` cannot be read ({reason}): repair it, or restore a copy.") from error


def _read_copy(path: Path) -> dict[str, Study]:
    """Read a copy of a database whose writer was killed: SQLite writes to the file to roll it back."""
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("", _JOURNAL):
            shutil.copy(f"{path}{suffix}", Path(folder) / f"{path.name}{suffix}")
        return _read(Path(folder) / path.name, mode="rw")


def _read(path: Path, mode: str = "ro") -> dict[str, Study]:
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS)) as connection:
        connection.execute("BEGIN")  # one state of the database for all that follows
        names = connection.execute("SELECT study_id, study_name FROM studies").fetchall()
        return {name: (_trials(connection, study), _facts(connection, study)) for study, name in names}


def _facts(connection: sqlite3.Connection, study: int) -> RunFacts:
    rows = connection.execute("SELECT key, value_json FROM study_user_attributes WHERE study_id = ?", (study,))
    return RunFacts.from_json({key: json.loads(value) for key, value in rows})


def _trials(connection: sqlite3.Connection, study: int) -> list[Trial]:
    attrs: dict[int, dict[str, Any]] = {}
    rows = connection.execute(
        "SELECT trial_id, key, value_json FROM trial_user_attributes JOIN trials USING (trial_id) WHERE study_id = ?",
        (study,),
    )
    for trial, key, value in rows:
        attrs.setdefault(trial, {})[key] = json.loads(value)
    rows = connection.execute(
        "SELECT trials.trial_id, number, state, value FROM trials LEFT JOIN trial_values USING (trial_id) "
        "WHERE study_id = ? ORDER BY number",
        (study,),
    )
    return [
        read_trial(number=number, state=state, value=value, curve={}, attrs=attrs.get(trial, {}))
        for trial, number, state, value in rows
    ]
