"""The note of a running search on optuna-dashboard: its plan and the progress of each level."""

from __future__ import annotations

import time

from budgetnas.evidence.scores import SCORES
from budgetnas.pipeline.plan import Plan
from budgetnas.pipeline.plan_lines import plan_lines
from budgetnas.pipeline.progress import Listener, Progress
from budgetnas.reports.board import compose
from budgetnas.runs.costs import cost_table
from budgetnas.storage.dashboard import publish_note
from budgetnas.storage.database import Storage
from budgetnas.text import Table, write_time
from budgetnas.trials.trial import in_words

EVERY_SECONDS = 30.0


class Board(Listener):
    """Keeps the note of a running study up to date, at most twice a minute.

    Args:
        storage: of the study.
        study: its name.
    """

    def __init__(self, storage: Storage, study: str) -> None:
        self._storage, self._study = storage, study
        self._lines: list[tuple[str, str]] = []
        self._costs: list[Table] = []
        self._levels: dict[str, Progress] = {}
        self._written = 0.0

    def planned(self, plan: Plan) -> None:
        """Write the plan."""
        self._lines = [*plan_lines(plan), *(("note", note) for note in plan.notes)]
        self._costs = [cost_table(plan.costs, title="Expected for what is left", device=plan.prepared.hardware.name)]
        self._write()

    def progressed(self, progress: Progress) -> None:
        """Store the progress of trainings; write the note if it is old or a level has started."""
        if progress.is_test:
            return
        is_new = progress.level not in self._levels
        self._levels[progress.level] = progress
        if is_new or time.monotonic() - self._written >= EVERY_SECONDS:
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        rows = [
            (
                in_words(one.level),
                f"{one.done:,} of {one.total:,}",
                "" if one.best is None else SCORES[one.score].write(one.best, unit=" %"),
                f"about {write_time(one.seconds_left)}" if one.seconds_left else "",
            )
            for one in self._levels.values()
        ]
        progress = Table(title="So far", columns=("level", "finished", "best validation", "time left"), rows=rows)
        headline = f"{self._study.rpartition('/')[0]} is running"
        as_of = f"As of {time.strftime('%Y-%m-%d %H:%M:%S %Z')}."
        tables = [progress, *self._costs] if rows else self._costs
        publish_note(
            self._storage, self._study, compose(headline, paragraphs=[as_of], lines=self._lines, tables=tables)
        )
