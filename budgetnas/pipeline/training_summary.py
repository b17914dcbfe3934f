"""Finished trainings in rows: what was reached by the best epoch, by the last, and where the rate was lowest."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from statistics import mean, stdev

from budgetnas.data.dataset import largest_share
from budgetnas.evidence.accuracy import Accuracy, Interval
from budgetnas.pipeline.declare import Job
from budgetnas.pipeline.train import COLUMNS, Measured
from budgetnas.runs.headline import chance_warning
from budgetnas.storage.files import write_text
from budgetnas.trials.facts import required


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """An accuracy over the seeds, in percent.

    Attributes:
        mean: of it.
        sd: standard deviation over seeds; None with one seed.
        interval: of the mean, at 95 % over the images; None where the epoch was chosen by the accuracy itself.
    """

    mean: float
    sd: float | None
    interval: Interval | None = None

    def __str__(self) -> str:
        interval = "" if self.interval is None else f" [{self.interval[0]:.1f}, {self.interval[1]:.1f}]"
        return f"{self.mean:.2f}" + ("" if self.sd is None else f" +- {self.sd:.2f}") + interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """All seeds of one network, accuracies in percent of the watched split.

    Attributes:
        name: of the network.
        params: trainable parameters.
        epochs: that were trained.
        declared: that were declared; more than `epochs` makes every number partial.
        seeds: how many.
        best: of the best epoch of each seed.
        best_epochs: which those were.
        last: of the last epoch.
        lowest_rate: of the epoch of the lowest rate; None where that is the last.
        test: of the look at the test set after the last epoch; None where the test set was watched.
    """

    name: str
    params: int
    epochs: int
    declared: int
    seeds: int
    best: Spread
    best_epochs: tuple[int, ...]
    last: Spread
    lowest_rate: Spread | None
    test: Spread | None

    @property
    def is_partial(self) -> bool:
        """Whether fewer epochs were trained than declared."""
        return self.epochs < self.declared


def rows(found: Sequence[Measured], *, watched: int, test: int) -> list[Row]:
    """Sum up trainings of equal length, a row a network, by name.

    Args:
        found: the trainings.
        watched: images of the split that was watched.
        test: images of the test split.
    """
    names = sorted({one.name for one in found})
    return [_row([one for one in found if one.name == name], watched, test) for name in names]


def _row(found: Sequence[Measured], watched: int, test: int) -> Row:
    trial, curves = found[0].trial, [one.curve for one in found]
    best = [max(curve, key=lambda epoch: epoch.accuracy) for curve in curves]
    # Of equally low rates the last epoch.
    lowest = [min(reversed(curve), key=lambda epoch: epoch.lr) for curve in curves]
    tests = [one.test_accuracy for one in found if one.test_accuracy is not None]
    return Row(
        name=found[0].name,
        params=trial.candidate.params,
        epochs=len(curves[0]),
        declared=required(trial.facts.declared_epochs, "declared_epochs"),
        seeds=len(found),
        best=_spread([epoch.accuracy for epoch in best]),
        best_epochs=tuple(epoch.epoch for epoch in best),
        last=_spread([curve[-1].accuracy for curve in curves], watched),
        lowest_rate=None if lowest[0].epoch == len(curves[0]) else _spread([one.accuracy for one in lowest], watched),
        test=_spread(tests, test) if len(tests) == len(found) else None,
    )


def _spread(shares: Sequence[float], images: int | None = None) -> Spread:
    percent = [100 * share for share in shares]
    spread = Spread(mean=mean(percent), sd=stdev(percent) if len(percent) > 1 else None)
    if images is None:
        return spread
    low, high = Accuracy(shares=shares, images=images).interval
    return replace(spread, interval=(100 * low, 100 * high))


def warnings(job: Job, found: Sequence[Measured]) -> list[str]:
    """Name the trainings that ended at chance, in a line."""
    watched = job.data.test if job.watches == "test" else job.data.validation
    warning = chance_warning(
        [(f"{one.name} #{one.trial.repeat}", one.curve[-1].accuracy) for one in found],
        what="trainings",
        split=job.watches,
        images=len(watched),
        chance=largest_share(watched.labels),
    )
    return [warning] if warning else []


def write_tables(job: Job, found: Sequence[Measured]) -> Path:
    """Write `epochs.csv`, a row an epoch of every training; return its path."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    before = ("network", "params", "repeat", "seed", "declared_epochs")
    after = ("watched", "learnt_from", "data", "images_per_epoch", "precision", "device")
    writer.writerow((*before, *COLUMNS, *after))
    for one in found:
        trial, facts = one.trial, one.trial.facts
        start = one.name, trial.candidate.params, trial.repeat, trial.seed, facts.declared_epochs
        images = required(facts.images, "images") // required(facts.epochs, "epochs")
        end = job.watches, job.learns_from, job.data.name, images, facts.precision, facts.device
        for epoch in one.curve:
            numbers = (f"{value:.6g}" if isinstance(value, float) else value for value in astuple(epoch))
            writer.writerow((*start, *numbers, *end))
    path = job.folder / "epochs.csv"
    write_text(path, text.getvalue())
    return path
