"""A run opened by one driver, or read: its settings are checked, its levels loaded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from budgetnas.config.recorded import HEAD
from budgetnas.config.toml import write_toml
from budgetnas.pipeline.commands import resume_command
from budgetnas.pipeline.describe import public, setup_of
from budgetnas.pipeline.ladder import Ladder, make_ladder, ranges_of
from budgetnas.pipeline.prepare import PreparedStudy
from budgetnas.pipeline.reuse import find_source, take_over
from budgetnas.pipeline.work_left import hold
from budgetnas.storage.database import Storage, found_url, open_storage, sqlite_url, study_names
from budgetnas.storage.files import own, write_text
from budgetnas.storage.lease import leased
from budgetnas.storage.study import StudyStore, copied
from budgetnas.trials.facts import RunFacts, required
from budgetnas.trials.levels import FULL


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenRun:
    """A run that this driver alone may write.

    Attributes:
        folder: of the run.
        storage: of its studies.
        prepared: the study, with the recipes and bands that it was started with.
        ladder: its levels with their studies.
        check: raises StorageError once another driver has taken over, as every write to the ladder does.
    """

    folder: Path
    storage: Storage
    prepared: PreparedStudy
    ladder: Ladder
    check: Callable[[], None]


@contextlib.contextmanager
def opened(prepared: PreparedStudy, *, kind: str) -> Iterator[OpenRun]:
    """Hold the run of a study, made if need be, and record what it is set up with now.

    Raises:
        StorageError: folder or storage cannot be used, or another driver holds one of them.
        StudyMismatchError: something that proposals or scores depend on has changed.
    """
    output = prepared.config.output
    folder, full = prepared.folder, f"{prepared.name}/{FULL}"
    url = output.storage or sqlite_url(folder / "study.db")
    elsewhere = open_storage(url) if output.storage else None  # a wrong address is told before a folder is made
    with own(folder):
        storage = elsewhere or open_storage(url)
        before = StudyStore(storage, full, ranges_of(prepared))
        if before.facts.identity is not None:  # a change is refused before anything is written
            hold(prepared, before, names=study_names(storage), kind=kind)
        with leased(storage, full, what=prepared.name) as lease:
            fulls = StudyStore(storage, full, ranges_of(prepared), guard=lease.check)
            asked, prepared = prepared, _started(prepared, fulls, storage, kind=kind)
            if prepared.seeds != asked.seeds:  # those that the run was started with may be wider
                fulls = StudyStore(storage, full, ranges_of(prepared), guard=lease.check)
            ladder = make_ladder(prepared, storage, fulls, guard=lease.check)
            fulls.record(RunFacts(setup=setup_of(prepared, kind=kind).as_json()))
            write_text(prepared.study_path, study_file(prepared, kind=kind))
            yield OpenRun(folder=folder, storage=storage, prepared=prepared, ladder=ladder, check=lease.check)


def rehearsed(prepared: PreparedStudy, *, kind: str) -> tuple[PreparedStudy, Ladder]:
    """Return what a driver of a study would find: the study with its bands, and its levels, copied into memory.

    Raises:
        StorageError: the storage cannot be read.
        StudyMismatchError: something that proposals or scores depend on has changed.
    """
    storage = copied(found_url(prepared.folder, prepared.config.output.storage), prepared.name)
    fulls = StudyStore(storage, f"{prepared.name}/{FULL}", ranges_of(prepared))
    prepared = _started(prepared, fulls, storage, kind=kind)
    return prepared, make_ladder(prepared, storage, fulls)


def _started(prepared: PreparedStudy, fulls: StudyStore, storage: Storage, *, kind: str) -> PreparedStudy:
    """Check a study against its start, or start it, with the short trainings of another where it names one."""
    names = study_names(storage)
    source = find_source(prepared, fulls, names=names)
    if source is not None:
        prepared = source.prepared.with_bands(required(source.facts.bands, "bands"))
    prepared = hold(prepared, fulls, names=names, kind=kind)
    if source is not None:
        take_over(source, prepared, fulls, storage)
    return prepared


def study_file(prepared: PreparedStudy, *, kind: str) -> str:
    """Return the study file that resumes a run; an address with a password in it stays out of it."""
    config, name = prepared.config, f"RUN/{prepared.study_path.name}"
    is_private = public(config) != config
    command = resume_command(name, kind=kind, networks=config.search.trials, hides_storage=is_private)
    if is_private:
        config = replace(config, output=replace(config.output, storage=None))
    return write_toml(asdict(config), head=f"{HEAD}; `{command}` goes on with it.")
