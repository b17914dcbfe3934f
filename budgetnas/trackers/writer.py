"""A tracker in a thread of its own: one that is slow or fails neither stops nor delays a driver."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Container, Sequence

from budgetnas.text import one_line
from budgetnas.trackers.protocol import Final, Place, Point, Tracker, Training

_logger = logging.getLogger(__name__)
LAST_SECONDS = 120.0  # for what is left to write when the driver ends


class Writer:
    """Gives a tracker what it does not have yet.

    Args:
        name: of the tracker.
        make: opens it, in the thread.
    """

    def __init__(self, name: str, make: Callable[[], Tracker]) -> None:
        self._name, self._make = name, make
        self._jobs: queue.SimpleQueue[Callable[[Tracker], None] | None] = queue.SimpleQueue()
        self._had: dict[str, Container[Place]] = {}  # before this driver, by training
        self._written: dict[str, set[Place]] = {}  # by this driver
        self._is_broken = False
        self._thread = threading.Thread(target=self._run, name=f"tracker {name}", daemon=True)
        self._thread.start()

    def write(self, training: Training, points: Sequence[Point], *, ended: bool = False, failed: bool = False) -> None:
        """Add what a training does not have of these points, and end it if it has ended."""
        self._put(lambda tracker: self._add(tracker, training, points, ended, failed))

    def conclude(self, training: Training, final: Final) -> None:
        """Keep what came out of the whole run."""
        self._put(lambda tracker: tracker.conclude(training, final))

    def close(self, seconds: float = LAST_SECONDS) -> None:
        """Write what is left, for some seconds at most."""
        self._jobs.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._warn(f"it has not ended after {seconds:.0f} s")

    def _put(self, job: Callable[[Tracker], None]) -> None:
        if not self._is_broken:
            self._jobs.put(job)

    def _add(self, tracker: Tracker, training: Training, points: Sequence[Point], ended: bool, failed: bool) -> None:
        id = training.id
        if id not in self._written:
            had = tracker.begin(training)
            if had is None:
                return
            self._had[id], self._written[id] = had, set()
        new = [point for point in points if point.place not in self._had[id] and point.place not in self._written[id]]
        if new:
            tracker.write(training, new)
            self._written[id].update(point.place for point in new)
        if ended:
            tracker.end(training, failed=failed)
            del self._had[id], self._written[id]

    def _run(self) -> None:
        tracker = None
        try:
            tracker = self._make()
            for job in iter(self._jobs.get, None):
                job(tracker)
            tracker.close()
        except (Exception, SystemExit) as error:  # whatever a tracker raises
            self._is_broken = True
            self._warn(one_line(f"{type(error).__name__}: {error}"))
            if tracker is not None:
                with contextlib.suppress(Exception, SystemExit):
                    tracker.close()

    def _warn(self, reason: str) -> None:
        _logger.warning(
            "%s has stopped (%s): this run continues without it; the same command writes the rest.", self._name, reason
        )
