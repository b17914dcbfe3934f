"""One length of training: what each training of it is, and the study that keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from budgetnas.config.recipe import Recipe
from budgetnas.records.trial import Trial
from budgetnas.storage.study import StudyStore
from budgetnas.training.checkpoint import Checkpoints
from budgetnas.training.tasks import STATE_SECONDS, Setting, TrainTask, whole


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
            seed=int(trial.attrs["seed"]),
            keep_weights=self.keeps_weights,
            subset=self.subset,
            checkpoint=str(self._states(trial, folder).absolute()),
            checkpoint_seconds=STATE_SECONDS,
        )

    def clear(self, trial: Trial, folder: Path) -> None:
        """Remove the states that the training of a trial has left."""
        Checkpoints(self._states(trial, folder)).clear()

    def _states(self, trial: Trial, folder: Path) -> Path:
        return folder / "states" / f"{self.name}-{trial.candidate.spec.id}-{trial.attrs['seed']:d}"
