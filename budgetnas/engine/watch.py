"""Which tasks have given no sign of life for too long."""

from __future__ import annotations

import time


class Watch:
    """Remembers when each task was last heard of.

    Args:
        seconds: after which a silent task is overdue; None for never.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._heard: dict[str, float] = {}

    def hear(self, key: str) -> None:
        """Note a sign of life: a start, a finished epoch."""
        self._heard[key] = time.monotonic()

    def forget(self, key: str) -> None:
        """Stop watching a task."""
        self._heard.pop(key, None)

    @property
    def overdue(self) -> list[str]:
        """The tasks that have been silent for too long."""
        if self._seconds is None:
            return []
        now = time.monotonic()
        return [key for key, heard in self._heard.items() if now - heard > self._seconds]

    def __str__(self) -> str:
        return f"no report for {self._seconds:g} s"
