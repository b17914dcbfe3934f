"""A run of any kind, read back from its storage."""

from __future__ import annotations

from pathlib import Path

from budgetnas.runs.calibration import Calibration, read_calibration
from budgetnas.runs.result import SearchResult, read_result
from budgetnas.runs.settings import Kind, study_kind
from budgetnas.runs.trainings import TrainingsResult, read_trainings
from budgetnas.storage.database import Storage, open_run, study_names
from budgetnas.storage.study import read_study
from budgetnas.trials.trial import FULL


def load_run(folder: str | Path, *, storage: str | None = None) -> SearchResult | Calibration | TrainingsResult:
    """Read the result of a run, finished or still running; nothing is trained, written or locked.

    Args:
        folder: of the run; its name is the study's.
        storage: Optuna URL where the study is not in the folder.

    Returns:
        What `search`, `calibrate`, or `train` and `reproduce` returned, or would return now.

    Raises:
        StorageError: there is no run, or it cannot be read.
    """
    home = Path(folder)
    name, opened = home.resolve().name, open_run(home, storage)
    if name in study_names(opened):
        return read_trainings(opened, home, name)
    read = read_result if kind_of(opened, name).promotes else read_calibration
    return read(opened, home, name)


def kind_of(storage: Storage, name: str) -> Kind:
    """Return the kind of the study of this name in a storage; a search where there is none."""
    is_here = f"{name}/{FULL}" in study_names(storage)
    return study_kind(read_study(storage, f"{name}/{FULL}")[1].setup if is_here else None)
