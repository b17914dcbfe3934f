"""Short trainings reused from another search, if a new one would propose and score them the same way.

A search with another recipe or length of full training then needs no new short trainings.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from budgetnas.exceptions import StudyMismatchError
from budgetnas.pipeline.identity import changes, listed, with_recorded
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.storage.database import Storage, open_run, study_names
from budgetnas.storage.study import StudyStore, add_finished, read_study
from budgetnas.trials.facts import RunFacts, Takeover
from budgetnas.trials.trial import FULL, rung_name


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
    changed = changes(_short(theirs.identity or {}), _short(prepared.identity()))
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


def _short(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return what short trainings depend on."""
    return {key: value for key, value in identity.items() if not key.startswith("full.")}
