"""The files of a run made again from its storage, whichever kind of study it is."""

from __future__ import annotations

from pathlib import Path

from budgetnas.outcome.calibration import read_calibration, write_calibration
from budgetnas.outcome.result import read_result
from budgetnas.outcome.setup import CALIBRATION
from budgetnas.outcome.write import write_reports
from budgetnas.records.levels import FULL
from budgetnas.storage.database import open_run, study_names
from budgetnas.storage.study import read_study


def rewrite(run: str, storage: str | None = None) -> Path:
    """Make page, CSV and JSON of a run again; return the page's path.

    Args:
        run: path of its folder; its name is the study's.
        storage: Optuna URL where the study is not in the folder.

    Raises:
        StorageError: there is no such run, or it cannot be read or written.
    """
    folder = Path(run)
    name, opened = folder.resolve().name, open_run(folder, storage)
    if f"{name}/{FULL}" in study_names(opened):
        setup = read_study(opened, f"{name}/{FULL}")[1].get("setup") or {}
        if setup.get("kind") == CALIBRATION:
            return write_calibration(read_calibration(opened, folder, name))
    return write_reports(read_result(opened, folder, name))
