"""The main job: plan, seeded models and proposals, promotion, the winner, the test set, the report."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from budgetnas.config.study import StudyConfig
from budgetnas.engine.local import LocalEngine
from budgetnas.exceptions import BudgetNASError, StudyMismatchError
from budgetnas.export.best import write_best
from budgetnas.pipeline.plan import Plan, make_plan
from budgetnas.pipeline.prepare import Prepared, prepare
from budgetnas.pipeline.result import SearchResult
from budgetnas.pipeline.stages import Clock, FullStage, ProxyStage
from budgetnas.pipeline.trials import run_stage
from budgetnas.pipeline.write import write_reports
from budgetnas.promotion.select import Finalist, finalists, promote
from budgetnas.records.engine import Engine, Failed, Finished
from budgetnas.records.trial import Trial, TrialState
from budgetnas.search.samplers import SAMPLERS, recommend
from budgetnas.storage.files import own, read_bytes
from budgetnas.storage.study import Ranges, StudyStore, open_storage, sqlite_url
from budgetnas.training.perform import perform
from budgetnas.training.tasks import Look, LookTask

FULL_STAGE = "full"


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a stage is.

    Attributes:
        stage: "proxy" or "full".
        done: finished trainings.
        total: trainings in all.
        best: highest validation score so far, in [0, 1]; None before the first.
    """

    stage: str
    done: int
    total: int
    best: float | None


class Listener(Protocol):
    """Whoever wants to see a search go on."""

    def planned(self, plan: Plan) -> None:
        """Hear the plan, before anything trains."""

    def progressed(self, progress: Progress) -> None:
        """Hear how far it is, several times a second."""

    def told(self, line: str) -> None:
        """Hear a line of news."""


def dry_run(config: StudyConfig, listener: Listener) -> None:
    """Tell the plan of a search and write nothing."""
    prepared = prepare(config)
    with _engine(prepared) as engine:
        listener.planned(make_plan(prepared, engine))


def search(config: StudyConfig, listener: Listener, *, command: Sequence[str]) -> SearchResult:
    """Run a search to its end, or go on with one that was stopped.

    Args:
        config: the study.
        listener: hears plan, progress and news.
        command: the words that started this, for the manifest.

    Raises:
        BudgetNASError: something that its user can act on; whatever was finished is kept.
    """
    prepared = prepare(config)
    folder = Path(config.output.dir) / prepared.name
    with own(folder):
        url = config.output.storage or sqlite_url(folder / "study.db")
        storage = open_storage(url)
        ranges = _ranges(prepared)
        proxies = StudyStore(storage, f"{prepared.name}/r{prepared.proxy_epochs}", ranges)
        fulls = StudyStore(storage, f"{prepared.name}/{FULL_STAGE}", ranges)
        prepared = _resume(prepared, proxies)
        done = _is_done(prepared, proxies, fulls)
        stopped = str(fulls.facts.get("stopped", "")) if done else ""
        if not done:
            with _engine(prepared) as engine:
                listener.planned(make_plan(prepared, engine))
                stopped = _run(prepared, proxies, fulls, engine, folder, listener)
                fulls.record("stopped", stopped)
        result = _result(prepared, proxies, fulls, folder, stopped=stopped, resumed=done)
        if result.winner is not None:
            write_best(folder / "best", **_best(result))
        write_reports(result, url=url, command=command, looks=fulls.facts.get("looks", {}))
    return result


def _run(
    prepared: Prepared,
    proxies: StudyStore,
    fulls: StudyStore,
    engine: Engine,
    folder: Path,
    listener: Listener,
) -> str:
    """Do what is left of a search; return why it ended."""
    config = prepared.config
    clock = Clock(config.engine.max_hours)
    sampler = SAMPLERS[config.search.sampler](prepared.space, prepared.band, seed=config.search.seed)
    proxy = ProxyStage(prepared, proxies, sampler, clock)
    run_stage(proxy, engine, tick=lambda: listener.progressed(_progress("proxy", proxies, config.search.trials)))
    if proxy.exhausted:
        listener.told("The band holds no more architectures: the search ends early.")
    full = FullStage(prepared, fulls, _promoted(prepared, proxies), clock, folder)
    run_stage(full, engine, tick=lambda: listener.progressed(_progress(FULL_STAGE, fulls, full.total)))
    _choose(fulls)
    _look(prepared, fulls, engine, folder)
    if clock.is_over and not _is_done(prepared, proxies, fulls):
        return f"the {config.engine.max_hours:g} hours of --max-hours were over"
    return "the band ran out of architectures" if proxy.exhausted else "all trials were done"


def _resume(prepared: Prepared, proxies: StudyStore) -> Prepared:
    """Hold a study to what it was begun with; a new one is marked with it.

    Raises:
        StudyMismatchError: something that proposals or scores depend on has changed.
    """
    identity, facts = prepared.identity(), proxies.facts
    if "identity" not in facts:
        if proxies.trials:
            raise StudyMismatchError(f"`{proxies.name}` was not made by budgetnas: give another --name.")
        proxies.record("band", [prepared.band.low, prepared.band.high])
        proxies.record("identity", identity)
        return prepared
    before = facts["identity"]
    changed = [
        f"{key} was {before.get(key)!r}, is {identity.get(key)!r}"
        for key in sorted({*before, *identity})
        if before.get(key) != identity.get(key)
    ]
    if changed:
        raise StudyMismatchError(
            f"`{prepared.name}` was begun with other settings ({'; '.join(changed[:4])}): give the old ones, or "
            "another --name."
        )
    return replace(prepared, band=prepared.index.band(*facts["band"]))


def _is_done(prepared: Prepared, proxies: StudyStore, fulls: StudyStore) -> bool:
    """Tell whether every training and every look that the study asks for is there."""
    if any(not trial.state.is_finished for trial in (*proxies.trials, *fulls.trials)):
        return False
    wanted = prepared.config.search.trials
    if len(_complete(proxies)) < wanted and not proxies.facts.get("exhausted"):
        return False
    have = {(trial.attrs["parent"], trial.attrs["repeat"]) for trial in fulls.trials}
    repeats = range(prepared.config.full.repeats)
    if any((trial.number, repeat) not in have for trial in _promoted(prepared, proxies) for repeat in repeats):
        return False
    looks = fulls.facts.get("looks", {})
    return all(_look_key(finalist.best_run) in looks for finalist in finalists(fulls.trials))


def _complete(store: StudyStore) -> list[Trial]:
    return [trial for trial in store.trials if trial.state is TrialState.COMPLETE]


def _trusted(proxies: StudyStore) -> dict[int, float]:
    complete = _complete(proxies)
    scores = [trial.score or 0.0 for trial in complete]
    means = recommend([trial.candidate for trial in complete], scores)
    return {trial.number: float(value) for trial, value in zip(complete, means, strict=True)}


def _promoted(prepared: Prepared, proxies: StudyStore) -> list[Trial]:
    complete, trusted = _complete(proxies), _trusted(proxies)
    return promote(complete, [trusted[trial.number] for trial in complete], prepared.config.full.promote)


def _choose(fulls: StudyStore) -> None:
    """Record the winner, by validation alone, before the test set is read."""
    ranked = finalists(fulls.trials)
    choices = list(fulls.facts.get("choices", []))
    if ranked:
        choice = {
            "winner": ranked[0].parent,
            "spec": ranked[0].candidate.spec.id,
            "score": ranked[0].score,
            "among": len(ranked),
        }
        if choice not in choices:
            fulls.record("choices", [*choices, choice])


def _look(prepared: Prepared, fulls: StudyStore, engine: Engine, folder: Path) -> None:
    """Read the test set for every finalist's best run; a look at the same weights is the same look."""
    looks: dict[str, Any] = dict(fulls.facts.get("looks", {}))
    runs = [finalist.best_run for finalist in finalists(fulls.trials)]
    todo = [run for run in runs if _look_key(run) not in looks]
    flying: dict[str, Trial] = {}
    while todo or flying:
        while todo and len(flying) < engine.capacity:
            run = todo.pop(0)
            weights = read_bytes(folder / run.attrs["weights"], run.attrs["weights_sha256"])
            flying[_look_key(run)] = run
            engine.submit(_look_key(run), LookTask(setting=prepared.setting, spec=run.candidate.spec, weights=weights))
        for event in engine.wait(1.0):
            if isinstance(event, Failed):
                raise BudgetNASError(f"`{flying[event.key].candidate.spec.id}` could not be tested: {event.reason}")
            if isinstance(event, Finished):
                assert isinstance(event.result, Look)
                del flying[event.key]
                looks[event.key] = {"correct": event.result.correct, "images": event.result.images}
                fulls.record("looks", looks)


def _look_key(run: Trial) -> str:
    return f"{run.number}:{run.attrs['weights_sha256']}"


def _result(
    prepared: Prepared, proxies: StudyStore, fulls: StudyStore, folder: Path, *, stopped: str, resumed: bool
) -> SearchResult:
    ranked = finalists(fulls.trials)
    looks = fulls.facts.get("looks", {})
    tests = {}
    for finalist in ranked:
        look = looks[_look_key(finalist.best_run)]
        tests[finalist.best_run.number] = (look["correct"], look["images"])
    return SearchResult(
        prepared=prepared,
        folder=folder,
        trials=proxies.trials,
        trusted=_trusted(proxies),
        finalists=ranked,
        tests=tests,
        stopped=stopped,
        resumed=resumed,
    )


def _best(result: SearchResult) -> dict[str, Any]:
    winner: Finalist | None = result.winner
    assert winner is not None
    run = winner.best_run
    return {
        "candidate": winner.candidate,
        "data": result.prepared.data,
        "weights": read_bytes(result.folder / run.attrs["weights"], run.attrs["weights_sha256"]),
        "results": {
            "score": winner.score,
            "scores": list(winner.scores),
            "seed": run.attrs["seed"],
            "epochs": run.attrs["epochs"],
            "test_accuracy": result.test_accuracy(winner),
            "test_images": result.tests[run.number][1],
            "max_params": result.prepared.cap,
        },
    }


def _progress(stage: str, store: StudyStore, total: int) -> Progress:
    scores = [trial.score for trial in store.trials if trial.score is not None]
    return Progress(stage=stage, done=len(scores), total=total, best=max(scores, default=None))


def _ranges(prepared: Prepared) -> Ranges:
    space = prepared.space
    ranges = Ranges(stages=space.stages, blocks=space.blocks, widths=space.widths)
    for candidate in prepared.seeds:
        ranges = ranges.cover(candidate.spec)
    return ranges


@contextlib.contextmanager
def _engine(prepared: Prepared) -> Iterator[LocalEngine]:
    engine = LocalEngine(perform, workers=prepared.workers, gpus=prepared.gpus if prepared.gpus > 1 else 0)
    try:
        yield engine
    finally:
        engine.close()
