"""How far trainings are: rows that a terminal redraws in place, and lines for files and pipes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from budgetnas.text import shortened, terminal_width, write_percent, write_time

if TYPE_CHECKING:
    from rich.console import Console

    from budgetnas.pipeline.progress import Progress, Running

NEWS_SECONDS, QUIET_SECONDS = 10.0, 60.0  # between lines with news, and between lines without
NAMED = 4  # trainings under way that a line names
GAP, LEAST_BAR, MOST_BAR, LEAST_NAME = 2, 8, 30, 12  # cells
USUAL_WIDTHS = (9, 9, 10, 10)  # of the columns of numbers, so that they seldom move


def progress_line(progress: Progress) -> str:
    """Return how far a level is, and what is under way, in a line."""
    facts = [f"{progress.title}: {progress.done} of {progress.total}"]
    if progress.epochs:
        facts.append(f"{progress.epochs_done:,} of {progress.epochs:,} epochs")
    if progress.best is not None:
        facts.append(f"best {write_percent(progress.best)} %")
    if progress.seconds_left:
        facts.append(f"about {write_time(progress.seconds_left)} left")
    names = [f"{one.name} in {_epoch(one)}" for one in progress.running[:NAMED]]
    if more := len(progress.running) - len(names):
        names.append(f"{more} more")
    return ", ".join(facts) + (f"; under way: {', '.join(names)}" if names else "")


def _epoch(one: Running) -> str:
    so_far = f" ({write_time(one.seconds)} so far)" if one.seconds >= QUIET_SECONDS else ""
    return f"epoch {one.epoch} of {one.epochs}{so_far}"


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


def rows(progress: Progress, *, width: int, height: int) -> Table:
    """Return the progress as a table that fits a terminal: names lose their middle, and the last rows their place.

    Args:
        progress: of a level.
        width: of the terminal in cells, from 40.
        height: in lines.
    """
    shown = list(progress.running)
    if len(shown) > (room := max(1, height - 3)):  # but the head, the level, and a line for the cursor
        shown = shown[: room - 1]
    best = "" if progress.best is None else f"best {write_percent(progress.best)}"
    left = f"{write_time(progress.seconds_left)} left" if progress.seconds_left else ""
    epochs = f"{progress.epochs_done:,} of {progress.epochs:,}" if progress.epochs else ""
    cells = [("", "done", "epochs", "accuracy %", "time")]
    cells.append((progress.title, f"{progress.done:,} of {progress.total:,}", epochs, best, left))
    for one in shown:
        accuracy = "" if one.accuracy is None else write_percent(one.accuracy)
        seconds, word = (one.seconds, "so far") if one.seconds_left is None else (one.seconds_left, "left")
        cells.append(
            (f"  {one.name}", "", f"in {one.epoch} of {one.epochs}", accuracy, f"{write_time(seconds)} {word}")
        )
    if more := len(progress.running) - len(shown):
        cells.append((f"  and {more} more", "", "", "", ""))
    widths = [max(map(terminal_width, column)) for column in list(zip(*cells, strict=True))[1:]]
    widths = list(map(max, widths, USUAL_WIDTHS))
    others = sum(widths) + GAP * len(widths)
    names = max(terminal_width(name) for name, *_ in cells)
    bar = min(MOST_BAR, width - others - names - GAP)
    table = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    if bar >= LEAST_BAR:
        table.add_column(width=bar)
    for cell_width in widths:
        table.add_column(width=cell_width, no_wrap=True, justify="right")
    whole = (progress.epochs_done, progress.epochs) if progress.epochs else (progress.done, progress.total)
    shares = [None, whole, *((one.epoch - 1, one.epochs) for one in shown), None]
    for (name, *numbers), share in zip(cells, shares, strict=False):
        drawn = "" if share is None else ProgressBar(total=share[1], completed=share[0], width=bar)
        name = shortened(name, max(LEAST_NAME, width - others))
        table.add_row(name, *([drawn] if bar >= LEAST_BAR else []), *numbers)
    return table
