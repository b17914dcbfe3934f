"""Tables of words, on a terminal of any width and in files."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from budgetnas.text import Table, trimmed

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
    """Print what a table says and what stands below it; on a terminal that is too narrow, a line a row."""
    table = trimmed(table)
    if not table.rows and not table.notes:
        return
    if not table.rows or (console.is_terminal and _width(table) > console.width):
        console.print(table.title, style="bold", markup=False)
        for row in table.rows:
            pairs = zip(table.columns[1:], row[1:], strict=True)
            console.print(f"{row[0]}: {', '.join(f'{name} {cell}' for name, cell in pairs if cell)}", markup=False)
    else:
        console.print(rich_table(table))
    for note in table.notes:
        console.print(note, markup=False)


def show_notice(console: Console, notice: str, *, word: str = "NOTE") -> None:
    """Print an important notice."""
    console.print(f"{word}: {notice}", style="bold black on yellow", markup=False)


def rich_table(table: Table) -> RichTable:
    """Return a table of words for a terminal: names to the left, numbers to the right."""
    found = RichTable(box=None, pad_edge=False, title=table.title, title_justify="left", title_style="bold")
    for i, column in enumerate(table.columns):
        found.add_column(column, justify="right" if i else "left", no_wrap=i < 2)
    for row in table.rows:
        found.add_row(*map(escape, row))
    return found


def _width(table: Table) -> int:
    """Return how many letters the rows of a table take, with two spaces between columns."""
    columns = zip(table.columns, *table.rows, strict=True)
    return sum(max(map(len, cells)) + 2 for cells in columns) - 2
