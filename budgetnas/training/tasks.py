"""The tasks that a worker performs, and what they return: frozen, picklable, nothing alive inside."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.recipe import Recipe
from budgetnas.config.recorded import as_then
from budgetnas.config.study import DataConfig
from budgetnas.engine.protocol import EpochReport
from budgetnas.trials.declaration import Phase

STATE_SECONDS = 30.0  # of training between two states: what a kill may cost, against 0.3 s to write 40 MB


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What the tasks of one study share.

    Attributes:
        data: the data set, resolved.
        fingerprint: what it must hash to, or the run stops.
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
        setting: what the tasks of the study share.
        spec: the architecture.
        recipe: how to train it.
        phases: one, unless training begins anew on the way: every later phase starts from the best epoch of the one
            before it, with a fresh optimiser.
        seed: of initial weights, order and augmentation.
        keep_weights: whether the result holds the weights.
        learns_from: "train", or "all" for train and validation together.
        watches: the split that is scored, "validation" or "test".
        subset: images of each class to learn from, always the same ones; None for all.
        epochs: where to stop, for a part of what the phases say; their whole length unless given.
        checkpoint: `RUN/states/NAME`, folder for the state after an epoch, from which a training cut off goes on; None
            for none. Where there is no folder RUN, nothing is kept.
        checkpoint_seconds: of training between two states; 0 keeps one after every epoch. Where weights are kept, so
            are the states after the first epoch of every start and after the last one.
        stop_at: time (seconds since 1970) after which no epoch starts; None for none.
        records: whether a GPU may record its steps as CUDA graphs.
        fuses: whether a GPU runs norm, activation and residual sum as one kernel (`models.fuse`), which is not
            measured on a GPU yet.
    """

    setting: Setting
    spec: ResNetSpec
    recipe: Recipe
    phases: tuple[Phase, ...]
    seed: int
    keep_weights: bool
    learns_from: Literal["train", "all"] = "train"
    watches: Literal["validation", "test"] = "validation"
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
        """Hash everything that the weights after an epoch depend on; a younger key that changes nothing stays out."""
        setting = self.setting
        recipe = {**as_then(asdict(self.recipe)), "description": ""}
        facts = [self.spec.id, recipe, [asdict(phase) for phase in self.phases], self.seed]
        facts += [self.learns_from, self.subset, self.watches, setting.fingerprint, setting.device, setting.threads]
        facts += ["fused"] if self.fuses else []
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """What a training gave.

    Attributes:
        reports: one per epoch.
        seconds: wall time of the training, loading aside.
        images: how many images it trained on, epochs counted.
        weights: safetensors bytes, if they were to be kept.
        notices: what a reader should know, a line each: checkpoints that could not be used.
    """

    reports: tuple[EpochReport, ...]
    seconds: float
    images: int
    weights: bytes | None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Paused:
    """A training that its time cut off after `epoch` epochs; its checkpoint goes on from there."""

    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LookTask:
    """Test the `weights` (safetensors bytes) of `spec`, trained by `recipe`, on the test split."""

    setting: Setting
    spec: ResNetSpec
    recipe: Recipe
    weights: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeTask:
    """Time a few steps of training `spec`."""

    setting: Setting
    spec: ResNetSpec
    recipe: Recipe
    steps: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Timed:
    """What a training of one network takes.

    Attributes:
        seconds_per_image: of a training step, the median.
        validation_seconds_per_image: of scoring.
        start_seconds: until steps have their usual length: the network made, kernels chosen, steps recorded.
    """

    seconds_per_image: float
    validation_seconds_per_image: float
    start_seconds: float
