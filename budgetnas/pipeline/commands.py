"""Whole commands for a person at a shell: the one module below `cli` that spells options."""

from __future__ import annotations

from budgetnas.runs.settings import Kind


def resume_command(study_file: str, *, kind: Kind, networks: int, hides_storage: bool) -> str:
    """Return the command that resumes a run by its study file.

    Args:
        study_file: path of the study file.
        kind: of the run.
        networks: that a calibration trains.
        hides_storage: whether the file leaves out the address of the storage, which has a password in it.
    """
    command = f"search {study_file}" if kind.promotes else f"calibrate {study_file} --networks {networks}"
    return f"budgetnas {command}{' --storage URL' if hides_storage else ''}"
