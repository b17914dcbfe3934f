"""Declared trainings, read back from their storage: curves, the table of epochs, and a row per network."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from budgetnas.engine.protocol import EpochReport
from budgetnas.evidence.accuracy import Accuracy, Interval
from budgetnas.exceptions import StorageError
from budgetnas.runs.headline import chance_warning
from budgetnas.runs.settings import TrainingsSetup, read_trainings_setup
from budgetnas.storage.database import Storage, open_run
from budgetnas.storage.files import inside, write_text
from budgetnas.storage.study import read_study
from budgetnas.text import Display, write_csv, write_percent
from budgetnas.trials.declaration import TrainingKey, training_key
from budgetnas.trials.record import required
from budgetnas.trials.trial import Looks, Trial, TrialState, complete

if TYPE_CHECKING:
    import pandas as pd

EPOCHS = "epochs.csv"
COLUMNS = tuple(field.name for field in fields(EpochReport) if field.name != "score")  # which is the accuracy here


def _cells(report: EpochReport) -> tuple[Any, ...]:
    return tuple(getattr(report, name) for name in COLUMNS)


def write_curve(path: Path, reports: Iterable[EpochReport]) -> None:
    """Write the reports of one training."""
    write_text(path, write_csv(COLUMNS, map(_cells, reports)))


def read_curve(path: Path) -> list[EpochReport]:
    """Read the reports of one training.

    Raises:
        StorageError: the file is not there, or damaged.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [
            EpochReport(epoch=int(row["epoch"]), **{name: float(row[name]) for name in COLUMNS[1:]}) for row in rows
        ]
    except OSError as error:
        raise StorageError(f"`{path}` cannot be read ({error.strerror}): restore it from a copy.") from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise StorageError(f"`{path}` is damaged ({error}): restore it from a copy.") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRecord:
    """One finished training.

    Attributes:
        trial: its trial.
        curve: a report per epoch.
        test_accuracy: of the look at the test set after the last epoch, in [0, 1]; None where the test set was watched.
    """

    trial: Trial
    curve: tuple[EpochReport, ...]
    test_accuracy: float | None

    @property
    def name(self) -> str:
        """Name of the network."""
        return self.trial.candidate.origin


def measured(folder: Path, trial: Trial, looks: Looks) -> TrainingRecord:
    """Read a finished training back from the folder of its run."""
    seen = looks.of(trial)
    return TrainingRecord(
        trial=trial,
        curve=tuple(read_curve(inside(folder, required(trial.facts.curve, "curve")))),
        test_accuracy=seen.accuracy if seen else None,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """An accuracy over the seeds, in percent.

    Attributes:
        mean: of the seeds.
        sd: standard deviation over seeds; None with one seed.
        interval: of the mean, at 95 % over the images; None where the epoch was chosen by the accuracy itself.
    """

    mean: float
    sd: float | None
    interval: Interval | None = None

    def __str__(self) -> str:
        return write_percent(self.mean, self.sd, self.interval, scale=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """All seeds of one network, accuracies in percent of the watched split.

    Attributes:
        name: of the network.
        params: trainable parameters.
        epochs: that were trained.
        declared: that were declared; more than `epochs` makes every number partial.
        seeds: their number.
        best: of the best epoch of each seed.
        best_epochs: the numbers of those epochs.
        last: of the last epoch.
        lowest_rate: of the epoch of the lowest learning rate; None where that is the last.
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


def rows(found: Sequence[TrainingRecord], *, watched: int, test: int) -> list[Row]:
    """Summarise trainings: one row per network and length of training, by name.

    Args:
        found: the trainings.
        watched: images of the split that was watched.
        test: images of the test split.
    """
    groups: dict[Any, list[TrainingRecord]] = {}
    for one in found:
        name, spec, phases, _, length = training_key(one.trial)
        groups.setdefault((name, spec, length, phases), []).append(one)
    return [_row(groups[key], watched, test) for key in sorted(groups)]


def _row(found: Sequence[TrainingRecord], watched: int, test: int) -> Row:
    trial, curves = found[0].trial, [one.curve for one in found]
    best = [max(curve, key=lambda epoch: epoch.accuracy) for curve in curves]
    # Of equally low learning rates the last epoch.
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


def warnings(found: Sequence[TrainingRecord], *, split: str, images: int, chance: float) -> list[str]:
    """Name the trainings that ended at chance, in a line.

    Args:
        found: the trainings.
        split: that was watched.
        images: of it.
        chance: share of its most frequent class.
    """
    scores = [(f"{one.name} #{one.trial.repeat}", one.curve[-1].accuracy) for one in found]
    warning = chance_warning(scores, what="trainings", split=split, images=images, chance=chance)
    return [warning] if warning else []


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class TrainingsResult(Display):
    """The trainings of `train` or `reproduce`, finished or not.

    Attributes:
        folder: their run directory.
        setup: their settings.
        trainings: those that are finished, with a report per epoch.
        failed: trials of trainings that failed, with their reasons.
    """

    folder: Path
    setup: TrainingsSetup
    trainings: tuple[TrainingRecord, ...]
    failed: tuple[Trial, ...]

    @property
    def rows(self) -> list[Row]:
        """One row per network and length of training: its accuracies in percent, over its seeds."""
        data = self.setup.data
        watched = data.test if self.setup.watches == "test" else data.validation
        return rows(self.trainings, watched=watched, test=data.test)

    def only(self, keys: Collection[TrainingKey]) -> TrainingsResult:
        """Return the trainings of these keys alone, in their order in the storage."""
        return replace(
            self,
            trainings=tuple(one for one in self.trainings if training_key(one.trial) in keys),
            failed=tuple(trial for trial in self.failed if training_key(trial) in keys),
        )

    def brief(self) -> dict[str, str]:
        """Return the first facts that a reader wants: the network, or how many there are, and what it reached."""
        rows = self.rows
        failed = f", {len(self.failed):,} failed" if self.failed else ""
        found = {"trainings": f"{len(self.trainings):,} finished{failed}", "data": self.setup.data.name}
        if len(rows) == 1:
            row = rows[0]
            found |= {"network": row.name, "parameters": f"{row.params:,}", self.setup.watches: f"{row.last} %"}
            found |= {"test": f"{row.test} %"} if row.test else {}
        return {**found, "folder": str(self.folder)}

    def to_dataframe(self) -> pd.DataFrame:
        """Return the rows of `epochs.csv`: one per epoch of every finished training."""
        import pandas as pd

        return pd.read_csv(io.StringIO(epochs_csv(self.trainings, self.setup)))


def open_trainings(folder: Path) -> TrainingsResult:
    """Read the trainings of a run's folder.

    Raises:
        StorageError: there are none, or they cannot be read.
    """
    return read_trainings(open_run(folder), folder, folder.resolve().name)


def read_trainings(storage: Storage, folder: Path, name: str) -> TrainingsResult:
    """Read declared trainings back, finished or not, without their data.

    Raises:
        StorageError: the storage holds none of this name, or those of another version of this program.
    """
    trials, facts = read_study(storage, name)
    looks = Looks(facts)
    return TrainingsResult(
        folder=folder,
        setup=read_trainings_setup(facts.setup, name=name),
        trainings=tuple(measured(folder, trial, looks) for trial in complete(trials)),
        failed=tuple(trial for trial in trials if trial.state is TrialState.FAIL),
    )


def write_epochs(folder: Path, found: Sequence[TrainingRecord], setup: TrainingsSetup) -> None:
    """Write the table of epochs into the folder of a run."""
    write_text(folder / EPOCHS, epochs_csv(found, setup))


def epochs_csv(found: Sequence[TrainingRecord], setup: TrainingsSetup) -> str:
    """Return a row per epoch of every training, as CSV."""
    before = ("network", "params", "repeat", "seed", "declared_epochs")
    after = ("watched", "learnt_from", "data", "images_per_epoch", "precision", "device")
    return write_csv((*before, *COLUMNS, *after), _epochs(found, setup))


def _epochs(found: Sequence[TrainingRecord], setup: TrainingsSetup) -> Iterator[tuple[Any, ...]]:
    for one in found:
        trial, facts = one.trial, one.trial.facts
        start = one.name, trial.candidate.params, trial.repeat, trial.seed, facts.declared_epochs
        images = required(facts.images, "images") // required(facts.epochs, "epochs")
        end = setup.watches, setup.learns_from, setup.data.name, images, facts.precision, facts.device
        for epoch in one.curve:
            numbers = (f"{value:.6g}" if isinstance(value, float) else value for value in _cells(epoch))
            yield (*start, *numbers, *end)
