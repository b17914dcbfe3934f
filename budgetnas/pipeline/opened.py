"""A run opened for one driver: its folder held, its study held to what it was begun with, its levels at hand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from budgetnas.config.writer import study_toml
from budgetnas.outcome.levels import FULL
from budgetnas.outcome.setup import CALIBRATION
from budgetnas.pipeline.describe import setup_of
from budgetnas.pipeline.ladder import Ladder, make_ladder, ranges_of
from budgetnas.pipeline.prepare import Prepared
from budgetnas.pipeline.resume import hold
from budgetnas.storage.database import Storage, open_storage, public_url, sqlite_url, study_names
from budgetnas.storage.files import own, write_text
from budgetnas.storage.study import StudyStore

STUDY_FILE = "study.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A run that this driver alone may write.

    Attributes:
        folder: of the run.
        storage: of its studies.
        prepared: the study, with the bands that it was begun with.
        ladder: its levels with their studies.
    """

    folder: Path
    storage: Storage
    prepared: Prepared
    ladder: Ladder


@contextlib.contextmanager
def opened(prepared: Prepared, *, kind: str) -> Iterator[Opened]:
    """Hold the run of a study, made if need be, and record what it is set up with now.

    Raises:
        StorageError: the folder or the storage cannot be used, or another process holds the folder.
        StudyMismatchError: something that proposals or scores depend on has changed.
    """
    output = prepared.config.output
    folder = Path(output.dir) / prepared.name
    url = output.storage or sqlite_url(folder / "study.db")
    elsewhere = open_storage(url) if output.storage else None  # a wrong address is told before a folder is made
    with own(folder):
        storage = elsewhere or open_storage(url)
        fulls = StudyStore(storage, f"{prepared.name}/{FULL}", ranges_of(prepared))
        prepared = hold(prepared, fulls, names=study_names(storage), kind=kind)
        ladder = make_ladder(prepared, storage, fulls)
        fulls.record("setup", setup_of(prepared, kind=kind).as_json())
        write_text(folder / STUDY_FILE, study_file(prepared, kind=kind))
        yield Opened(folder=folder, storage=storage, prepared=prepared, ladder=ladder)


def study_file(prepared: Prepared, *, kind: str) -> str:
    """Write the study file that goes on with a run; an address with a password in it stays out of it."""
    config, storage = prepared.config, prepared.config.output.storage
    command = f"calibrate RUN/{STUDY_FILE} --networks {config.search.trials}"
    if kind != CALIBRATION:
        command = f"search RUN/{STUDY_FILE}"
    if storage is not None and public_url(storage) != storage:
        config = replace(config, output=replace(config.output, storage=None))
        command += " --storage URL"
    return study_toml(config, head=f"This run with every default decided; `budgetnas {command}` goes on with it.")
