"""Whoever hears trainings go on: the terminal, the dashboard, a check that they may."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budgetnas.pipeline.plan import Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a level is.

    Attributes:
        level: its name.
        done: finished trainings.
        total: trainings in all.
        best: highest validation score so far, in [0, 1]; None before the first.
        seconds_left: that the rest of the level will take at the pace so far; None before the first epoch.
    """

    level: str
    done: int
    total: int
    best: float | None
    seconds_left: float | None = None


class Listener:
    """Hears plan, progress and news, and makes nothing of them: a base for those that do."""

    def planned(self, plan: Plan) -> None:
        """Hear the plan, before anything trains."""

    def progressed(self, progress: Progress) -> None:
        """Hear how far it is, several times a second."""

    def told(self, line: str) -> None:
        """Hear a line of news."""


class Everyone(Listener):
    """Passes what it hears on to several.

    Args:
        listeners: in the order in which they hear it.
    """

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def planned(self, plan: Plan) -> None:
        """Pass on the plan."""
        for listener in self._listeners:
            listener.planned(plan)

    def progressed(self, progress: Progress) -> None:
        """Pass on how far it is."""
        for listener in self._listeners:
            listener.progressed(progress)

    def told(self, line: str) -> None:
        """Pass on a line of news."""
        for listener in self._listeners:
            listener.told(line)


class Check(Listener):
    """Hears nothing, but ends what may not go on.

    Args:
        check: raises if so.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check

    def planned(self, plan: Plan) -> None:
        """Check it."""
        self._check()

    def progressed(self, progress: Progress) -> None:
        """Check it."""
        self._check()

    def told(self, line: str) -> None:
        """Check it."""
        self._check()
