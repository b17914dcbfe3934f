"""The stages of a search: levels with their tasks, filled by a sampler or by a list of trainings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from budgetnas.config.recipe import Recipe
from budgetnas.engine.protocol import Engine
from budgetnas.pipeline.loop import TrialSource, run_stage
from budgetnas.pipeline.plan import Plan
from budgetnas.pipeline.prepare import PreparedStudy
from budgetnas.pipeline.progress import Listener, Meter
from budgetnas.samplers.history import history, is_ready
from budgetnas.samplers.samplers import Sampler
from budgetnas.storage.files import digest, write_bytes
from budgetnas.storage.study import StudyStore
from budgetnas.training.checkpoint import Checkpoints
from budgetnas.training.tasks import STATE_SECONDS, FinishedTraining, Setting, TrainTask
from budgetnas.trials.declaration import whole
from budgetnas.trials.facts import RunFacts, TrialFacts
from budgetnas.trials.streams import derived_seed
from budgetnas.trials.trial import Candidate, Trial, TrialState, counted, key_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """One length of training, with its study.

    Attributes:
        name: of the level, and behind the run's name that of its study.
        store: its study.
        epochs: of each training.
        recipe: of each training.
        keeps_weights: whether weights are kept.
        subset: images of each class that each training learns from; None for all.
    """

    name: str
    store: StudyStore
    epochs: int
    recipe: Recipe
    keeps_weights: bool
    subset: int | None = None

    def task(self, trial: Trial, setting: Setting, folder: Path) -> TrainTask:
        """Return the training of a trial of this level, in the folder of a run."""
        return TrainTask(
            setting=setting,
            spec=trial.candidate.spec,
            recipe=self.recipe,
            phases=whole(self.epochs),
            seed=trial.seed,
            keep_weights=self.keeps_weights,
            subset=self.subset,
            checkpoint=str(self._states(trial, folder).absolute()),
            checkpoint_seconds=STATE_SECONDS,
        )

    def clear(self, trial: Trial, folder: Path) -> None:
        """Remove the states that the training of a trial has left."""
        Checkpoints(self._states(trial, folder)).clear()

    def _states(self, trial: Trial, folder: Path) -> Path:
        return folder / "states" / f"{self.name}-{trial.candidate.spec.id}-{trial.seed}"


class ProposedTrials(TrialSource):
    """Seeded models first, then proposals: over-budget candidates are pruned, the others trained shortly.

    Attributes:
        level: of the short trainings.
        store: its study.
        exhausted: whether the sampler had nothing left to propose.
    """

    def __init__(self, prepared: PreparedStudy, level: Level, sampler: Sampler, folder: Path) -> None:
        self.level, self.store = level, level.store
        self.exhausted = False
        self._prepared, self._sampler, self._folder = prepared, sampler, folder

    def total(self) -> int:
        """Count the trainings that the level will have in all."""
        return self._prepared.config.search.trials

    def upcoming(self, running: int) -> Trial | None:
        """Count candidates and prune them until one fits; create its trial."""
        prepared, store = self._prepared, self.store
        search = prepared.config.search
        while counted(store.trials, over_budget=search.over_budget) + running < search.trials:
            number = len(store.trials)
            seeded = number < len(prepared.seeds)
            if seeded:
                candidate = prepared.seeds[number]
            elif not is_ready(store.trials, number, search.batch):
                return None
            else:
                view = history(store.trials, number, search.batch, encode=prepared.space.encode)
                point = self._sampler.propose(view)
                if point is None:
                    self.exhausted = True
                    store.record(RunFacts(exhausted=True))
                    return None
                candidate = prepared.candidate(prepared.space.decode(point), search.sampler)
            reason = prepared.budget.reason(candidate)
            trial = store.add(
                candidate,
                state=TrialState.PRUNED if reason else TrialState.RUNNING,
                facts=TrialFacts(
                    seeded=seeded,
                    seed=training_seed(prepared, "proxy", number, 0),
                    utilisation=candidate.params / prepared.cap,
                    reason=reason or None,
                ),
            )
            if not reason:
                return trial
        return None

    def task(self, trial: Trial) -> TrainTask:
        """Return the short training of a trial."""
        return self.level.task(trial, self._prepared.setting, self._folder)

    def ended(self, trial: Trial) -> None:
        """Remove what only a training under way needs."""
        self.level.clear(trial, self._folder)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedTraining:
    """A training that was decided on.

    Attributes:
        candidate: the network.
        repeat: number of its seed, from 0.
        parent: number of the first-rung trial that it was promoted from; None for a control or in a calibration.
        lineage: with it, the trials below, such as `r8/5`.
    """

    candidate: Candidate
    repeat: int
    parent: int | None = None
    lineage: tuple[str, ...] | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from the others of its level."""
        return self.candidate.spec.id, self.repeat


class ListedTrials(TrialSource):
    """Trainings of a level that were decided on beforehand; finished ones are kept and not run again.

    Attributes:
        level: of the trainings.
        store: its study.
    """

    def __init__(self, prepared: PreparedStudy, level: Level, wanted: Sequence[PlannedTraining], folder: Path) -> None:
        self.level, self.store = level, level.store
        self._prepared, self._folder = prepared, folder
        self._todo = missing(self.store, wanted)

    def total(self) -> int:
        """Count the trainings that the level will have in all, failed ones aside."""
        return sum(trial.state is not TrialState.FAIL for trial in self.store.trials) + len(self._todo)

    def upcoming(self, running: int) -> Trial | None:
        """Create the trial of the next training."""
        if not self._todo:
            return None
        wanted = self._todo.pop(0)
        attempt = [key_of(trial) for trial in self.store.trials if diverged(trial)].count(wanted.key)
        seed = training_seed(self._prepared, self.level.name, _number(wanted), wanted.repeat, attempt=attempt)
        facts = TrialFacts(
            repeat=wanted.repeat,
            seed=seed,
            utilisation=wanted.candidate.params / self._prepared.cap,
            parent=wanted.parent,
            lineage=wanted.lineage,
        )
        return self.store.add(wanted.candidate, state=TrialState.RUNNING, facts=facts)

    def task(self, trial: Trial) -> TrainTask:
        """Return the training of a trial."""
        return self.level.task(trial, self._prepared.setting, self._folder)

    def finished(self, trial: Trial, result: FinishedTraining) -> TrialFacts:
        """Write the weights before the trial is COMPLETE, so that every COMPLETE trial has them."""
        if result.weights is None:
            return TrialFacts()
        name = f"{self.level.name}/{trial.number}.safetensors"
        write_bytes(self._folder / name, result.weights)
        return TrialFacts(weights=name, weights_sha256=digest(result.weights))

    def ended(self, trial: Trial) -> None:
        """Remove what only a training under way needs."""
        if trial.state is TrialState.COMPLETE or diverged(trial):
            self.level.clear(trial, self._folder)


def run_level(
    stage: ProposedTrials | ListedTrials, plan: Plan, engine: Engine, listener: Listener, *, since: float
) -> None:
    """Run all trainings of a level, as far as its share of the driver's hours allows, and tell a listener of them.

    Args:
        stage: gives the trainings.
        plan: says how long the levels above will take.
        engine: to train on.
        listener: hears the progress.
        since: when the driver began, by `time.monotonic`.
    """
    meter = Meter(listener, stage.level, total=stage.total, budget=plan.prepared.budget)
    run_stage(stage, engine, clock=plan.clock(stage.level.name, since=since), tick=meter.tick, heard=meter.heard)


def diverged(trial: Trial) -> bool:
    """Tell whether a training failed because of its numbers, not of what it ran on."""
    return trial.state is TrialState.FAIL and trial.facts.diverged is True


def missing(store: StudyStore, wanted: Sequence[PlannedTraining]) -> list[PlannedTraining]:
    """Return those that are neither COMPLETE nor under way, each network and repeat once.

    A training that failed is missing again for the next driver: the cause may be fixed by then.
    """
    have = {key_of(trial) for trial in store.trials if trial.state is not TrialState.FAIL}
    return list({one.key: one for one in wanted if one.key not in have}.values())


def count_left(store: StudyStore, wanted: Sequence[PlannedTraining]) -> int:
    """Count the trainings of a level that are still to be done: missing, or started by a driver that was stopped."""
    return sum(not trial.state.is_finished for trial in store.trials) + len(missing(store, wanted))


def training_seed(prepared: PreparedStudy, stage: str, number: int, repeat: int, *, attempt: int = 0) -> int:
    """Derive a training's seed from the study's seed, its stage, a number for its network, its repeat and attempt."""
    return derived_seed(prepared.config.search.seed, int.from_bytes(stage.encode()), number, repeat, attempt)


def _number(wanted: PlannedTraining) -> int:
    return int(digest(wanted.candidate.spec.id.encode())[:12], 16)
