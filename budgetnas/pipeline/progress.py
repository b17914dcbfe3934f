"""The progress of a driver: the state of each level, the time left, and listeners."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from budgetnas.budget import Budget
from budgetnas.config.sections import ScoreName
from budgetnas.engine.protocol import EpochReport
from budgetnas.trials.selection import within
from budgetnas.trials.trial import Trial, TrialState, complete

if TYPE_CHECKING:
    from budgetnas.pipeline.level import Level
    from budgetnas.pipeline.plan import Plan


class Meter:
    """Reports the progress of a level to a listener.

    Args:
        listener: receives the progress.
        level: to measure.
        total: returns the number of trainings.
        budget: that the best network must fit; None for any.
    """

    def __init__(
        self, listener: Listener, level: Level[Any], *, total: Callable[[], int], budget: Budget | None
    ) -> None:
        self._listener, self._level, self._total, self._budget = listener, level, total, budget
        self._began = time.monotonic()
        self._seen = 0
        self._reached: dict[int, int] = {}

    def epoch_ended(self, trial: Trial, report: EpochReport) -> None:
        """Count an epoch of a training, which an earlier driver may have started."""
        self._seen += 1
        self._reached[trial.number] = report.epoch
        self._listener.epoch_ended(trial, report)

    def tick(self) -> None:
        """Report the progress."""
        finished = complete(self._level.store.trials)
        fitting = finished if self._budget is None else within(finished, self._budget)
        scored = fitting if self._level.is_scored else []
        self._listener.progressed(
            Progress(
                level=self._level.name,
                done=len(finished),
                total=self._total(),
                best=max((trial.score or 0.0 for trial in scored), default=None),
                score=self._level.score,
                seconds_left=self._seconds_left(len(finished)),
            )
        )

    def _seconds_left(self, done: int) -> float | None:
        if not self._seen:
            return None
        trials = self._level.store.trials
        under_way = sum(epoch for number, epoch in self._reached.items() if trials[number].state is TrialState.RUNNING)
        left = max(0, (self._total() - done) * self._level.epochs - under_way)
        return left / self._seen * (time.monotonic() - self._began)


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """The progress of a level.

    Attributes:
        level: its name.
        done: finished trainings.
        total: trainings in all.
        best: best validation score so far, higher for a better network; None before the first.
        score: its name.
        seconds_left: that the rest of the level will take at the pace so far; None before the first epoch.
    """

    level: str
    done: int
    total: int
    best: float | None
    score: ScoreName = "accuracy"
    seconds_left: float | None = None


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
