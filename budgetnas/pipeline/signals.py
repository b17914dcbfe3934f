"""SIGINT and SIGTERM, raised between two steps of a driver so that no write is interrupted."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

HOLD_SECONDS = 5.0  # longer than a proposal among many finished trials


class Terminated(KeyboardInterrupt):
    """SIGTERM, which stops a command as Ctrl-C does."""


class Interruptions:
    """Delays a signal to the driver's next tick; a second signal, or one without a ticking driver, is raised at once.

    An exception in the middle of a transaction would leave the database locked for the driver itself.
    """

    def __init__(self) -> None:
        self._ticked = -HOLD_SECONDS
        self._held: KeyboardInterrupt | None = None

    def listen(self) -> None:
        """Handle both signals from now on; a signal that was ignored at the start stays ignored."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._answer)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Answer both signals meanwhile, and no longer; in another thread than the main one none arrives.

        Raises:
            KeyboardInterrupt: a signal came since the last tick.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        self.listen()
        try:
            yield
            self.tick()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def tick(self) -> None:
        """Mark a point between two steps.

        Raises:
            KeyboardInterrupt: a signal came since the last tick.
        """
        self._ticked = time.monotonic()
        held, self._held = self._held, None
        if held is not None:
            raise held

    def _answer(self, number: int, frame: FrameType | None) -> None:
        stop = Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
        if self._held is None and time.monotonic() - self._ticked < HOLD_SECONDS:
            self._held = stop
        else:
            raise stop


def status_of(interrupt: KeyboardInterrupt) -> int:
    """Return a shell's exit status for a command that this signal stopped."""
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)
