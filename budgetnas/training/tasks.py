"""The tasks that a worker performs, and what they return: frozen, picklable, nothing alive inside."""

from __future__ import annotations

from dataclasses import dataclass

from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.recipe import Recipe
from budgetnas.config.study import DataConfig
from budgetnas.records.engine import EpochReport


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
    """Train `spec` from scratch on the train split, scoring it on validation after every epoch."""

    setting: Setting
    spec: ResNetSpec
    recipe: Recipe
    epochs: int
    seed: int
    keep_weights: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """What a training gave.

    Attributes:
        reports: one per epoch.
        seconds: wall time of the training, loading aside.
        images: how many images it trained on, epochs counted.
        weights: safetensors bytes, if they were to be kept.
    """

    reports: tuple[EpochReport, ...]
    seconds: float
    images: int
    weights: bytes | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LookTask:
    """Test the `weights` (safetensors bytes) of `spec` on the test split."""

    setting: Setting
    spec: ResNetSpec
    weights: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a look at the test set gave: how many of `images` were right."""

    correct: int
    images: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeTask:
    """Time a few steps of training `spec`."""

    setting: Setting
    spec: ResNetSpec
    recipe: Recipe
    steps: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Timed:
    """Median seconds per image, forward and backward."""

    seconds_per_image: float
