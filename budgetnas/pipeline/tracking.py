"""What trackers are given of a run: every training with its learning curve, and in the end the result."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from budgetnas.engine.protocol import EpochReport
from budgetnas.evidence.scores import SCORES
from budgetnas.pipeline.level import Level
from budgetnas.pipeline.progress import Listener, Progress
from budgetnas.trackers.known import Maker
from budgetnas.trackers.protocol import Final, Point, Training
from budgetnas.trackers.writer import LAST_SECONDS, Writer
from budgetnas.trials.facts import RunFacts
from budgetnas.trials.trial import Trial, TrialState

STOPPED_SECONDS = 10.0  # for what is left to write when the driver was interrupted


class Tracking(Listener):
    """Hands the trainings of a run to trackers, those of earlier drivers first; none of them can stop it.

    Args:
        writers: of the trackers.
        run: name of the run.
        levels: of the run.
        facts: returns what is recorded of the run, its first driver among it once something trains.
        watches: the split that scores trainings.
    """

    def __init__(
        self,
        writers: Sequence[Writer],
        *,
        run: str,
        levels: Sequence[Level[Any]],
        facts: Callable[[], RunFacts],
        watches: str,
    ) -> None:
        self._writers, self._run, self._facts, self._watches = writers, run, facts, watches
        self._levels = {level.name: level for level in levels}
        self._level = levels[0]
        self._ended: set[tuple[str, int]] = set()
        self._key = ""

    def progressed(self, progress: Progress) -> None:
        """End the trainings that have ended."""
        self._level = self._levels[progress.level]
        self._catch_up()

    def epoch_ended(self, trial: Trial, report: EpochReport) -> None:
        """Add an epoch to the curve of a training of this level, after those of an earlier driver."""
        losses = {report.epoch: report.losses}
        curve = {**trial.curve, report.epoch: report.scored}
        self._write(self._level, trial, curve, losses)

    def conclude(self, final: Final) -> None:
        """Give the trackers the result."""
        if not self._writers:
            return
        self._catch_up()
        training = Training(key=self._key_of("result"), name="result", settings={})
        for writer in self._writers:
            writer.conclude(training, final)

    def _catch_up(self) -> None:
        for level in self._levels.values() if self._writers else ():
            for trial in level.store.trials:
                place = level.name, trial.number
                if trial.state in (TrialState.COMPLETE, TrialState.FAIL) and place not in self._ended:
                    self._ended.add(place)
                    losses = dict(enumerate(trial.facts.losses or (), start=1))
                    failed = trial.state is TrialState.FAIL
                    self._write(level, trial, trial.curve, losses, ended=True, failed=failed)

    def _write(
        self,
        level: Level[Any],
        trial: Trial,
        curve: Mapping[int, float],
        losses: Mapping[int, tuple[float, float]],
        **how: bool,
    ) -> None:
        curves = {"train/loss": {epoch: loss for epoch, (loss, _) in losses.items()}}
        if level.is_scored:
            score = SCORES[level.score]
            curves[f"{self._watches}/loss"] = {epoch: loss for epoch, (_, loss) in losses.items()}
            curves[f"{self._watches}/{score.name}"] = {epoch: score.shown(value) for epoch, value in curve.items()}
        points = [point for metric, found in curves.items() for point in _points(metric, found)]
        training = self._training(level, trial)
        for writer in self._writers:
            writer.write(training, points, **how)

    def _training(self, level: Level[Any], trial: Trial) -> Training:
        candidate, facts = trial.candidate, trial.facts
        settings: dict[str, str | int | None] = {
            "network": candidate.spec.id,
            "origin": candidate.origin,
            "params": candidate.params,
            "macs": candidate.macs,
            "level": level.name,
            "epochs": facts.asked_epochs or level.epochs,
            "seed": facts.seed,
            "repeat": facts.repeat,
        }
        name = f"{trial.number}-{candidate.spec.id}"
        return Training(
            key=self._key_of(f"{level.name}/{trial.number}"),
            name=f"{level.name}/{name}" if level.name else name,
            settings={key: value for key, value in settings.items() if value is not None and value != ""},
        )

    def _key_of(self, part: str) -> str:
        """Return the key of a training: with the start of the first driver, since another run may have the name."""
        if not self._key:
            drivers = self._facts().drivers or ({},)
            self._key = f"{self._run}/{drivers[0].get('started')}"
        return f"{self._key}/{part}"


def _points(metric: str, curve: Mapping[int, float]) -> Iterator[Point]:
    return (Point(metric, epoch, value) for epoch, value in sorted(curve.items()))


@contextlib.contextmanager
def tracked(
    makers: Mapping[str, Maker],
    folder: Path,
    *,
    levels: Sequence[Level[Any]],
    facts: Callable[[], RunFacts],
    watches: str = "validation",
) -> Iterator[Tracking]:
    """Start trackers, and wait in the end until they have written everything.

    Args:
        makers: of the trackers, by name.
        folder: of the run.
        levels: of the run.
        facts: returns what is recorded of the run.
        watches: the split that scores trainings.
    """
    writers = [Writer(name, partial(make, folder, folder.name)) for name, make in makers.items()]
    seconds = STOPPED_SECONDS
    try:
        yield Tracking(writers, run=folder.name, levels=levels, facts=facts, watches=watches)
        seconds = LAST_SECONDS
    finally:
        for writer in writers:
            writer.close(seconds)
