"""The protocol of an engine: hand in tasks, wait for events. Errors and silence of a task become events, too."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from budgetnas.exceptions import BrokenDeviceError, BudgetNASError, DivergenceError, TrainingError
from budgetnas.text import one_line


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


RETRIES = 2  # of a task whose process died or hung


def attempt(
    work: Work, key: str, task: object, report: Callable[[EpochReport], None]
) -> tuple[Finished | Failed | Broken, bool]:
    """Perform `task`; return what happened, and whether this process is fit for another task."""
    try:
        return Finished(key=key, result=work(task, report)), True
    except TrainingError as error:
        return Failed(key=key, reason=str(error), diverged=isinstance(error, DivergenceError)), True
    except BrokenDeviceError as error:
        return Broken(key=key, task=error.task), False
    except BudgetNASError as error:
        return Failed(key=key, reason=str(error), fatal=True), True
    except MemoryError as error:
        return Failed(key=key, reason=f"out of memory: {error}"), False
    except Exception as error:  # a trial's failure, whatever it is, must reach the study with its reason
        return Failed(key=key, reason=one_line(f"{type(error).__name__}: {error}", most=None)), False


class Watch:
    """Remembers when each task was last heard of.

    Args:
        seconds: after which a silent task is overdue; None for never.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._heard: dict[str, float] = {}

    def hear(self, key: str) -> None:
        """Note a sign of life: a start, a finished epoch."""
        self._heard[key] = time.monotonic()

    def forget(self, key: str) -> None:
        """Stop watching a task."""
        self._heard.pop(key, None)

    @property
    def overdue(self) -> list[str]:
        """The tasks that have been silent for too long."""
        if self._seconds is None:
            return []
        now = time.monotonic()
        return [key for key, heard in self._heard.items() if now - heard > self._seconds]

    def __str__(self) -> str:
        return f"no report for {self._seconds:g} s"
