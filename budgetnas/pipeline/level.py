"""A level: one Optuna study of trainings of one kind, how they train, and what is kept of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from budgetnas.arrays import derived_seed
from budgetnas.budget import share_of
from budgetnas.config.recipe import Recipe
from budgetnas.config.sections import ScoreName
from budgetnas.runs.trainings import write_curve
from budgetnas.storage.files import digest, write_bytes
from budgetnas.storage.study import StudyStore
from budgetnas.training.checkpoint import Checkpoints
from budgetnas.training.tasks import STATE_SECONDS, FinishedTraining, Setting, TrainTask
from budgetnas.trials.declaration import Declaration, Phase, TrainingKey, training_key, whole
from budgetnas.trials.facts import TrialFacts
from budgetnas.trials.trial import Candidate, Trial, TrialState, key_of


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedTraining:
    """A training of a search or a calibration that was decided on.

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
        """Network and repeat: the key of the training within its level."""
        return self.candidate.spec.id, self.repeat


P = TypeVar("P", PlannedTraining, Declaration)


@dataclass(frozen=True, kw_only=True, slots=True)
class Level(ABC, Generic[P]):
    """A study of trainings.

    Attributes:
        name: of the level, and behind the run's name that of its study; "" where a run has one level alone.
        store: its study.
        folder: of the run.
        setting: data set and device of all tasks.
        recipe: of each training.
        epochs: of each training, at most.
        seed: of the study, from which those of its trainings are derived.
        score: of its trainings.
    """

    name: str
    store: StudyStore
    folder: Path
    setting: Setting
    recipe: Recipe
    epochs: int
    seed: int
    score: ScoreName = "accuracy"

    @abstractmethod
    def key(self, training: Trial | P) -> Hashable:
        """Return the key of a training, planned or tried: a level trains one of each key to its end."""

    @abstractmethod
    def facts(self, planned: P, attempt: int) -> TrialFacts:
        """Return the facts of a new trial of a planned training; `attempt` counts those that diverged before."""

    @abstractmethod
    def task(self, trial: Trial) -> TrainTask:
        """Return the training of a trial."""

    @abstractmethod
    def states(self, trial: Trial) -> Path:
        """Return the folder of the states from which the training of a trial can resume."""

    @property
    def is_scored(self) -> bool:
        """Whether the scores of its trainings mean something."""
        return True

    @abstractmethod
    def label(self, trial: Trial) -> str:
        """Name the training of a trial among those of the level."""

    @abstractmethod
    def length(self, training: Trial | P) -> int:
        """Return the epochs of a training, planned or tried."""

    @abstractmethod
    def keep(self, trial: Trial, result: FinishedTraining) -> TrialFacts:
        """Write the files of a finished training before its trial is COMPLETE, and return what names them."""

    def is_over(self, trial: Trial) -> bool:
        """Return whether no later driver will resume the training of a finished trial."""
        return trial.state is TrialState.COMPLETE or diverged(trial)

    def clear(self, trial: Trial) -> None:
        """Remove the states of a training."""
        Checkpoints(self.states(trial)).clear()

    def missing(self, planned: Sequence[P]) -> list[P]:
        """Return the planned trainings that are neither COMPLETE nor under way, each key once.

        A training that failed is missing again for the next driver: the cause may be fixed by then.
        """
        have = {self.key(trial) for trial in self.store.trials if trial.state is not TrialState.FAIL}
        return list({self.key(one): one for one in planned if self.key(one) not in have}.values())

    def count_left(self, planned: Sequence[P]) -> int:
        """Count the trainings still to be done: missing, or started by a driver that was stopped."""
        return sum(not trial.state.is_finished for trial in self.store.trials) + len(self.missing(planned))


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyLevel(Level[PlannedTraining]):
    """A level of a search or a calibration: trainings of one length.

    Attributes:
        cap: on a cost, by which the share that a network uses is recorded.
        cost: the one that it is on, "params" or "bytes".
        keeps_weights: whether weights are kept.
        subset: images of each class that each training learns from; None for all.
        learns_from: "train", or "all" for train and validation together.
    """

    cap: int
    cost: str
    keeps_weights: bool
    subset: int | None = None
    learns_from: Literal["train", "all"] = "train"

    @property
    def is_scored(self) -> bool:
        """Whether its trainings did not learn from the validation images that score them."""
        return self.learns_from == "train"

    def label(self, trial: Trial) -> str:
        """Return the id of the network, and the number of its seed after the first."""
        return trial.candidate.spec.id + (f" #{trial.facts.repeat}" if trial.facts.repeat else "")

    def length(self, training: Trial | PlannedTraining) -> int:
        """Return the epochs of each."""
        return self.epochs

    def key(self, training: Trial | PlannedTraining) -> tuple[str, int]:
        """Return network and repeat."""
        return training.key if isinstance(training, PlannedTraining) else key_of(training)

    def facts(self, planned: PlannedTraining, attempt: int) -> TrialFacts:
        """Return repeat, seed, use of the cap and origin; the seed depends on level, network, repeat and attempt."""
        number = int(digest(planned.candidate.spec.id.encode())[:12], 16)
        return TrialFacts(
            repeat=planned.repeat,
            seed=derived_seed(self.seed, int.from_bytes(self.name.encode()), number, planned.repeat, attempt),
            utilisation=share_of(planned.candidate, self.cost, self.cap),
            parent=planned.parent,
            lineage=planned.lineage,
        )

    def task(self, trial: Trial) -> TrainTask:
        """Return the training of a trial."""
        return TrainTask(
            setting=self.setting,
            spec=trial.candidate.spec,
            recipe=self.recipe,
            phases=whole(self.epochs),
            seed=trial.seed,
            keep_weights=self.keeps_weights,
            subset=self.subset,
            learns_from=self.learns_from,
            score=self.score,
            checkpoint=str(self.states(trial).absolute()),
            checkpoint_seconds=STATE_SECONDS,
        )

    def states(self, trial: Trial) -> Path:
        """Return the folder of a training's states."""
        return self.folder / "states" / f"{self.name}-{trial.candidate.spec.id}-{trial.seed}"

    def keep(self, trial: Trial, result: FinishedTraining) -> TrialFacts:
        """Write the weights, where the level keeps them, and return the results of each class with them."""
        if result.weights is None:
            return TrialFacts()
        name = f"{self.name}/{trial.number}.safetensors"
        write_bytes(self.folder / name, result.weights)
        classes = result.outcome.classes if result.outcome and self.is_scored else None
        return TrialFacts(weights=name, weights_sha256=digest(result.weights), classes=classes)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredLevel(Level[Declaration]):
    """The one level of a run of declared trainings.

    Attributes:
        learns_from: "train", or "all" for train and validation together.
        watches: the split that is scored after every epoch.
        last_epoch: epoch after which to stop; None for the last.
        device_name: hardware, for a person.
        stop_at: when to pause every training, by `time.time`; None for never.
    """

    learns_from: Literal["train", "all"]
    watches: Literal["validation", "test"]
    last_epoch: int | None
    device_name: str
    stop_at: float | None

    def label(self, trial: Trial) -> str:
        """Return the name that the network was declared by, and the number of its seed."""
        return f"{trial.candidate.origin} #{trial.repeat}"

    def length(self, training: Trial | Declaration) -> int:
        """Return the epochs of a declared training."""
        return self.key(training).epochs

    def key(self, training: Trial | Declaration) -> TrainingKey:
        """Return the key of a declared training."""
        return training_key(training) if isinstance(training, Trial) else training.key(self.last_epoch)

    def facts(self, planned: Declaration, attempt: int) -> TrialFacts:
        """Return repeat, seed and schedule; the seed depends on the network's name, repeat and attempt."""
        key = planned.key(self.last_epoch)
        return TrialFacts(
            repeat=planned.repeat,
            seed=derived_seed(self.seed, int.from_bytes(key.name.encode()), planned.repeat, attempt),
            phases=key.phases,
            asked_epochs=key.epochs,
            declared_epochs=planned.epochs,
            precision=self.recipe.precision,
            device=self.device_name,
        )

    def task(self, trial: Trial) -> TrainTask:
        """Return the training of a trial."""
        key = training_key(trial)
        return TrainTask(
            setting=self.setting,
            spec=trial.candidate.spec,
            recipe=self.recipe,
            phases=tuple(Phase(epochs=epochs, period=period) for epochs, period in key.phases),
            seed=trial.seed,
            keep_weights=True,
            learns_from=self.learns_from,
            watches=self.watches,
            epochs=key.epochs,
            checkpoint=str(self.states(trial).absolute()),
            checkpoint_seconds=STATE_SECONDS,
            stop_at=self.stop_at,
        )

    def states(self, trial: Trial) -> Path:
        """Return the folder of a training's states; its name is made of numbers, and holds no path."""
        return self.folder / "states" / f"{trial.candidate.spec.id}-{trial.repeat}-{trial.seed}"

    def keep(self, trial: Trial, result: FinishedTraining) -> TrialFacts:
        """Write weights and curve."""
        assert result.weights is not None
        weights, curve = f"weights/{trial.number}.safetensors", f"curves/{trial.number}.csv"
        write_bytes(self.folder / weights, result.weights)
        write_curve(self.folder / curve, result.reports)
        has_learned = self.learns_from == "all" and self.watches == "validation"
        classes = result.outcome.classes if result.outcome and not has_learned else None
        return TrialFacts(weights=weights, weights_sha256=digest(result.weights), curve=curve, classes=classes)

    def is_over(self, trial: Trial) -> bool:
        """Return whether nothing resumes a training: one that ended before its declared length can have more epochs."""
        is_whole = trial.facts.asked_epochs == trial.facts.declared_epochs
        return diverged(trial) or (is_whole and trial.state is TrialState.COMPLETE)


def diverged(trial: Trial) -> bool:
    """Return whether a training failed because of its numbers, not of what it ran on."""
    return trial.state is TrialState.FAIL and trial.facts.diverged is True
