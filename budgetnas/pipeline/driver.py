"""The driver of a run and its engine: it trains level after level, tests their networks, and reports progress."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from budgetnas.budget import Budget
from budgetnas.config.study import StudyConfig
from budgetnas.engine.local import LocalEngine
from budgetnas.engine.protocol import Engine, Failed, Finished, Work
from budgetnas.exceptions import BudgetNASError, UsageError
from budgetnas.pipeline.level import Level
from budgetnas.pipeline.loop import Clock, run_trials
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.pipeline.progress import Listener, Meter, Progress
from budgetnas.pipeline.trial_source import TrialSource
from budgetnas.storage.record import read_weights
from budgetnas.storage.study import StudyStore
from budgetnas.system import phase
from budgetnas.training.device import Hardware, find_hardware
from budgetnas.training.perform import perform, perform_on
from budgetnas.training.tasks import LookTask
from budgetnas.trials.facts import Look, RunFacts
from budgetnas.trials.trial import CONTROLS, Looks, Trial, in_words, look_key


@contextlib.contextmanager
def connected(config: StudyConfig) -> Iterator[Hardware]:
    """Connect to where a study's trainings will run, and return its hardware.

    Raises:
        UsageError: the requested device does not exist, or Ray is not installed.
        EngineError: no cluster answers.
    """
    if config.engine.kind == "local":
        yield find_hardware(config.engine.device)
        return
    try:
        from budgetnas.engine import cluster
    except ImportError as error:
        raise UsageError(
            "is 'ray', but Ray is not installed: run pip install 'budgetnas[ray]'.", argument="engine.kind"
        ) from error
    with cluster.connection(config.ray.address):
        gpus, cores = cluster.resources()
        gpus = 0 if config.engine.device == "cpu" else gpus
        share = config.engine.gpus_per_trial if gpus else 0.0
        found: Hardware = cluster.call(find_hardware, config.engine.device, gpus=share)
        yield replace(found, gpus=gpus, cores=cores)


@contextlib.contextmanager
def engine_of(prepared: PreparedStudy, *, work: Work = perform) -> Iterator[Engine]:
    """Start the engine of a study, and stop it at the end.

    Args:
        prepared: the study; where its engine is Ray, inside `connected`.
        work: performs the tasks: importable where the workers run.
    """
    wanted, gpus = prepared.config.engine, prepared.hardware.gpus
    engine: Engine
    if wanted.kind == "local":
        shared = gpus if gpus > 1 else 0
        engine = LocalEngine(work, workers=prepared.workers, gpus=shared, timeout=wanted.trial_timeout)
    else:
        from budgetnas.engine.cluster import RayEngine

        engine = RayEngine(
            partial(perform_on, prepared.data) if work is perform else work,
            workers=prepared.workers,
            threads=wanted.threads,
            gpus=wanted.gpus_per_trial if gpus else 0.0,
            timeout=wanted.trial_timeout,
        )
    try:
        yield engine
    finally:
        engine.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class Driver:
    """What trains and tests the networks of one run.

    Attributes:
        store: the study that keeps the facts of the run.
        engine: trains and tests.
        listener: receives the progress.
        clock: gives the time in which trainings of a level may start, by its name.
        budget: that the best network of a level fits; None for any.
    """

    store: StudyStore
    engine: Engine
    listener: Listener
    clock: Callable[[str], Clock]
    budget: Budget | None = None

    def train(self, source: TrialSource, clock: Clock | None = None) -> None:
        """Run all trainings of a level, as far as its time allows, or that of another clock."""
        level, clock = source.level, clock or self.clock(source.level.name)
        meter = Meter(self.listener, source, budget=self.budget)
        with phase(in_words(level.name)):
            run_trials(
                source,
                self.engine,
                clock=clock,
                tick=meter.tick,
                on_start=meter.started,
                on_epoch=meter.epoch_ended,
            )

    def test(self, level: Level[Any], trials: Sequence[Trial]) -> None:
        """Read the test set for COMPLETE trials of a level, each set of weights once."""

        def tick() -> None:
            done = len(trials) - len(Looks(self.store.facts).untested(trials, level.name))
            self.listener.progressed(Progress(level=level.name, done=done, total=len(trials), best=None, is_test=True))

        with phase(f"looks at the test set, {in_words(level.name)}"):
            look(level, trials, self.store, self.engine, tick=tick)


def look(
    level: Level[Any], trials: Sequence[Trial], store: StudyStore, engine: Engine, *, tick: Callable[[], None]
) -> None:
    """Read the test set for finished trainings that were not tested, and record it with a study.

    Args:
        level: of the trainings.
        trials: COMPLETE trials with weights.
        store: keeps the looks among its facts.
        engine: tests the networks.
        tick: called before every look and once a second.

    Raises:
        BudgetNASError: a network could not be tested.
    """
    looks = dict(store.facts.looks or {})
    todo = Looks(store.facts).untested(trials, level.name)
    running: dict[str, Trial] = {}
    while todo or running:
        tick()
        while todo and len(running) < engine.capacity:
            trial = todo.pop(0)
            key, weights = look_key(trial, level.name), read_weights(trial, level.folder)
            running[key] = trial
            task = LookTask(
                setting=level.setting,
                spec=trial.candidate.spec,
                recipe=level.recipe,
                weights=weights,
                score=level.score,
                names_images=level.name == CONTROLS,
            )
            engine.submit(key, task)
        for event in engine.wait(1.0):
            if isinstance(event, Failed):
                raise BudgetNASError(f"`{running[event.key].candidate.spec.id}` could not be tested: {event.reason}")
            if isinstance(event, Finished):
                assert isinstance(event.result, Look)
                del running[event.key]
                looks[event.key] = event.result
                store.record(RunFacts(looks=looks))
