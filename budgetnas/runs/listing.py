"""The runs of a folder, one per row: kind, state, progress, best network; read without writing or locking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any, Literal

from budgetnas.evidence.accuracy import Interval
from budgetnas.exceptions import BudgetNASError, StorageError
from budgetnas.runs.calibration_set import drawn
from budgetnas.runs.networks import AFTER_FULL, AFTER_LAST, after_fresh, best_in_full, best_of, named_score
from budgetnas.runs.settings import (
    Kind,
    TrainingsSetup,
    is_finished,
    read_setup,
    read_trainings_setup,
    recorded_score,
    study_kind,
)
from budgetnas.storage.files import holder, parse_json, read_file
from budgetnas.storage.record import DATABASE, Study, glance
from budgetnas.text import one_line, plural
from budgetnas.trials.declaration import Declaration, training_key
from budgetnas.trials.facts import RunFacts
from budgetnas.trials.selection import within
from budgetnas.trials.trial import CONTROLS, FULL, WINNER, Looks, complete, counted, rung_name, unscored

RESULTS, CALIBRATED = "results.json", "calibration.json"
State = Literal["running", "stopped", "finished", "unreadable"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run, finished or not; None for unknown values.

    Attributes:
        name: of its folder.
        state: "stopped" means that the same command resumes it.
        kind: "search", "calibration", "train" or "reproduce".
        data: name of the data set.
        max_params: the largest cap on params.
        max_bytes: the cap on the exported file.
        max_memory: the cap on the working memory.
        done: trainings that are COMPLETE, of those that `asked` counts.
        asked: short trainings of a search, full ones of a calibration, all others.
        scored_by: the score, as `search.score` names it.
        score: of the best network, the mean over its seeds: a share in [0, 1], or a loss.
        score_interval: of it, at 95 % over the images.
        score_of: what that score is, or why there is none.
        spec: id of the best network.
        params: of the best network.
        test_accuracy: of the best network, in [0, 1], the mean over its seeds; None unless tested after the choice.
        test_interval: of it, at 95 % over the images.
        test_score: the score on the test set, where that is not the accuracy.
        test_score_interval: of it, at 95 % over the images.
        images: of the split that scores.
        process: which process runs it.
        why: why it cannot be read.
        changed: when its study was last written, ISO 8601 in UTC.
    """

    name: str
    state: State
    kind: str | None = None
    data: str | None = None
    max_params: int | None = None
    max_bytes: int | None = None
    max_memory: int | None = None
    done: int | None = None
    asked: int | None = None
    scored_by: str = "accuracy"
    score: float | None = None
    score_interval: Interval | None = None
    score_of: str | None = None
    spec: str | None = None
    params: int | None = None
    test_accuracy: float | None = None
    test_interval: Interval | None = None
    test_score: float | None = None
    test_score_interval: Interval | None = None
    images: int | None = None
    process: str | None = None
    why: str | None = None
    changed: str


def is_run(folder: Path) -> bool:
    """Return whether a folder is that of a run, and not of several."""
    return any((folder / name).is_file() for name in (DATABASE, RESULTS, CALIBRATED))


def find_runs(folder: Path) -> list[Run]:
    """Read every run below a folder, or the one run that the folder holds, newest first.

    Raises:
        StorageError: there is no such folder.
    """
    if is_run(folder):
        return [read_run(folder)]
    try:
        inside = [child for child in folder.iterdir() if child.is_dir() and not child.name.startswith(".")]
    except OSError as error:
        raise StorageError(
            f"`{folder}` cannot be read ({error.strerror}): give a folder of runs, or start a run with `search`."
        ) from error
    return sorted(map(read_run, inside), key=lambda run: (run.changed, run.name), reverse=True)


def read_run(folder: Path) -> Run:
    """Read one run; one that cannot be read says why."""
    process = holder(folder)
    name, changed = folder.resolve().name, _changed(folder)
    try:
        run = replace(_read(folder, name), changed=changed)
    except BudgetNASError as error:
        run = Run(name=name, state="unreadable", why=one_line(error, most=None), changed=changed)
    if process is not None:  # also while its study is created
        run = replace(run, state="running", process=process)
    return run


def _read(folder: Path, name: str) -> Run:
    if not (folder / DATABASE).is_file():
        return _from_results(folder, name)
    studies = glance(folder / DATABASE)
    try:
        if name in studies:
            return _trainings(name, studies[name])
        if f"{name}/{FULL}" not in studies:
            held = ", ".join(sorted({known.partition("/")[0] for known in studies})) or "no study yet"
            raise StorageError(
                f"its `{DATABASE}` holds {held}, not {name}: give the folder its old name, or run it again."
            )
        return _study(name, studies)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise StorageError(
            f"`{name}` was made by another version of this program ({error!r}): run it again."
        ) from error


def _study(name: str, studies: Mapping[str, Study]) -> Run:
    """Summarise a search or a calibration."""
    fulls, facts = studies[f"{name}/{FULL}"]
    if facts.setup is None:
        raise StorageError(f"`{name}` was cut off before its first training: run it again.")
    kind = study_kind(facts.setup)
    setup = read_setup(facts.setup, name=name, kind=kind)
    rungs = {rung: studies.get(f"{name}/{rung}", ([], RunFacts()))[0] for rung in map(rung_name, setup.rungs)}
    first = rungs[rung_name(setup.rungs[0])]
    data, looks = setup.data, Looks(facts)
    run = Run(
        name=name,
        state="stopped",
        kind=kind.value,
        data=data.name,
        max_params=setup.budget.max_params,
        max_bytes=setup.budget.max_bytes,
        max_memory=setup.budget.max_memory,
        images=data.validation,
        scored_by=setup.score.name,
        changed="",
    )
    how: dict[str, Any] = {"images": data.validation, "score": setup.score}
    if not kind.promotes:
        made = drawn(setup, facts, {**rungs, FULL: fulls})
        asked = len(made.asked(FULL))
        run = replace(run, done=asked - made.left.get(FULL, 0), asked=asked)
        best = best_of(within(fulls, setup.budget), AFTER_FULL, looks, **how)
        return replace(run, state="finished" if made.is_done else "stopped", **best)
    is_done = is_finished(facts.stopped or "")
    run = replace(run, done=counted(first, over_budget=setup.study.search.over_budget), asked=setup.study.search.trials)
    controls = studies.get(f"{name}/{CONTROLS}", ([], RunFacts()))[0]
    if facts.refit:
        controls = unscored(controls)
    short = f"validation after {plural(setup.rungs[0], 'epoch')}"
    best = best_in_full(within(fulls, setup.budget), controls, facts, **how)
    best = best or best_of(within(first, setup.budget), short, looks, **how)
    if not best and complete(first):
        best = {"score_of": f"none, since no trained network fits {setup.budget}"}
    return replace(run, state="finished" if is_done else "stopped", **best)


def _trainings(name: str, study: Study) -> Run:
    """Summarise declared trainings: those that the last driver was asked for."""
    trials, facts = study
    setup: TrainingsSetup = read_trainings_setup(facts.setup, name=name)
    watches_test = setup.watches == "test"
    last = facts.drivers[-1]["study"] if facts.drivers else {"runs": [], "epochs": None}
    asked = {Declaration.from_json(run).key(last["epochs"]) for run in last["runs"]}
    done = [t for t in complete(trials) if training_key(t) in asked]
    looks = Looks(facts)
    untested = looks.untested(done) if last.get("tests", not watches_test) else []
    images = setup.data.test if watches_test else setup.data.validation
    score_of = "test set, watched every epoch" if watches_test else AFTER_LAST
    return Run(
        name=name,
        state="finished" if len(done) == len(asked) and done and not untested else "stopped",
        kind="reproduce" if watches_test else "train",
        data=setup.data.name,
        done=len(done),
        asked=len(asked),
        images=images,
        changed="",
        **best_of(done, score_of, looks, images=images),
    )


def _from_results(folder: Path, name: str) -> Run:
    """Summarise a study that is in another storage, from what its last driver wrote into the folder."""
    path = next((folder / name for name in (RESULTS, CALIBRATED) if (folder / name).is_file()), None)
    if path is None:
        files = ", ".join(f"`{name}`" for name in (DATABASE, RESULTS, CALIBRATED))
        raise StorageError(f"it holds none of {files}: it is no run, or was cut off at its start.")
    try:
        content = parse_json(read_file(path), where=path)
        kind = Kind.SEARCH if path.name == RESULTS else Kind.CALIBRATION
        run = Run(
            name=name,
            state="stopped",
            kind=kind.value,
            data=content["dataset"],
            max_params=content["max_params"],
            max_bytes=content.get("max_bytes"),
            max_memory=content.get("max_memory"),
            changed="",
        )
        if not kind.promotes:
            left, asked = content["left"], content["asked"]
            return replace(run, state="stopped" if left else "finished", done=asked - left.get(FULL, 0), asked=asked)
        winner = content["winner"] or {}
        fresh = _fresh(content)
        found = fresh or winner
        scored, score = fresh if fresh.get("score") is not None else winner, recorded_score(content["setup"])
        when = after_fresh(len(fresh["seeds"])) if scored is fresh else (AFTER_FULL if winner else None)
        return replace(
            run,
            state="finished" if is_finished(content["stopped"]) else "stopped",
            done=content["trained"],
            asked=content["setup"]["study"]["search"]["trials"],
            score=scored.get("score"),
            score_interval=_interval(scored.get("score_interval")),
            score_of=when and named_score(when, score),
            scored_by=score.name,
            spec=winner.get("spec"),
            params=winner.get("params"),
            test_accuracy=found.get("test_accuracy"),
            test_interval=_interval(found.get("test_interval")),
            test_score=found.get("test_score"),
            test_score_interval=_interval(found.get("test_score_interval")),
            images=content["setup"]["data"]["validation"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"`{path.name}` was not written by this version of this program: run it again.") from error


def _fresh(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the winner's accuracies with fresh seeds, nothing without controls, among which older files have them."""
    own = next((one for one in content["controls"] if one["name"] == WINNER), None)
    if "fresh" in content or own is None:
        return content.get("fresh") or {}
    return {"seeds": own["scores"], "score": mean(own["scores"]), "test_accuracy": mean(own["tests"])}


def _interval(ends: list[float] | None) -> Interval | None:
    """Read an interval; files of older versions have none."""
    return None if ends is None else (ends[0], ends[1])


def _changed(folder: Path) -> str:
    """Return when the study was last written, or else its folder."""
    for path in (folder / DATABASE, folder):
        try:
            return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="milliseconds")
        except OSError:
            continue
    return ""
