"""The main job: plan, seeded models and proposals, promotion, the winner, the test set, the report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from budgetnas.config.study import StudyConfig
from budgetnas.engine.local import LocalEngine
from budgetnas.export.best import write_best
from budgetnas.pipeline.finals import choose, decide_promotion, trusted_scores
from budgetnas.pipeline.looks import look, look_key
from budgetnas.pipeline.plan import Plan, make_plan
from budgetnas.pipeline.prepare import Prepared, prepare
from budgetnas.pipeline.provenance import add_driver
from budgetnas.pipeline.result import SearchResult
from budgetnas.pipeline.resume import hold, is_done, why_stopped, work_left
from budgetnas.pipeline.stages import FullStage, ProxyStage
from budgetnas.pipeline.trials import Clock, run_stage
from budgetnas.pipeline.write import write_reports
from budgetnas.promotion.select import finalists
from budgetnas.records.engine import Engine
from budgetnas.search.samplers import make_sampler
from budgetnas.storage.database import open_storage, sqlite_url, study_names
from budgetnas.storage.files import own, read_bytes
from budgetnas.storage.study import Ranges, StudyStore
from budgetnas.training.perform import perform

FULL = "full"


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
    started = time.monotonic()
    prepared = prepare(config)
    folder = Path(config.output.dir) / prepared.name
    url = config.output.storage or sqlite_url(folder / "study.db")
    elsewhere = open_storage(url) if config.output.storage else None  # a wrong address is told before a folder is made
    with own(folder):
        storage = elsewhere or open_storage(url)
        ranges = _ranges(prepared)
        fulls = StudyStore(storage, f"{prepared.name}/{FULL}", ranges)
        prepared = hold(prepared, fulls, names=study_names(storage))
        proxies = StudyStore(storage, f"{prepared.name}/r{prepared.proxy_epochs}", ranges)
        done = is_done(prepared, proxies, fulls)
        if not done:
            with _engine(prepared) as engine:
                left, runs = work_left(prepared, proxies, fulls)
                plan = make_plan(prepared, engine, proxies_left=left, fulls_left=runs)
                listener.planned(plan)
                add_driver(fulls, prepared, command)
                _run(plan, proxies, fulls, engine, folder, listener, started=started)
        result = _result(prepared, proxies, fulls, folder, resumed=done)
        if result.winner is not None:
            write_best(folder / "best", **_best(result))
        write_reports(result, url=url, facts=fulls.facts)
    return result


def _run(
    plan: Plan,
    proxies: StudyStore,
    fulls: StudyStore,
    engine: Engine,
    folder: Path,
    listener: Listener,
    *,
    started: float,
) -> None:
    """Do what is left of a search, as far as its hours allow."""
    prepared, config = plan.prepared, plan.prepared.config
    seconds = None if config.engine.max_hours is None else 3600 * config.engine.max_hours
    # Proxies stop early enough for the promoted to be trained in time, but have at least half of it.
    for_proxies = None if seconds is None else max(seconds / 2, seconds - plan.full_seconds)
    sampler = make_sampler(
        config.search.sampler,
        prepared.space,
        prepared.band,
        seed=config.search.seed,
        over_budget=config.search.over_budget,
    )
    proxy = ProxyStage(prepared, proxies, sampler)
    run_stage(
        proxy,
        engine,
        clock=Clock(for_proxies, since=started),
        tick=lambda: listener.progressed(_progress("proxy", proxies, config.search.trials)),
    )
    if proxy.exhausted:
        listener.told("The band holds no more architectures: the search ends early.")
    promoted = decide_promotion(prepared, proxies, fulls)
    full = FullStage(prepared, fulls, promoted, folder)
    run_stage(
        full,
        engine,
        clock=Clock(seconds, since=started),
        tick=lambda: listener.progressed(_progress(FULL, fulls, full.total)),
    )
    choose(fulls)
    runs = [finalist.best_run for finalist in finalists(fulls.trials)]
    look(runs, fulls, engine, folder, setting=prepared.setting, recipe=prepared.full)


def _result(prepared: Prepared, proxies: StudyStore, fulls: StudyStore, folder: Path, *, resumed: bool) -> SearchResult:
    ranked, facts = finalists(fulls.trials), fulls.facts
    tests = {}
    for finalist in ranked:
        found = facts["looks"][look_key(finalist.best_run)]
        tests[finalist.best_run.number] = (found["correct"], found["images"])
    return SearchResult(
        prepared=prepared,
        folder=folder,
        trials=proxies.trials,
        trusted=trusted_scores(prepared, proxies),
        finalists=ranked,
        tests=tests,
        stopped=why_stopped(prepared, proxies, fulls),
        resumed=resumed,
    )


def _best(result: SearchResult) -> dict[str, Any]:
    winner = result.winner
    assert winner is not None
    run = winner.best_run
    return {
        "candidate": winner.candidate,
        "data": result.prepared.data,
        "recipe": result.prepared.full,
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
