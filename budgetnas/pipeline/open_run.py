"""The opening of a run: its settings are checked, one driver holds it, its levels are loaded."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from budgetnas.exceptions import StudyMismatchError
from budgetnas.pipeline.describe import setup_of, study_file
from budgetnas.pipeline.identity import changes, listed, resumed, with_recorded
from budgetnas.pipeline.ladder import Ladder, make_ladder, metric_of
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.pipeline.stored_index import keep_index
from budgetnas.storage.database import Storage, found_url, open_run, open_storage, sqlite_url, study_names
from budgetnas.storage.files import own, write_text
from budgetnas.storage.lease import leased
from budgetnas.storage.study import StudyStore, add_finished, copied, read_study
from budgetnas.trials.facts import RunFacts, Takeover
from budgetnas.trials.record import required
from budgetnas.trials.trial import FULL, rung_name


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
    folder: Path, study: str | None, *, what: str, check: Callable[[Storage], object], url: str | None = None
) -> Iterator[tuple[Storage, Callable[[], None]]]:
    """Hold the run in a folder for this driver alone; yield its storage, and the guard of every write to it.

    Args:
        folder: of the run, made if need be.
        study: name of the study whose lease to take; None where no other host can reach the storage but by the folder.
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
        if study is None:
            yield storage, lambda: None
            return
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
        keep_index(prepared.index, folder)
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
    fulls = StudyStore(storage, f"{prepared.name}/{FULL}", prepared.ranges, metric=metric_of(prepared), guard=guard)
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The search that `proxy.from_run` names.

    Attributes:
        name: of its run.
        prepared: the study that takes over, with the recipe of the search's short trainings.
        storage: of its studies.
        facts: what was recorded of it as a whole.
    """

    name: str
    prepared: PreparedStudy
    storage: Storage
    facts: RunFacts


def find_source(prepared: PreparedStudy, facts: RunFacts, *, names: Collection[str]) -> Source | None:
    """Return the search whose short trainings are still to be copied; None without one.

    They are copied if the study would propose and score them the same way. A search with another recipe or length of
    full training then needs no new short trainings.

    Args:
        prepared: the study.
        facts: what was recorded of its run.
        names: of all studies in its storage.

    Raises:
        StorageError: there is no such search.
        StudyMismatchError: its short trainings are not those of this study, which may have some of its own.
    """
    run = prepared.config.proxy.from_run
    if run is None:
        return None
    folder, taken = Path(run), facts.taken
    name = folder.resolve().name
    if taken is None and f"{prepared.name}/{rung_name(prepared.rungs[0])}" in names:
        raise StudyMismatchError(
            f"is {run!r}, but `{prepared.name}` has its own short trainings: leave it out, or give another "
            "`output.name`.",
            argument="proxy.from_run",
        )
    if taken is not None and taken.source != name:
        raise StudyMismatchError(
            f"is {run!r}, but `{prepared.name}` has its short trainings from `{taken.source}`: give "
            "that, or another `output.name`.",
            argument="proxy.from_run",
        )
    if taken is not None and taken.is_whole:
        return None
    is_here = (folder / "study.db").is_file()
    storage = open_run(folder, None if is_here else prepared.config.output.storage)
    theirs = read_study(storage, f"{name}/{FULL}")[1]
    prepared = with_recorded(prepared, theirs, short_only=True)
    changed = _short(changes(theirs.identity or {}, prepared.identity()))
    if changed:
        raise StudyMismatchError(
            f"is {run!r}, but that search was started with other settings ({listed(changed)}): use the "
            "original ones, [full] aside, or leave it out.",
            argument="proxy.from_run",
        )
    return Source(name=name, prepared=prepared, storage=storage, facts=theirs)


def take_over(source: Source, prepared: PreparedStudy, fulls: StudyStore, storage: Storage) -> None:
    """Copy the finished short trainings; after an interruption the next driver resumes the copying."""
    taken = Takeover(source=source.name, is_whole=False, drivers=source.facts.drivers or (), trainings={})
    fulls.record(RunFacts(taken=taken))
    known, trainings = study_names(source.storage), {}
    for level in map(rung_name, prepared.rungs):
        before, after = f"{source.name}/{level}", f"{prepared.name}/{level}"
        if before in known:
            trainings[level] = add_finished(source.storage, before, storage, after)
    fulls.record(RunFacts(taken=replace(taken, is_whole=True, trainings=trainings)))


def _short(changed: Mapping[str, str]) -> dict[str, str]:
    """Return the changes that concern short trainings."""
    return {key: change for key, change in changed.items() if not key.startswith("full.")}
