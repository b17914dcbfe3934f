"""The progress of a driver: the state of each level, the time left, and listeners."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from budgetnas.budget import Budget
from budgetnas.config.sections import ScoreName
from budgetnas.engine.protocol import EpochReport
from budgetnas.trials.selection import within
from budgetnas.trials.trial import Trial, TrialState, complete, in_words

if TYPE_CHECKING:
    from budgetnas.pipeline.plan import Plan
    from budgetnas.pipeline.trial_source import TrialSource


@dataclass(slots=True)
class _Seen:
    """A training that this driver has started: its last epoch, when that ended, and the epochs that were seen."""

    row: int
    epoch: int
    since: float
    accuracy: float | None = None
    epochs: int = 0
    seconds: float = 0.0


class Meter:
    """Reports the progress of a level to a listener.

    Args:
        listener: receives the progress.
        source: of the trials.
        budget: that the best network must fit; None for any.
    """

    def __init__(self, listener: Listener, source: TrialSource, *, budget: Budget | None) -> None:
        self._listener, self._source, self._budget = listener, source, budget
        self._level = source.level
        self._began = time.monotonic()
        self._seen: dict[int, _Seen] = {}

    def started(self, trial: Trial) -> None:
        """Count a training as under way, in the first row that is free."""
        taken = {self._seen[one.number].row for one in self._running() if one.number != trial.number}
        row = next(row for row in range(len(taken) + 1) if row not in taken)
        self._seen[trial.number] = _Seen(row=row, epoch=max(trial.curve, default=0), since=time.monotonic())

    def epoch_ended(self, trial: Trial, report: EpochReport) -> None:
        """Count an epoch of a training, which an earlier driver may have started."""
        seen = self._seen[trial.number]
        seen.epoch, seen.since = report.epoch, time.monotonic()
        seen.epochs, seen.seconds = seen.epochs + 1, seen.seconds + report.seconds
        seen.accuracy = report.accuracy if self._level.is_scored else None
        self._listener.epoch_ended(trial, report)

    def tick(self) -> None:
        """Report the progress."""
        finished = complete(self._level.store.trials)
        fitting = finished if self._budget is None else within(finished, self._budget)
        scored = fitting if self._level.is_scored else []
        epochs, epochs_done = self._source.epochs(), sum(map(self._epochs_of, self._level.store.trials))
        self._listener.progressed(
            Progress(
                level=self._level.name,
                done=len(finished),
                total=self._source.total(),
                best=max((trial.score or 0.0 for trial in scored), default=None),
                score=self._level.score,
                seconds_left=self._seconds_left(epochs - epochs_done),
                epochs_done=epochs_done,
                epochs=epochs,
                running=tuple(map(self._row, sorted(self._running(), key=lambda one: self._seen[one.number].row))),
            )
        )

    def _running(self) -> list[Trial]:
        trials = self._level.store.trials
        return [trials[number] for number in self._seen if trials[number].state is TrialState.RUNNING]

    def _epochs_of(self, trial: Trial) -> int:
        if trial.state.is_finished:
            return self._level.length(trial) if trial.state is TrialState.COMPLETE else 0
        seen = self._seen.get(trial.number)
        return seen.epoch if seen else max(trial.curve, default=0)

    def _row(self, trial: Trial) -> Running:
        seen, epochs = self._seen[trial.number], self._level.length(trial)
        seconds, left = time.monotonic() - seen.since, None
        if seen.epochs:
            left = max(0.0, (epochs - seen.epoch) * seen.seconds / seen.epochs - seconds)
        return Running(
            name=self._level.label(trial),
            epoch=min(seen.epoch + 1, epochs),
            epochs=epochs,
            accuracy=seen.accuracy,
            seconds=seconds,
            seconds_left=left,
        )

    def _seconds_left(self, epochs: int) -> float | None:
        seen = sum(one.epochs for one in self._seen.values())
        return max(0, epochs) / seen * (time.monotonic() - self._began) if seen else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A training under way.

    Attributes:
        name: of its network, and the number of its seed where there are several.
        epoch: the one that runs, from 1.
        epochs: in all.
        accuracy: on the watched split after the last epoch, in [0, 1]; None before the first, or if it means nothing.
        seconds: since its start, or since its last epoch ended.
        seconds_left: that the rest of it will take; None before its first epoch.
    """

    name: str
    epoch: int
    epochs: int
    accuracy: float | None = None
    seconds: float = 0.0
    seconds_left: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """The progress of a level.

    Attributes:
        level: its name.
        done: finished trainings, or tested networks.
        total: of them in all.
        best: best validation score so far, higher for a better network; None before the first.
        score: its name.
        seconds_left: that the rest of the level will take at the pace so far; None before the first epoch.
        epochs_done: finished epochs.
        epochs: of all trainings.
        running: the trainings under way, in rows that they keep.
        is_test: whether the networks of the level are tested.
    """

    level: str
    done: int
    total: int
    best: float | None
    score: ScoreName = "accuracy"
    seconds_left: float | None = None
    epochs_done: int = 0
    epochs: int = 0
    running: tuple[Running, ...] = ()
    is_test: bool = False

    @property
    def is_over(self) -> bool:
        """Whether all trainings have finished."""
        return not self.is_test and not self.running and self.done >= self.total

    @property
    def title(self) -> str:
        """What is done, in words."""
        return f"test set, {in_words(self.level)}" if self.is_test else in_words(self.level)


class Listener:
    """A listener to plan, progress and messages that ignores them: the base of all others."""

    def planned(self, plan: Plan) -> None:
        """Receive the plan, before anything trains."""

    def progressed(self, progress: Progress) -> None:
        """Receive the progress, several times a second."""

    def epoch_ended(self, trial: Trial, report: EpochReport) -> None:
        """Receive an epoch of a training."""

    def message(self, line: str) -> None:
        """Receive a message."""


class Everyone(Listener):
    """Passes everything on to several listeners.

    Args:
        listeners: in the order in which they are called.
    """

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def planned(self, plan: Plan) -> None:
        """Pass on the plan."""
        for listener in self._listeners:
            listener.planned(plan)

    def progressed(self, progress: Progress) -> None:
        """Pass on the progress."""
        for listener in self._listeners:
            listener.progressed(progress)

    def epoch_ended(self, trial: Trial, report: EpochReport) -> None:
        """Pass on an epoch."""
        for listener in self._listeners:
            listener.epoch_ended(trial, report)

    def message(self, line: str) -> None:
        """Pass on a message."""
        for listener in self._listeners:
            listener.message(line)


class Check(Listener):
    """A listener that stops a driver which must not continue.

    Args:
        check: raises if so.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check

    def planned(self, plan: Plan) -> None:
        """Check it."""
        self._check()

    def progressed(self, progress: Progress) -> None:
        """Check it."""
        self._check()

    def message(self, line: str) -> None:
        """Check it."""
        self._check()


def epoch_line(trial: Trial, report: EpochReport, *, watches: str) -> str:
    """Return the progress line of an epoch, scored on the split that `watches` names."""
    return (
        f"{trial.candidate.origin} #{trial.repeat}  epoch {report.epoch}/{trial.facts.asked_epochs}  "
        f"lr {report.lr:.4f}  train {100 * report.train_accuracy:.1f} %  "
        f"{watches} {100 * report.accuracy:.2f} %  {report.seconds:.1f} s"
    )
