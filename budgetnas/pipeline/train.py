"""Running declared trainings: trials of a study, each with its curve, weights and look at the test set."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from budgetnas.data.dataset import normalisation
from budgetnas.engine.local import LocalEngine
from budgetnas.engine.protocol import EpochReport
from budgetnas.pipeline.declare import Job
from budgetnas.pipeline.describe import data_facts
from budgetnas.pipeline.identity import hold_identity
from budgetnas.pipeline.looks import look
from budgetnas.pipeline.loop import Clock, TrialSource, run_stage
from budgetnas.pipeline.provenance import record_driver
from budgetnas.pipeline.stages import diverged
from budgetnas.runs.settings import TRAININGS, TrainingsSetup
from budgetnas.runs.trainings import TrainingRecord, measured, write_curve, write_epochs
from budgetnas.space.parameters import Ranges
from budgetnas.storage.database import open_storage, sqlite_url
from budgetnas.storage.files import digest, own, write_bytes
from budgetnas.storage.study import StudyStore
from budgetnas.training.checkpoint import Checkpoints
from budgetnas.training.perform import perform
from budgetnas.training.tasks import STATE_SECONDS, FinishedTraining, TrainTask
from budgetnas.trials.declaration import Phase, training_key
from budgetnas.trials.facts import RunFacts, TrialFacts
from budgetnas.trials.streams import derived_seed
from budgetnas.trials.trial import Looks, Trial, TrialState, complete

Heard = Callable[[Trial, EpochReport], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class JobResult:
    """How far a job is.

    Attributes:
        asked: its finished trainings.
        failed: its failed trials, of this driver and earlier ones.
    """

    asked: tuple[TrainingRecord, ...]
    failed: tuple[Trial, ...]


def run_job(job: Job, *, command: Sequence[str], heard: Heard, tick: Callable[[], None]) -> JobResult:
    """Do what is left of a job, as far as its time allows, and write `epochs.csv` of all that its study has finished.

    Args:
        job: the trainings.
        command: the words that started this, for the manifest.
        heard: called after every epoch.
        tick: called several times a second, when nothing is half-done.

    Raises:
        BudgetNASError: something that its user can act on; whatever was finished is kept.
    """
    with own(job.folder):
        setup = _setup(job)
        store = _open(job, setup)
        stage = DeclaredTrials(job, store)
        if stage.is_needed or _untested(job, store):
            study = {"runs": [run.to_json() for run in job.runs], "epochs": job.epochs, **job.identity()}
            hardware = {"device": job.device_name, "workers": job.workers, "threads": job.setting.threads}
            record_driver(store, command, hardware=hardware, study=study)
            with closing(LocalEngine(perform, workers=job.workers, gpus=job.gpus)) as engine:
                run_stage(stage, engine, clock=Clock(job.max_seconds), tick=tick, heard=heard)
                untested = _untested(job, store)
                look(untested, store, engine, job.folder, setting=job.setting, recipe=job.recipe, tick=tick)
        looks, done = Looks(store.facts), complete(store.trials)
        asked = [trial for trial in store.trials if stage.wants(trial)]
        found = [measured(job.folder, trial, looks) for trial in done]
        write_epochs(job.folder, found, setup)
        return JobResult(
            asked=tuple(one for one in found if one.trial in asked),
            failed=tuple(trial for trial in asked if trial.state is TrialState.FAIL),
        )


def epoch_line(job: Job, trial: Trial, report: EpochReport) -> str:
    """Return the progress line of an epoch."""
    return (
        f"{trial.candidate.origin} #{trial.repeat}  epoch {report.epoch}/{trial.facts.asked_epochs}  "
        f"lr {report.lr:.4f}  train {100 * report.train_accuracy:.1f} %  "
        f"{job.watches} {100 * report.accuracy:.2f} %  {report.seconds:.1f} s"
    )


class DeclaredTrials(TrialSource):
    """Every declared training once; those finished, or started by an earlier driver, are not made again.

    Attributes:
        store: the study.
    """

    def __init__(self, job: Job, store: StudyStore) -> None:
        self.store = store
        self._job = job
        self._stop_at = None if job.max_seconds is None else time.time() + job.max_seconds
        done = [training_key(trial) for trial in store.trials if trial.state is not TrialState.FAIL]
        self._todo = [run for run in job.runs if run.key(job.epochs) not in done]

    @property
    def is_needed(self) -> bool:
        """Whether anything is left to train."""
        return bool(self._todo) or any(not t.state.is_finished and self.wants(t) for t in self.store.trials)

    def wants(self, trial: Trial) -> bool:
        """Go on with what this job asks for; another job's trainings wait for that job."""
        return training_key(trial) in self._job.keys

    def upcoming(self, running: int) -> Trial | None:
        """Create the next training's trial."""
        if not self._todo:
            return None
        run = self._todo.pop(0)
        key = run.key(self._job.epochs)
        before = [trial for trial in self.store.trials if diverged(trial) and training_key(trial) == key]
        name = int.from_bytes(run.candidate.origin.encode())
        seed = derived_seed(self._job.seed, name, run.repeat, len(before))
        return self.store.add(
            run.candidate,
            state=TrialState.RUNNING,
            facts=TrialFacts(
                repeat=run.repeat,
                seed=seed,
                phases=key.phases,
                asked_epochs=key.epochs,
                declared_epochs=run.epochs,
                precision=self._job.recipe.precision,
                device=self._job.device_name,
            ),
        )

    def task(self, trial: Trial) -> TrainTask:
        """Return the training of a trial."""
        job, key = self._job, training_key(trial)
        return TrainTask(
            setting=job.setting,
            spec=trial.candidate.spec,
            recipe=job.recipe,
            phases=tuple(Phase(epochs=epochs, period=period) for epochs, period in key.phases),
            seed=trial.seed,
            keep_weights=True,
            learns_from=job.learns_from,
            watches=job.watches,
            epochs=key.epochs,
            checkpoint=str(self._checkpoint(trial).absolute()),
            checkpoint_seconds=STATE_SECONDS,
            stop_at=self._stop_at,
        )

    def finished(self, trial: Trial, result: FinishedTraining) -> TrialFacts:
        """Write weights and curve before the trial is COMPLETE, so that every COMPLETE trial has them."""
        assert result.weights is not None
        weights, curve = f"weights/{trial.number}.safetensors", f"curves/{trial.number}.csv"
        write_bytes(self._job.folder / weights, result.weights)
        write_curve(self._job.folder / curve, result.reports)
        return TrialFacts(weights=weights, weights_sha256=digest(result.weights), curve=curve)

    def ended(self, trial: Trial) -> None:
        """Keep the state of a training that ended before its declared length: more epochs can resume from it."""
        is_whole = trial.facts.asked_epochs == trial.facts.declared_epochs
        if diverged(trial) or (is_whole and trial.state is TrialState.COMPLETE):
            Checkpoints(self._checkpoint(trial)).clear()

    def _checkpoint(self, trial: Trial) -> Path:
        name = f"{trial.candidate.spec.id}-{trial.repeat}-{trial.seed}"  # numbers, and no path
        return self._job.folder / "states" / name


def _open(job: Job, setup: TrainingsSetup) -> StudyStore:
    ranges = Ranges(stages=(1, 4), blocks=(1, 1), widths=(1, 1))
    for run in job.runs:
        ranges = ranges.cover(run.candidate.spec)
    store = StudyStore(open_storage(sqlite_url(job.folder / "study.db")), job.folder.name, ranges)
    recorded = store.facts.identity
    if recorded is None:
        store.record(RunFacts(identity=job.identity()))
    else:
        hold_identity(recorded, job.identity(), what=str(job.folder))
    store.record(RunFacts(setup=asdict(setup)))
    return store


def _setup(job: Job) -> TrainingsSetup:
    mean, std = normalisation(job.data, job.recipe)
    return TrainingsSetup(
        name=job.folder.name,
        kind=TRAININGS,
        data=data_facts(job.data),
        recipe=job.recipe,
        mean=mean,
        std=std,
        learns_from=job.learns_from,
        watches=job.watches,
        recipe_name=job.recipe_name,
        source=job.setting.data,
    )


def _is_asked_for(trial: Trial, job: Job) -> bool:
    return trial.state is TrialState.COMPLETE and training_key(trial) in job.keys


def _untested(job: Job, store: StudyStore) -> list[Trial]:
    if job.watches == "test":
        return []
    return Looks(store.facts).lacking(trial for trial in store.trials if _is_asked_for(trial, job))
