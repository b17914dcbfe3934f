"""The engine's protocol: hand in work, wait for what it reports.

An engine knows nothing of what it runs: a task is any picklable value, and the function that performs it is given
to the engine when it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochReport:
    """One finished epoch of a training.

    Attributes:
        epoch: number of the epoch, from 1.
        lr: learning rate of its last step.
        train_loss: mean training loss over the epoch, as the recipe defines it.
        train_accuracy: share of the epoch's images, as augmented, that were right when they were trained on, in [0, 1].
        accuracy: of the watched split (validation unless the task says otherwise) after the epoch, in [0, 1].
        loss: mean cross-entropy on the watched split.
        seconds: wall time of the epoch.
    """

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    accuracy: float
    loss: float
    seconds: float = field(compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Progressed:
    """A task has finished one more epoch."""

    key: str
    report: EpochReport


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A task has ended well, with what its function returned."""

    key: str
    result: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """A task has ended badly.

    Attributes:
        key: the task's.
        reason: one line.
        fatal: whether nothing else may go on either (our own mistake, or the data changed).
        diverged: whether the task's own numbers are why, so that the same task would fail again.
    """

    key: str
    reason: str
    fatal: bool = False
    diverged: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A task has broken what it ran on; engines try `task` in a fresh process, and tell nobody."""

    key: str
    task: object


Event = Progressed | Finished | Failed
Work = Callable[[Any, Callable[[EpochReport], None]], Any]


class Engine(Protocol):
    """Performs tasks, at most `capacity` at a time."""

    @property
    def capacity(self) -> int:
        """How many tasks run side by side."""

    def submit(self, key: str, task: object) -> None:
        """Start `task` under a name that no unfinished task has."""

    def wait(self, timeout: float) -> Sequence[Event]:
        """Return what happened, in order, as soon as anything did; nothing after `timeout` seconds."""

    def close(self) -> None:
        """Stop everything at once; unfinished tasks are dropped."""
