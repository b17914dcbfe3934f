"""What a person declares to be trained: networks, their lengths and seeds, and what all of them share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from budgetnas.config.recipe import Recipe
from budgetnas.data.dataset import Dataset
from budgetnas.preparation.length import length_notes
from budgetnas.records.trial import Candidate
from budgetnas.training.tasks import Phase, Setting


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """One training to be done.

    Attributes:
        candidate: the network; its origin is the name that it goes by.
        phases: how long, and on which schedule.
        repeat: number of the seed, from 0.
    """

    candidate: Candidate
    phases: tuple[Phase, ...]
    repeat: int

    @property
    def epochs(self) -> int:
        """Length of all phases."""
        return sum(phase.epochs for phase in self.phases)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A study of declared trainings.

    Attributes:
        folder: of the run; its name is the study's.
        data: the data set.
        recipe: how all of them train.
        recipe_name: its shipped name or path; "" where it is the run's own and no name was recorded.
        setting: what all tasks share.
        runs: the trainings.
        learns_from: "train", or "all" for train and validation together.
        watches: the split that is scored after every epoch.
        epochs: where to stop early; None to do all that was declared.
        seed: of everything random.
        workers: trainings side by side.
        gpus: how many GPUs to share among them.
        device_name: hardware, for a person.
        max_seconds: after which no epoch starts; None for no limit.
    """

    folder: Path
    data: Dataset
    recipe: Recipe
    recipe_name: str
    setting: Setting
    runs: tuple[Declared, ...]
    learns_from: Literal["train", "all"]
    watches: Literal["validation", "test"]
    epochs: int | None
    seed: int
    workers: int
    gpus: int
    device_name: str
    max_seconds: float | None

    def length(self, run: Declared) -> int:
        """Return how many epochs of a training are asked for."""
        return run.epochs if self.epochs is None else min(run.epochs, self.epochs)

    def key(self, run: Declared) -> tuple[Any, ...]:
        """Return what tells a training from others of the study."""
        phases = tuple((phase.epochs, phase.period) for phase in run.phases)
        return run.candidate.origin, run.candidate.spec.id, phases, run.repeat, self.length(run)

    @property
    def notes(self) -> list[str]:
        """What of the recipe does not fit the shortest part of a training, a line each."""
        part = min((phase for run in self.runs for phase in run.phases), key=lambda phase: phase.epochs)
        images = len(self.data.train) + (len(self.data.validation) if self.learns_from == "all" else 0)
        epochs = part.epochs if self.epochs is None else min(part.epochs, self.epochs)
        name = self.recipe_name or "of the run"
        return length_notes(self.recipe, name, images=images, epochs=epochs, period=part.period)

    def identity(self) -> dict[str, Any]:
        """Return everything that a training's numbers depend on, the network and its length aside.

        How its images are moved and mirrored is named only where the data set does not decide it.
        """
        named = {f"data.{key}": getattr(self.setting.data, key) for key in ("flip", "shift")}
        return {
            **{f"recipe.{key}": value for key, value in asdict(self.recipe).items() if key != "description"},
            "data.fingerprint": self.setting.fingerprint,
            **{key: value for key, value in named.items() if value is not None},
            "learns_from": self.learns_from,
            "watches": self.watches,
            "seed": self.seed,
            "device": self.setting.device,
            "threads": self.setting.threads,
        }
