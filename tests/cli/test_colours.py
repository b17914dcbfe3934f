"""Escape codes: on a terminal that wants them, and nowhere else."""

from __future__ import annotations

import re
import subprocess
import sys

from terminal import on_a_terminal

SAYS = """
from budgetnas.cli.console import Console
from budgetnas.pipeline.progress import Progress, Running
from budgetnas.text import Table
with Console(as_json=False) as console:
    running = (Running(name="1x8", epoch=2, epochs=3),)
    console.progressed(Progress(level="r3", done=1, total=2, best=0.5, epochs_done=4, epochs=6, running=running))
    console.progressed(Progress(level="r3", done=2, total=2, best=0.5, epochs_done=6, epochs=6))
console.show_table(Table(title="A title", columns=("network", "params"), rows=[("1x8", "1,362")]))
console._out.print("NOTE: a notice", style="bold black on yellow", markup=False)
"""
ESCAPE = "\x1b"
COLOUR = re.compile(r"\x1b\[[0-9;]*\b(3[0-9]|4[0-9]|9[0-7]|10[0-7])(;[0-9;]*)?m")


def test_a_terminal_has_colours_and_bars():
    text = on_a_terminal(["-c", SAYS])
    assert COLOUR.search(text)
    assert "━" in text
    assert "1,362" in text


def test_no_color_takes_the_colours_away_and_leaves_the_bars():
    text = on_a_terminal(["-c", SAYS], NO_COLOR="1")
    assert not COLOUR.search(text)
    assert "━" in text
    assert "NOTE: a notice" in text


def test_a_dumb_terminal_gets_plain_lines():
    text = on_a_terminal(["-c", SAYS], TERM="dumb")
    assert ESCAPE not in text
    assert "short trainings of 3 epochs: 1 of 2, 4 of 6 epochs, best 50.00 %" in text
    assert "1,362" in text


def test_a_table_of_a_real_command_has_none_either():
    text = on_a_terminal(["-m", "budgetnas", "list", "."], NO_COLOR="1")
    assert "Runs in ." in text
    assert not COLOUR.search(text)


def test_a_pipe_has_no_escape_codes():
    done = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, check=True)
    assert ESCAPE not in done.stdout + done.stderr
    assert "short trainings of 3 epochs: 1 of 2" in done.stdout
