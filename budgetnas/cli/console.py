"""The output of trainings: how far they are, and the result."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from budgetnas.cli.output import open_console, show_notice, show_table
from budgetnas.cli.progress import Lines, Rows, progress_line
from budgetnas.cli.run_log import USUAL, RunLog
from budgetnas.data.load import doubts
from budgetnas.pipeline.plan_lines import plan_lines, seed_lines, too_long
from budgetnas.pipeline.progress import Listener, epoch_line
from budgetnas.runs.costs import cost_table
from budgetnas.system import status_of
from budgetnas.text import Table, aligned, one_line, trimmed, write_time

if TYPE_CHECKING:
    from budgetnas.engine.protocol import EpochReport
    from budgetnas.pipeline.plan import Plan
    from budgetnas.pipeline.progress import Progress
    from budgetnas.trials.trial import Trial


class Console(Listener):
    """Prints the progress of a study.

    Args:
        as_json: whether standard output is reserved for JSON; lines for people then go to standard error.
        tick: called at every progress.
        spell: writes options in place of the keys that a line names.
        level: of `logging`; what is below it is not printed, but logged.
        is_logged: whether the run has a log; a plan has none.
    """

    def __init__(
        self,
        *,
        as_json: bool,
        tick: Callable[[], None] = lambda: None,
        spell: Callable[[str], str] = str,
        level: int = USUAL,
        is_logged: bool = True,
    ) -> None:
        self._tick, self._spell, self._level, self._is_logged = tick, spell, level, is_logged
        self._log = RunLog(command_line())
        self._out = open_console(stderr=as_json)
        can_redraw = self._out.is_terminal and not self._out.is_dumb_terminal  # its cursor can move
        self._has_rows = can_redraw and level <= USUAL
        self._rows: Rows | None = None
        self._lines = Lines()
        self._progress: Progress | None = None

    def __enter__(self) -> Console:
        self._log.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rows is not None:
            self._rows.clear()
            self._rows = None
        if self._progress is not None and self._lines.breaks_off(self._progress):
            self._print(progress_line(replace(self._progress, running=())))
        if error is not None and not isinstance(error, KeyboardInterrupt):
            self._log.write(logging.ERROR, f"ERROR: {self._spell(one_line(error, most=None))}")

    def log_in(self, folder: Path) -> None:
        """Keep everything in the log of a run, whose folder is there."""
        if self._is_logged:
            self._log.open(folder)

    def conclude(self) -> None:
        """Print the result from now on, however quiet it was."""
        self._level = min(self._level, USUAL)

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    def message(self, line: str, *, level: int = USUAL) -> None:
        """Print a message."""
        self._print(line, level=level)

    def noticed(self, notice: str) -> None:
        """Print an important notice."""
        self._notice(notice, "NOTE", USUAL)

    def warned(self, warnings: Iterable[str]) -> None:
        """Print warnings about trainings, a line each."""
        for warning in warnings:
            self._notice(warning, "WARNING", logging.WARNING)

    def _notice(self, notice: str, word: str, level: int) -> None:
        said = self._spell(notice)
        self._log.write(level, f"{word}: {said}")
        if level >= self._level:
            show_notice(self._out, said, word=word)

    def planned(self, plan: Plan) -> None:
        """Print the plan."""
        prepared = plan.prepared
        self.log_in(prepared.folder)
        if prepared.data.traits.notice:
            self.noticed(prepared.data.traits.notice)
        for doubt in doubts(prepared.data):
            self.noticed(doubt)
        for name, value in plan_lines(plan):
            self._print(f"{name:<12} {value}")
        if seeds := seed_lines(prepared):
            self._print("models that are tried first (first count at CIFAR-10's 3 channels and 10 classes, then here):")
            for line in seeds:
                self._print(f"  {line}")
        for note in plan.notes:
            self.noticed(note)
        fitting = too_long(plan)
        if fitting is not None:
            keys, time = fitting
            words = [shlex.quote(word) for word in sys.argv[1:] if word not in ("--dry-run", "--json")]
            options = self._spell("".join(f" `{key}={value}`" for key, value in keys.items()))
            command = " ".join(["budgetnas", *words]) + options
            self.noticed(f"This takes about {write_time(plan.seconds)}. `{command}` takes about {time}.")
        what = "What is left (estimate)" if plan.is_resumed else "What it will cost (estimate)"
        self.show_table(cost_table(plan.costs, title=what, device=prepared.hardware.name))

    def progressed(self, progress: Progress) -> None:
        """Redraw the rows, or print a line now and then."""
        self._tick()
        self._progress = progress
        if self._has_rows:
            self._rows = self._rows or Rows(self._out)
            self._rows.show(progress)
        if self._lines.is_due(progress):
            self._print(progress_line(progress), is_shown=not self._has_rows or progress.is_over)

    def show_table(self, table: Table) -> None:
        """Print a table and its notes."""
        short = trimmed(table)
        if short.rows or short.notes:
            for line in (short.title, *(aligned(short) if short.rows else ()), *short.notes):
                self._log.write(USUAL, line)
        if self._level <= USUAL:
            show_table(self._out, table)

    def _print(self, line: str, *, level: int = USUAL, is_shown: bool = True) -> None:
        said = self._spell(line)
        self._log.write(level, said)
        if is_shown and level >= self._level:
            self._put(said)

    def _put(self, line: str) -> None:
        self._out.print(line, markup=False)


class EpochConsole(Console):
    """Prints a line for each epoch of declared trainings.

    Args:
        as_json: whether standard output is reserved for JSON; lines for people then go to standard error.
        tick: called at every progress.
        watches: the split that is scored after every epoch.
        folder: of the run, which is there once something trains.
        level: as of `Console`.
    """

    def __init__(self, *, as_json: bool, tick: Callable[[], None], watches: str, folder: Path, level: int) -> None:
        super().__init__(as_json=as_json, tick=tick, level=level)
        self._watches, self._folder = watches, folder

    def _put(self, line: str) -> None:
        self._out.print(line, markup=False, soft_wrap=True)  # no line feed within a path or a row

    def epoch_ended(self, trial: Trial, report: EpochReport) -> None:
        """Print the line of an epoch."""
        self._print(epoch_line(trial, report, watches=self._watches))

    def progressed(self, progress: Progress) -> None:
        """Redraw the rows, or print a line now and then, and log it."""
        super().progressed(progress)
        self.log_in(self._folder)


def command_line() -> str:
    """Return the command as it was typed."""
    return " ".join(["budgetnas", *map(shlex.quote, sys.argv[1:])])


class HasFolder(Protocol):
    """A result that lies in the folder of its run."""

    @property
    def folder(self) -> Path:
        """The folder."""
        ...


Result = TypeVar("Result", bound=HasFolder)
Training = TypeVar("Training", covariant=True)

STOPPED = (
    "Stopped. Finished trainings are kept, and unfinished ones lose half a minute and an epoch at most: run the same "
    "command to resume."
)


class Work(Protocol[Training]):
    """Trains, and returns the result."""

    def __call__(self, listener: Listener, *, command: list[str]) -> Training:
        """Start or resume the run; `command` is recorded with it."""
        ...


def drive(
    work: Work[Result],
    console: Console,
    *,
    is_json: bool,
    show: Callable[[Console, Result], None],
    as_json: Callable[[Result], Any],
    status: Callable[[Result], int] = lambda result: 0,
) -> int:
    """Do the work of a command and print its result; return the exit status.

    Args:
        work: trains.
        console: receives the progress.
        is_json: whether to print the result as JSON.
        show: prints the result for a person.
        as_json: returns the result as JSON values.
        status: returns the exit status of a result.
    """
    try:
        with console:
            result = work(console, command=["budgetnas", *sys.argv[1:]])
        console.log_in(result.folder)
        console.conclude()
        if is_json:
            print(json.dumps(as_json(result), indent=2))
        else:
            show(console, result)
        return status(result)
    except KeyboardInterrupt as interrupt:
        console.message(STOPPED, level=logging.WARNING)
        return status_of(interrupt)
    finally:
        console.close()
