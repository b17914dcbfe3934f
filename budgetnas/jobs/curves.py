"""Learning curves as CSV files, a row an epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, fields
from pathlib import Path

from budgetnas.exceptions import StorageError
from budgetnas.records.engine import EpochReport
from budgetnas.storage.files import write_text

COLUMNS = tuple(field.name for field in fields(EpochReport))


def write_curve(path: Path, reports: Iterable[EpochReport]) -> None:
    """Write the reports of one training."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(astuple(report) for report in reports)
    write_text(path, text.getvalue())


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
        raise StorageError(f"`{path}` cannot be read ({error.strerror}): put it back from a copy.") from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise StorageError(f"`{path}` is damaged ({error}): put it back from a copy.") from error
