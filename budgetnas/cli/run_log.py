"""How much a command prints, and `run.log` in the folder of its run, which keeps all of it with times."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import MemoryHandler
from pathlib import Path

FILE = "run.log"
USUAL = logging.INFO
_SECRET = re.compile(r"(://[^\s:/@]*:)\S+(?=@)|(pass\w*=)[^\s&'\"]+")  # a password in the address of a storage
_ROOMS = logging.getLogger("budgetnas")  # what the rooms below log: warnings, and what takes time


def add_level_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `-q` and `-v`."""
    group = parser.add_mutually_exclusive_group()
    for short, long, level, help in (
        ("-q", "--quiet", logging.WARNING, "warnings, errors and the result only; -v: also what is read, and times"),
        ("-v", "--verbose", logging.DEBUG, argparse.SUPPRESS),  # a help is one screen
    ):
        group.add_argument(short, long, dest="level", action="store_const", const=level, default=USUAL, help=help)


class _Screen(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print(record.getMessage(), file=sys.stderr)


@contextmanager
def heard(level: int) -> Iterator[None]:
    """Print on standard error what the rooms log: warnings, and with `-v` everything."""
    screen = _Screen(level if level < USUAL else logging.WARNING)
    before = _ROOMS.level
    _ROOMS.addHandler(screen)
    _ROOMS.setLevel(level)
    try:
        yield
    finally:
        _ROOMS.setLevel(before)
        _ROOMS.removeHandler(screen)


class _File(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Do nothing: a line that cannot be written stops no training."""


class _Public(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return _SECRET.sub(r"\1\2***", super().format(record))


class RunLog:
    """Lines with times: kept in memory until the folder of the run is there, then written to its `run.log`.

    What the rooms log goes there too, from `start` to `close`.

    Args:
        command: words of the command, which the log begins with.
    """

    def __init__(self, command: str) -> None:
        self._kept = MemoryHandler(1, flushLevel=logging.CRITICAL, flushOnClose=False)
        self._logger = logging.Logger("run")
        self._logger.addHandler(self._kept)
        self.write(USUAL, f"$ {command}")

    def start(self) -> None:
        """Take what the rooms log, too."""
        _ROOMS.addHandler(self._kept)

    def write(self, level: int, line: str) -> None:
        """Add a line."""
        self._logger.log(level, "%s", line)

    def open(self, folder: Path) -> None:
        """Write to the `run.log` of a folder from now on, first what was kept; nothing if that is not possible."""
        if self._kept.target is not None:
            return
        try:
            file = _File(folder / FILE, encoding="utf-8")
        except OSError:
            return
        file.setFormatter(_Public("%(asctime)s  %(message)s", "%Y-%m-%d %H:%M:%S"))
        self._kept.setTarget(file)
        self._kept.flush()

    def close(self) -> None:
        """Close the file."""
        _ROOMS.removeHandler(self._kept)
        if self._kept.target is not None:
            with suppress(OSError):  # a full disk
                self._kept.target.close()
        self._kept.close()
