"""Trials as they are stored: read from their attributes, and from a database file without Optuna."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from budgetnas.arch.spec import ResNetSpec
from budgetnas.budget import SIZES
from budgetnas.config.recorded import origin_now
from budgetnas.exceptions import StorageError
from budgetnas.storage.files import inside, read_bytes
from budgetnas.text import one_line
from budgetnas.trials.facts import RunFacts, TrialFacts
from budgetnas.trials.record import required
from budgetnas.trials.trial import Candidate, Trial, TrialState

_RECORD = "budgetnas"


def write_candidate(candidate: Candidate) -> dict[str, Any]:
    """Return the attributes that describe the network of a trial, for readers and for `read_trial`."""
    return {
        "spec": candidate.spec.id,
        "params": candidate.params,
        "macs": candidate.macs,
        "origin": candidate.origin,
        **{cost: number for cost in SIZES if (number := getattr(candidate, cost)) is not None},
        _RECORD: candidate.spec.to_json(),
    }


def read_trial(
    *, number: int, state: str, value: float | None, curve: Mapping[int, float], attrs: Mapping[str, Any]
) -> Trial:
    """Return a trial from its values in a storage.

    Args:
        number: number of the trial.
        state: Optuna's name of its state.
        value: its objective; None without one.
        curve: its intermediate values.
        attrs: its user attributes.

    Raises:
        ValueError: another program made the trial, or one of its facts has a wrong type.
    """
    rest = dict(attrs)
    record = rest.pop(_RECORD, None)
    if record is None:
        raise ValueError(f"trial {number} was not made by budgetnas")
    spec = ResNetSpec.from_json(record)
    rest.pop("spec")
    origin = origin_now(str(rest.pop("origin")))
    sizes = {cost: rest.pop(cost, None) for cost in SIZES}
    candidate = Candidate(spec=spec, params=rest.pop("params"), macs=rest.pop("macs"), origin=origin, **sizes)
    known = TrialState(state)
    return Trial(
        number=number,
        candidate=candidate,
        state=known,
        score=value if known is TrialState.COMPLETE else None,
        curve=dict(curve),
        facts=TrialFacts.from_json(rest),
    )


def read_weights(run: Trial, folder: Path) -> bytes:
    """Read the weights of a training from the folder of its run.

    Raises:
        StorageError: the training kept none, or the file is outside the folder or damaged.
    """
    name, sha256 = required(run.facts.weights, "weights"), required(run.facts.weights_sha256, "weights_sha256")
    return read_bytes(inside(folder, name), sha256)


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
