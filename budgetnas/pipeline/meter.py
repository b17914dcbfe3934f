"""How far a level is and how long the rest of it will take, by the epochs that this driver has seen."""

from __future__ import annotations

import time
from collections.abc import Callable

from budgetnas.budget.caps import Caps
from budgetnas.pipeline.level import Level
from budgetnas.pipeline.listener import Listener, Progress
from budgetnas.promotion.select import within
from budgetnas.records.engine import EpochReport
from budgetnas.records.levels import complete
from budgetnas.records.trial import Trial, TrialState


class Meter:
    """Tells a listener how far a level is.

    Args:
        listener: hears it.
        level: is measured.
        total: gives the trainings in all.
        caps: that the best of them fits.
    """

    def __init__(self, listener: Listener, level: Level, *, total: Callable[[], int], caps: Caps) -> None:
        self._listener, self._level, self._total, self._caps = listener, level, total, caps
        self._began = time.monotonic()
        self._seen = 0
        self._reached: dict[int, int] = {}

    def heard(self, trial: Trial, report: EpochReport) -> None:
        """Count an epoch of a training, which an earlier driver may have begun."""
        self._seen += 1
        self._reached[trial.number] = report.epoch

    def tick(self) -> None:
        """Tell how far the level is."""
        trials = self._level.store.trials
        done = len(complete(trials))
        self._listener.progressed(
            Progress(
                level=self._level.name,
                done=done,
                total=self._total(),
                best=max((trial.score or 0.0 for trial in within(trials, self._caps)), default=None),
                seconds_left=self._seconds_left(done),
            )
        )

    def _seconds_left(self, done: int) -> float | None:
        if not self._seen:
            return None
        under_way = sum(
            epoch
            for number, epoch in self._reached.items()
            if self._level.store.trials[number].state is TrialState.RUNNING
        )
        left = max(0, (self._total() - done) * self._level.epochs - under_way)
        return left / self._seen * (time.monotonic() - self._began)
