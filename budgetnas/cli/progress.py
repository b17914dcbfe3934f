"""How far trainings are: rows that a terminal redraws in place, and lines for files and pipes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from budgetnas.evidence.scores import SCORES
from budgetnas.text import shortened, terminal_width, write_percent, write_time

if TYPE_CHECKING:
    from rich.console import Console

    from budgetnas.pipeline.progress import Progress, Running

NEWS_SECONDS, QUIET_SECONDS = 10.0, 60.0  # between lines with news, and between lines without
NAMED = 4  # trainings under way that a line names
GAP, LEAST_BAR, MOST_BAR = 2, 8, 30  # cells
USUAL_WIDTHS = (9, 9, 10, 10)  # of the columns of numbers, so that they seldom move


def progress_line(progress: Progress) -> str:
    """Return how far a level is, and what is under way, in a line."""
    facts = [f"{progress.title}: {_of(progress.done, progress.total)}"]
    if progress.epochs:
        facts.append(f"{_of(progress.epochs_done, progress.epochs)} epochs")
    if progress.best is not None:
        facts.append(f"best {SCORES[progress.score].write(progress.best, unit=' %')}")
    if progress.seconds_left:
        facts.append(f"about {write_time(progress.seconds_left)} left")
    names = [f"{one.name} in {_epoch(one)}" for one in progress.running[:NAMED]]
    if more := len(progress.running) - len(names):
        names.append(f"{more} more")
    return ", ".join(facts) + (f"; under way: {', '.join(names)}" if names else "")


def _epoch(one: Running) -> str:
    so_far = f" ({write_time(one.seconds)} so far)" if one.seconds >= QUIET_SECONDS else ""
    return f"epoch {_of(one.epoch, one.epochs)}{so_far}"


class Lines:
    """Decides when progress is worth a line.

    That is when a level starts to train and when its last training ends; in between every ten seconds if something has
    changed, and every minute if not.
    """

    def __init__(self) -> None:
        self._at, self._said = 0.0, tuple[object, ...]()
        self._started = set[str]()

    def is_due(self, progress: Progress) -> bool:
        """Return whether to print a line now."""
        if not (progress.running or progress.is_test or progress.is_over):
            return False  # between two trainings
        since, is_new = time.monotonic() - self._at, progress.title not in self._started
        if is_new and progress.is_over:
            return False  # an earlier driver trained all of it
        has_news = self.has_news(progress)
        is_due = (has_news and (progress.is_over or since >= NEWS_SECONDS)) or since >= QUIET_SECONDS
        if is_new or is_due:
            self._at, self._said = time.monotonic(), _state(progress)
            self._started.add(progress.title)
        return is_due or (is_new and not progress.is_test)

    def has_news(self, progress: Progress) -> bool:
        """Return whether a level that has started got further since the last line."""
        return progress.title in self._started and _state(progress) != self._said


def _state(progress: Progress) -> tuple[object, ...]:
    return progress.title, progress.done, progress.total, progress.epochs_done


class Rows:
    """Rows on a terminal: one for each training under way, below one for their level.

    Args:
        console: on the terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, transient=True, auto_refresh=False, redirect_stdout=False)
        self._live.start()

    def show(self, progress: Progress) -> None:
        """Redraw the rows."""
        size = self._console.size
        self._live.update(rows(progress, width=size.width, height=size.height), refresh=True)

    def clear(self) -> None:
        """Remove the rows."""
        self._live.stop()


class _Row(NamedTuple):
    """A row of cells; `share` is what a bar shows of it."""

    name: str
    done: str = ""
    epochs: str = ""
    accuracy: str = ""
    time: str = ""
    share: tuple[int, int] | None = None


def rows(progress: Progress, *, width: int, height: int) -> Table:
    """Return the progress as a table that fits a terminal: names lose their middle, and the last rows their place.

    Args:
        progress: of a level.
        width: of the terminal in cells, from 60.
        height: in lines, from 4.
    """
    listed = [_Row("", "done", "epochs", "accuracy %", "time"), _of_level(progress)]
    room = height - len(listed) - 1  # a line is the cursor's
    fits = len(progress.running) <= room
    listed += map(_of_training, progress.running if fits else progress.running[: room - 1])
    if not fits:
        listed.append(_Row(f"  and {len(progress.running) - room + 1} more"))
    cells = list(zip(*(row[:-1] for row in listed), strict=True))
    names, *numbers = (max(map(terminal_width, column)) for column in cells)
    numbers = list(map(max, numbers, USUAL_WIDTHS))
    free = width - sum(numbers) - GAP * len(numbers)
    names = max(1, min(names, free))
    bar = min(MOST_BAR, free - names - GAP)
    table = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
    table.add_column(width=names, no_wrap=True)
    if bar >= LEAST_BAR:
        table.add_column(width=bar)
    for cells_wide in numbers:
        table.add_column(width=cells_wide, no_wrap=True, justify="right")
    for row in listed:
        drawn = "" if row.share is None else ProgressBar(total=row.share[1], completed=row.share[0], width=bar)
        table.add_row(shortened(row.name, names), *([drawn] if bar >= LEAST_BAR else []), *row[1:-1])
    return table


def _of_level(progress: Progress) -> _Row:
    done, epochs = (progress.done, progress.total), (progress.epochs_done, progress.epochs)
    return _Row(
        progress.title,
        _of(*done),
        _of(*epochs) if progress.epochs else "",
        "" if progress.best is None else f"best {SCORES[progress.score].write(progress.best)}",
        f"{write_time(progress.seconds_left)} left" if progress.seconds_left else "",
        epochs if progress.epochs else done,
    )


def _of_training(one: Running) -> _Row:
    accuracy = "" if one.accuracy is None else write_percent(one.accuracy)
    left = f"{write_time(one.seconds)} so far" if one.seconds_left is None else f"{write_time(one.seconds_left)} left"
    return _Row(f"  {one.name}", "", f"in {_of(one.epoch, one.epochs)}", accuracy, left, (one.epoch - 1, one.epochs))


def _of(done: int, total: int) -> str:
    return f"{done:,} of {total:,}"
