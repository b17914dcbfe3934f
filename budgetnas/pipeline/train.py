"""Running declared trainings: each with its curve, its weights and a look at the test set."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict

from budgetnas.data.dataset import normalisation
from budgetnas.engine.local import LocalEngine
from budgetnas.pipeline.declare import DeclaredTrainings
from budgetnas.pipeline.describe import data_facts, record_driver
from budgetnas.pipeline.driver import Driver
from budgetnas.pipeline.identity import check_identity
from budgetnas.pipeline.level import DeclaredLevel
from budgetnas.pipeline.loop import Clock
from budgetnas.pipeline.open_run import held
from budgetnas.pipeline.progress import Check, Everyone, Listener
from budgetnas.pipeline.tracking import tracked
from budgetnas.pipeline.trial_source import ListedTrials
from budgetnas.runs.final import final
from budgetnas.runs.settings import Kind, TrainingsSetup
from budgetnas.runs.trainings import TrainingsResult, read_trainings, write_epochs
from budgetnas.space.parameters import Ranges
from budgetnas.storage.database import Storage, study_names
from budgetnas.storage.study import StudyStore, metric_name, read_study
from budgetnas.trackers.known import load_trackers
from budgetnas.training.perform import perform
from budgetnas.trials.facts import RunFacts
from budgetnas.trials.trial import Looks, Trial, complete


def train(
    asked: DeclaredTrainings, listener: Listener, *, command: Sequence[str], track: str | Iterable[str] | None = None
) -> TrainingsResult:
    """Run declared trainings to their end, or resume those that were stopped; write `epochs.csv` of all of the run.

    Args:
        asked: the trainings.
        listener: receives progress and epochs.
        command: the words of the command, for the manifest.
        track: names of trackers; nothing of a training depends on them.

    Returns:
        All trainings of the run, those of earlier commands too.

    Raises:
        BudgetNASError: an error that the user can act on; finished trainings are kept.
    """
    trackers = load_trackers(track)
    with contextlib.ExitStack() as stack:
        storage, level, check = stack.enter_context(_opened(asked))
        tracking = stack.enter_context(
            tracked(trackers, asked.folder, levels=[level], facts=lambda: level.store.facts, watches=asked.watches)
        )
        source = ListedTrials(level, asked.trainings, others=False)
        if not source.is_done or _untested(asked, level):
            study = {
                "runs": [one.to_json() for one in asked.trainings],
                "epochs": asked.last_epoch,
                "tests": asked.tests,
                **asked.identity(),
            }
            hardware = {"device": asked.device_name, "workers": asked.workers, "threads": asked.setting.threads}
            record_driver(level.store, command, hardware=hardware, study=study)
            with closing(LocalEngine(perform, workers=asked.workers, gpus=asked.gpus)) as engine:
                clock = Clock(asked.max_seconds)
                everyone = Everyone(Check(check), listener, tracking)
                driver = Driver(store=level.store, engine=engine, listener=everyone, clock=lambda name: clock)
                driver.train(source)
                driver.test(level, _untested(asked, level))
        result = read_trainings(storage, asked.folder, asked.folder.name)
        write_epochs(asked.folder, result.trainings, result.setup)
        tracking.conclude(final(result))
    return result


@contextlib.contextmanager
def _opened(asked: DeclaredTrainings) -> Iterator[tuple[Storage, DeclaredLevel, Callable[[], None]]]:
    """Hold the run of declared trainings, made if need be, and record its setup."""
    name, setup = asked.folder.name, _setup(asked)

    def check(storage: Storage) -> RunFacts:
        facts = read_study(storage, name)[1] if name in study_names(storage) else RunFacts()
        if facts.identity is not None:
            check_identity(facts.identity, asked.identity(), what=str(asked.folder))
        return facts

    with held(asked.folder, None, what=name, check=check) as (storage, guard):
        is_new = check(storage).identity is None
        ranges = Ranges().cover(*(training.candidate.spec for training in asked.trainings))
        store = StudyStore(storage, name, ranges, metric=metric_name(split=asked.watches), guard=guard)
        if is_new:
            store.record(RunFacts(identity=asked.identity()))
        store.record(RunFacts(setup=asdict(setup)))
        level = DeclaredLevel(
            name="",
            store=store,
            folder=asked.folder,
            setting=asked.setting,
            recipe=asked.recipe,
            epochs=max(key.epochs for key in asked.keys),
            seed=asked.seed,
            learns_from=asked.learns_from,
            watches=asked.watches,
            last_epoch=asked.last_epoch,
            device_name=asked.device_name,
            stop_at=None if asked.max_seconds is None else time.time() + asked.max_seconds,
        )
        yield storage, level, guard


def _setup(asked: DeclaredTrainings) -> TrainingsSetup:
    mean, std = normalisation(asked.data, asked.recipe)
    return TrainingsSetup(
        name=asked.folder.name,
        kind=Kind.TRAININGS.value,
        data=data_facts(asked.data),
        recipe=asked.recipe,
        mean=mean,
        std=std,
        learns_from=asked.learns_from,
        watches=asked.watches,
        recipe_name=asked.recipe_name,
        source=asked.setting.data,
    )


def _untested(asked: DeclaredTrainings, level: DeclaredLevel) -> list[Trial]:
    """Return the finished trainings whose networks are still to be tested."""
    if not asked.tests:
        return []
    finished = [trial for trial in complete(level.store.trials) if level.key(trial) in asked.keys]
    return Looks(level.store.facts).untested(finished)
