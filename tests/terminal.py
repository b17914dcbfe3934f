"""A terminal for tests: a real one, as far as the program in it can tell."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

_STEP = re.compile(r"\x1b\[(\d*)([A-Za-z])|\x1b\[\?\d+[hl]|([\r\n])|([^\x1b\r\n]+)")


def on_a_terminal(
    words: list[str], cwd: Path | None = None, *, interrupt_at: str | None = None, status: int = 0, **environment: str
) -> str:
    """Run Python with `words` on a terminal of 120 columns; return all that was seen there.

    It is interrupted once it prints what matches `interrupt_at`.
    """
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", **environment}
    process = subprocess.Popen([sys.executable, *words], stdout=theirs, stderr=theirs, env=env, cwd=cwd)
    os.close(theirs)
    seen = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # the other end has closed
            break
        if not part:
            break
        seen += part
        if interrupt_at is not None and re.search(interrupt_at, seen[-100_000:].decode(errors="ignore")):
            process.send_signal(signal.SIGINT)
            interrupt_at = None
    os.close(ours)
    assert process.wait(timeout=60) == status, seen.decode()
    return seen.decode()


def left_on_screen(seen: str) -> list[str]:
    """Return the lines that are left of what a terminal without a last line has seen, colours aside."""
    lines, row, column = [""], 0, 0
    for number, code, move, text in _STEP.findall(seen):
        if code == "A":
            row -= int(number or 1)
        elif code == "K":
            lines[row] = ""
        elif move == "\r":
            column = 0
        elif move == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif text:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + text + line[column + len(text) :]
            column += len(text)
    return lines
