"""A worker's tasks and their results, as frozen, picklable data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Literal

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.recipe import Recipe
from budgetnas.config.recorded import as_then
from budgetnas.config.sections import DataConfig, ScoreName
from budgetnas.engine.protocol import EpochReport
from budgetnas.evidence.outcome import Outcome
from budgetnas.trials.declaration import Phase

STATE_SECONDS = 30.0  # of training between two checkpoints: the cost of a kill, against 0.3 s to write 40 MB


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """The settings that the tasks of one study share.

    Attributes:
        data: the data set, resolved.
        fingerprint: expected hash of the data set; the run stops at another one.
        device: "cpu", "cuda" or "mps".
        threads: CPU threads.
    """

    data: DataConfig
    fingerprint: str
    device: str
    threads: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainTask:
    """Train `spec` from scratch, scoring it after every epoch.

    Attributes:
        setting: settings that the tasks of the study share.
        spec: the architecture.
        recipe: the training recipe.
        phases: one, or several: every later phase restarts from the best epoch of the phase before it, with a fresh
            optimiser.
        seed: seed of initial weights, image order and augmentation.
        keep_weights: whether the result holds the weights.
        learns_from: "train", or "all" for train and validation together.
        watches: the split that is scored, "validation" or "test".
        score: of the study, which is reported beside the accuracy where it is another one.
        subset: images of each class to train on, always the same ones; None for all.
        epochs: epochs after which to stop; default: the whole length of the phases.
        checkpoint: folder of the checkpoints from which an interrupted training resumes, `RUN/states/NAME`; None for
            no checkpoints. Where the folder RUN does not exist, none are kept.
        checkpoint_seconds: seconds of training between two checkpoints; 0 for one after every epoch. A training that
            keeps weights also has one after the first epoch of every start and after the last epoch.
        stop_at: time (seconds since 1970) after which no epoch starts; None for none.
        records: whether a GPU may record its steps as CUDA graphs.
        fuses: whether a GPU runs norm, activation and residual sum as one kernel (`models.fuse`); not measured on a
            GPU yet.
    """

    setting: Setting
    spec: ResNetSpec
    recipe: Recipe
    phases: tuple[Phase, ...]
    seed: int
    keep_weights: bool
    learns_from: Literal["train", "all"] = "train"
    watches: Literal["validation", "test"] = "validation"
    score: ScoreName = "accuracy"
    subset: int | None = None
    epochs: int | None = None
    checkpoint: str | None = None
    checkpoint_seconds: float = 0.0
    stop_at: float | None = None
    records: bool = True
    fuses: bool = False

    @property
    def last_epoch(self) -> int:
        """Number of the last epoch."""
        declared = sum(phase.epochs for phase in self.phases)
        return declared if self.epochs is None else min(declared, self.epochs)

    def digest(self) -> str:
        """Hash everything that the weights depend on; newer keys count only if they change something."""
        setting = self.setting
        recipe = {**as_then(asdict(self.recipe)), "description": ""}
        facts = [self.spec.id, recipe, [asdict(phase) for phase in self.phases], self.seed]
        facts += [self.learns_from, self.subset, self.watches, setting.fingerprint, setting.device, setting.threads]
        facts += ["fused"] if self.fuses else []
        facts += [{"class_weights": setting.data.class_weights}] if setting.data.class_weights != "none" else []
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedTraining:
    """The result of a training.

    Attributes:
        reports: one per epoch.
        seconds: wall time of the training, without loading the data.
        images: number of images trained on, summed over epochs.
        weights: safetensors bytes, if they are kept.
        outcome: on the watched split after the last epoch.
        notices: warnings, a line each, such as a checkpoint that could not be used.
    """

    reports: tuple[EpochReport, ...]
    seconds: float
    images: int
    weights: bytes | None
    outcome: Outcome | None = field(default=None, compare=False)
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PausedTraining:
    """A training that ran out of time after `epoch` epochs; it resumes from its checkpoint."""

    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LookTask:
    """Test a network on the test split.

    Attributes:
        setting: settings that the tasks of the study share.
        spec: the architecture.
        recipe: that it was trained by.
        weights: safetensors bytes.
        score: of the study, which the result has beside the accuracy where it is another one.
        names_images: whether the result says which images are correct, and the part of each in another score.
    """

    setting: Setting
    spec: ResNetSpec
    recipe: Recipe
    weights: bytes
    score: ScoreName = "accuracy"
    names_images: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeTask:
    """Time a few steps of training `spec`."""

    setting: Setting
    spec: ResNetSpec
    recipe: Recipe
    steps: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """The measured speed of one network's training.

    Attributes:
        seconds_per_image: median over training steps.
        validation_seconds_per_image: seconds per image of scoring.
        start_seconds: seconds to build the network, choose kernels and record steps.
    """

    seconds_per_image: float
    validation_seconds_per_image: float
    start_seconds: float
