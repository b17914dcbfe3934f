"""Tables of words, on a terminal of any width and in files."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from budgetnas.text import Table, aligned, terminal_width, trimmed

PLAIN_WIDTH = 160


def open_console(*, stderr: bool = False) -> Console:
    """Return a console on the terminal, or on a file or pipe, where lines are not wrapped.

    Files, NO_COLOR and TERM=dumb turn colours off.
    """
    console = Console(stderr=stderr, highlight=False)
    if console.is_terminal:
        return console
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=PLAIN_WIDTH)


def show_table(console: Console, table: Table) -> None:
    """Print a table and its notes; on a terminal that is too narrow, print one line per row."""
    table = trimmed(table)
    if not table.rows and not table.notes:
        return
    console.print(table.title, style="bold", markup=False)
    head, *lines = aligned(table)
    if console.is_terminal and max(map(terminal_width, (head, *lines))) > console.width:
        lines = [_in_words(table.columns, row) for row in table.rows]
    elif lines:
        console.print(head, style="bold", markup=False)
    for line in (*lines, *table.notes):
        console.print(line, markup=False)


def show_notice(console: Console, notice: str, *, word: str = "NOTE") -> None:
    """Print an important notice."""
    console.print(f"{word}: {notice}", style="bold black on yellow", markup=False)


def _in_words(columns: Sequence[str], row: Sequence[str]) -> str:
    pairs = zip(columns[1:], row[1:], strict=True)
    return f"{row[0]}: {', '.join(f'{name} {cell}' for name, cell in pairs if cell)}"
