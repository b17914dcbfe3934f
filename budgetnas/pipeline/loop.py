"""The loop of every level: start trials while there is room, record results, stop in good order."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from budgetnas.engine.protocol import Engine, EpochReport, Failed, Finished, Progressed
from budgetnas.exceptions import BudgetNASError
from budgetnas.pipeline.trial_source import TrialSource
from budgetnas.training.tasks import FinishedTraining, PausedTraining
from budgetnas.trials.trial import Trial, TrialState

TICK_SECONDS = 0.25
SAME_IN_A_ROW = 3
FEW_FAILURES = 10


class Clock:
    """The time during which a driver may start trainings.

    Args:
        seconds: duration; None for no limit.
        since: its start, by `time.monotonic`; now unless given.
    """

    def __init__(self, seconds: float | None, *, since: float | None = None) -> None:
        self._end = None if seconds is None else (time.monotonic() if since is None else since) + seconds

    @property
    def is_over(self) -> bool:
        """Whether no training may start any more."""
        return self._end is not None and time.monotonic() >= self._end


def end_of_level(seconds: float, *, elapsed: float, after: float) -> float:
    """Return how long after the driver's start trainings of a level may start, in seconds.

    A level leaves time for the levels above it, but has at least half of the rest; the last level has all of it.

    Args:
        seconds: of the driver in all.
        elapsed: seconds at the start of the level.
        after: expected seconds of the levels above.
    """
    rest = max(0.0, seconds - elapsed)
    return elapsed + max(rest / 2, rest - after)


def run_trials(
    source: TrialSource,
    engine: Engine,
    *,
    clock: Clock,
    tick: Callable[[], None],
    on_start: Callable[[Trial], None] = lambda trial: None,
    on_epoch: Callable[[Trial, EpochReport], None] = lambda trial, report: None,
) -> None:
    """Run all trials of a level, first those that an earlier driver left unfinished.

    No training starts after the `clock` is over. `tick` is called several times a second and before a trial is made,
    `on_start` at the start of every training, `on_epoch` after every epoch. Interrupted, it hands its running trials
    back as WAITING; the next driver runs them again under their numbers.

    Raises:
        BudgetNASError: the driver must stop: the data changed, the counter is wrong, or too many trainings failed.
    """
    store = source.level.store
    for finished in (trial for trial in store.trials if trial.state.is_finished):
        source.ended(finished)  # a driver killed in between has not
    left = [trial for trial in store.trials if not trial.state.is_finished and source.wants(trial)]
    before = {trial.number for trial in store.trials if trial.state.is_finished}
    running: dict[str, Trial] = {}
    try:
        while True:
            while len(running) < engine.capacity and not clock.is_over:
                tick()
                trial = left.pop(0) if left else source.upcoming(len(running))
                if trial is None:
                    break
                store.restart(trial.number)
                key = f"{store.name}/{trial.number}"
                running[key] = trial
                engine.submit(key, source.level.task(trial))
                on_start(trial)
            tick()
            if not running:
                return
            for event in engine.wait(TICK_SECONDS):
                trial = running[event.key]
                if isinstance(event, Progressed):
                    store.report(trial.number, event.report.epoch, event.report.scored)
                    on_epoch(trial, event.report)
                    continue
                _end(source, trial, event)
                del running[event.key]
                check_failures([trial for trial in store.trials if trial.number not in before])
    finally:
        for trial in running.values():
            store.release(trial.number)


def _end(source: TrialSource, trial: Trial, event: Failed | Finished) -> None:
    """Record how a training ended: failed, paused by its time, or finished."""
    store = source.level.store
    if isinstance(event, Failed):
        if event.fatal:
            raise BudgetNASError(event.reason)
        source.ended(store.fail(trial.number, event.reason, diverged=event.diverged))
    elif isinstance(event.result, PausedTraining):
        store.release(trial.number)
    else:
        _keep(source, trial, event.result)


def _keep(source: TrialSource, trial: Trial, result: FinishedTraining) -> None:
    """Record a finished training; its files are written first, so that every COMPLETE trial has them.

    Its losses are recorded here, in one write; until then, its curve has scores alone.
    """
    store, last = source.level.store, result.reports[-1]
    facts = replace(
        source.level.keep(trial, result),
        seconds=round(result.seconds, 3),
        images=result.images,
        epochs=last.epoch,
        train_loss=last.train_loss,
        loss=last.loss,
        losses=tuple(report.losses for report in result.reports),
        notices=tuple(result.notices) or None,
    )
    if last.score is not None:
        assert result.outcome is not None, "another score than accuracy has an outcome"
        facts = replace(facts, accuracy=last.accuracy, interval=result.outcome.interval(source.level.score))
    # Epochs of an earlier driver may have been saved, but not reported.
    store.fill(trial.number, {report.epoch: report.scored for report in result.reports})
    source.ended(store.finish(trial.number, last.scored, facts))


def check_failures(trials: Sequence[Trial]) -> None:
    """Stop a driver that only fails, judged in the order of trial numbers.

    Args:
        trials: those that this driver ran or is running, so that a resumed search gets a new chance.

    Raises:
        BudgetNASError: three failures in a row have one reason, or more than 10 and a tenth of all trials failed.
    """
    failures = 0
    row: list[str] = []
    for trial in trials:
        if not trial.state.is_finished:
            return
        if trial.state is TrialState.COMPLETE:
            row = []
        if trial.state is not TrialState.FAIL:
            continue
        failures += 1
        reason = str(trial.facts.reason)
        row = [*row, reason] if row and row[-1] == reason else [reason]
        advice = "fix the cause, then run the same command to resume"
        if len(row) == SAME_IN_A_ROW:
            raise BudgetNASError(f"{SAME_IN_A_ROW} trainings in a row failed for the same reason ({reason}): {advice}.")
        if failures > FEW_FAILURES + len(trials) / 10:
            raise BudgetNASError(f"{failures} of {len(trials)} trainings failed (the last: {reason}): {advice}.")
