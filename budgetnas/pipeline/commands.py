"""Whole commands for a person at a shell: the one module below `cli` that spells options."""

from __future__ import annotations

from budgetnas.runs.settings import CALIBRATION


def resume_command(study_file: str, *, kind: str, networks: int, hides_storage: bool) -> str:
    """Return the command that resumes a run by its study file.

    Args:
        study_file: path of the study file.
        kind: of the run, `SEARCH` or `CALIBRATION`.
        networks: that a calibration trains.
        hides_storage: whether the file leaves out the address of the storage, which has a password in it.
    """
    command = f"budgetnas search {study_file}"
    if kind == CALIBRATION:
        command = f"budgetnas calibrate {study_file} --networks {networks}"
    return f"{command} --storage URL" if hides_storage else command
