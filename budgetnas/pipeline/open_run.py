"""The opening of a run: its settings are checked, one driver holds it, its levels are loaded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from budgetnas.exceptions import StudyMismatchError
from budgetnas.pipeline.describe import setup_of, study_file
from budgetnas.pipeline.identity import resumed
from budgetnas.pipeline.ladder import Ladder, make_ladder
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.pipeline.reuse import Source, find_source, take_over
from budgetnas.storage.database import Storage, found_url, open_storage, sqlite_url, study_names
from budgetnas.storage.files import own, write_text
from budgetnas.storage.lease import leased
from budgetnas.storage.study import StudyStore, copied, read_study
from budgetnas.trials.facts import RunFacts, required
from budgetnas.trials.trial import FULL


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenRun:
    """A search or a calibration that this driver alone may write.

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
def held(
    folder: Path, study: str, *, what: str, check: Callable[[Storage], object], url: str | None = None
) -> Iterator[tuple[Storage, Callable[[], None]]]:
    """Hold the run in a folder for this driver alone; yield its storage, and the guard of every write to it.

    Args:
        folder: of the run, made if need be.
        study: name of the study that keeps the facts of the run.
        what: to call the run in errors.
        check: refuses a change of the run before anything is written.
        url: of a storage elsewhere; `study.db` in the folder unless given.

    Raises:
        StorageError: folder or storage cannot be used, or another driver holds one of them.
    """
    elsewhere = open_storage(url) if url else None  # a wrong address is reported before a folder is made
    with own(folder):
        storage = elsewhere or open_storage(sqlite_url(folder / "study.db"))
        check(storage)
        with leased(storage, study, what=what) as lease:
            yield storage, lease.check


@contextlib.contextmanager
def opened(asked: PreparedStudy) -> Iterator[OpenRun]:
    """Hold the run of a study, made if need be, and record its setup.

    Raises:
        StorageError: folder or storage cannot be used, or another driver holds one of them.
        StudyMismatchError: something that proposals or scores depend on has changed.
    """
    folder, study, url = asked.folder, f"{asked.name}/{FULL}", asked.config.output.storage
    with held(folder, study, what=asked.name, check=lambda storage: _settled(asked, storage), url=url) as hold:
        storage, guard = hold
        prepared, ladder = loaded(asked, storage, guard=guard)
        ladder.fulls.record(RunFacts(setup=setup_of(prepared).as_json()))
        write_text(prepared.study_path, study_file(prepared))
        yield OpenRun(folder=folder, storage=storage, prepared=prepared, ladder=ladder, check=guard)


def rehearsed(asked: PreparedStudy) -> tuple[PreparedStudy, Ladder]:
    """Return what a driver of a study would find: the study with its bands, and its levels, copied into memory.

    Raises:
        StorageError: the storage cannot be read.
        StudyMismatchError: something that proposals or scores depend on has changed.
    """
    return loaded(asked, copied(found_url(asked.folder, asked.config.output.storage), asked.name))


def loaded(
    asked: PreparedStudy, storage: Storage, *, guard: Callable[[], None] = lambda: None
) -> tuple[PreparedStudy, Ladder]:
    """Return a study as it was started, and its levels; a new one is marked, and takes over what it names."""
    prepared, source = _settled(asked, storage)
    fulls = StudyStore(storage, f"{prepared.name}/{FULL}", prepared.ranges, guard=guard)
    if fulls.facts.identity is None:
        fulls.record(RunFacts(bands=tuple((tier.band.low, tier.band.high) for tier in prepared.tiers)))
        fulls.record(RunFacts(identity=prepared.identity()))
    if source is not None:
        take_over(source, prepared, fulls, storage)
    return prepared, make_ladder(prepared, storage, fulls, guard=guard)


def _settled(asked: PreparedStudy, storage: Storage) -> tuple[PreparedStudy, Source | None]:
    """Return a study with what its run was started with, and the search whose short trainings it is still to take over.

    Nothing is written.
    """
    names, study = study_names(storage), f"{asked.name}/{FULL}"
    trials, facts = read_study(storage, study) if study in names else ((), RunFacts())
    source = find_source(asked, facts, names=names)
    if source is not None:
        asked = source.prepared.with_bands(required(source.facts.bands, "bands"))
    if facts.identity is None and (trials or any(name.startswith(f"{asked.name}/r") for name in names)):
        raise StudyMismatchError(
            f"`{asked.name}` holds trials of another program, or of another version of this one: give another "
            "`output.name`."
        )
    return resumed(asked, facts), source
