"""The protocol of an engine: submit tasks, wait for events. Errors and timeouts of tasks are events too.

An engine knows nothing of what it runs: a task is any picklable value, and the engine receives the function that
performs it when it is created.
"""

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
        train_accuracy: share of the epoch's augmented images that were classified correctly in their step, in [0, 1].
        accuracy: accuracy on the watched split (by default validation) after the epoch, in [0, 1].
        loss: mean cross-entropy on the watched split.
        seconds: wall time of the epoch.
        score: of the study on that split, higher for a better network; None where that is the accuracy.
    """

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    accuracy: float
    loss: float
    seconds: float = field(compare=False)
    score: float | None = None

    @property
    def scored(self) -> float:
        """The score of the study, which is the accuracy unless there is another."""
        return self.accuracy if self.score is None else self.score

    @property
    def losses(self) -> tuple[float, float]:
        """Training loss and loss on the watched split, of 6 digits each, as a study records them."""
        return float(f"{self.train_loss:.6g}"), float(f"{self.loss:.6g}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Progressed:
    """A task has finished one more epoch."""

    key: str
    report: EpochReport


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A task has finished, with the value that its function returned."""

    key: str
    result: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """A task has failed.

    Attributes:
        key: key of the task.
        reason: the reason, in one line.
        fatal: whether all other tasks must stop too (a bug of this program, or changed data).
        diverged: whether the training diverged, so that the same task would fail again.
    """

    key: str
    reason: str
    fatal: bool = False
    diverged: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A task has broken its device; engines retry `task` in a fresh process and do not report this event."""

    key: str
    task: object


Event = Progressed | Finished | Failed
Work = Callable[[Any, Callable[[EpochReport], None]], Any]


class Engine(Protocol):
    """Runs tasks, at most `capacity` in parallel."""

    @property
    def capacity(self) -> int:
        """Number of parallel tasks."""

    def submit(self, key: str, task: object) -> None:
        """Start `task` under a name that no unfinished task has."""

    def wait(self, timeout: float) -> Sequence[Event]:
        """Return events in order, as soon as there are any; none after `timeout` seconds."""

    def close(self) -> None:
        """Stop everything at once; unfinished tasks are dropped."""


RETRIES = 2  # of a task whose process died or hung


def attempt(
    work: Work, key: str, task: object, report: Callable[[EpochReport], None]
) -> tuple[Finished | Failed | Broken, bool]:
    """Perform `task`; return its event, and whether this process can perform another task."""
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
    except Exception as error:  # every failure of a trial must reach the study with its reason
        return Failed(key=key, reason=one_line(f"{type(error).__name__}: {error}", most=None)), False


class Watch:
    """Remembers the last sign of life of each task.

    Args:
        seconds: time after which a silent task is overdue; None for never.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._heard: dict[str, float] = {}

    def hear(self, key: str) -> None:
        """Record a sign of life: a start or a finished epoch."""
        self._heard[key] = time.monotonic()

    def forget(self, key: str) -> None:
        """Stop watching a task."""
        self._heard.pop(key, None)

    @property
    def overdue(self) -> list[str]:
        """Tasks that have been silent for too long."""
        if self._seconds is None:
            return []
        now = time.monotonic()
        return [key for key, heard in self._heard.items() if now - heard > self._seconds]

    def __str__(self) -> str:
        return f"no report for {self._seconds:g} s"
