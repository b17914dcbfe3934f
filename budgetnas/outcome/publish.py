"""A result on optuna-dashboard: the note, small figures and the files of its run, with the study of the first rung."""

from __future__ import annotations

from budgetnas.outcome.result import SearchResult
from budgetnas.outcome.told import report_facts
from budgetnas.records.levels import rung_name
from budgetnas.report.board import board_figures
from budgetnas.report.notes import note
from budgetnas.storage.dashboard import publish_figures, publish_files, publish_note
from budgetnas.storage.database import Storage

FILES = ("report.html", "results.json", "manifest.json", "trials.csv", "trainings.csv", "curves.csv", "best/arch.json")


def publish(storage: Storage, result: SearchResult) -> None:
    """Show a result; what an earlier driver showed of the search is replaced.

    Raises:
        StorageError: the storage or the run directory cannot be written.
    """
    facts, study = report_facts(result), f"{result.setup.name}/{rung_name(result.setup.rungs[0])}"
    publish_note(storage, study, note(facts))
    publish_figures(storage, study, board_figures(facts))
    files = [path for path in (result.folder / file for file in FILES) if path.is_file()]
    publish_files(storage, study, result.folder, files)
