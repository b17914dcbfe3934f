"""Trackers that are slow, fail, or have some of the points: each as small as the protocol lets it be."""

from __future__ import annotations

import logging
import threading

import pytest

from budgetnas.exceptions import UsageError
from budgetnas.trackers.known import load_trackers
from budgetnas.trackers.protocol import Final, Point, Training
from budgetnas.trackers.writer import Writer

TRAINING = Training(key="run/r3/0", name="r3/0-1x16", settings={"params": 5})
POINTS = [Point("validation/accuracy", epoch, epoch / 10) for epoch in (1, 2, 3)]


class Kept:
    """Keeps points in a list; one of them is there from an earlier driver."""

    def __init__(self):
        self.points, self.ended, self.is_closed = [POINTS[0]], [], False

    def begin(self, training):
        return None if self.ended else {point.place for point in self.points}

    def write(self, training, points):
        self.points += points

    def end(self, training, *, failed):
        self.ended.append(failed)

    def conclude(self, training, final):
        raise OSError("No space left on device\nat all")

    def close(self):
        self.is_closed = True


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_every_point_is_written_once_and_nothing_after_the_end(caplog):
    kept = Kept()
    writer = Writer("kept", lambda: kept)
    writer.write(TRAINING, POINTS[:2])
    writer.write(TRAINING, POINTS, ended=True)
    writer.write(TRAINING, [Point("train/loss", 1, 0.5)], ended=True)
    writer.close()
    assert (kept.points, kept.ended, kept.is_closed) == (POINTS, [False], True)
    assert warnings(caplog) == []


def test_a_tracker_that_fails_is_one_line_and_is_let_go(caplog):
    kept = Kept()
    writer = Writer("kept", lambda: kept)
    for _ in range(3):
        writer.conclude(TRAINING, Final(numbers={}, words={}))
    writer.close()
    (line,) = warnings(caplog)
    assert line.startswith("kept has stopped (OSError: No space left on device at all): this run continues without it")
    assert kept.is_closed


def test_a_tracker_that_leaves_the_program_ends_its_thread_alone(caplog):
    def leave():
        raise SystemExit("no login")

    Writer("left", leave).close()
    assert len(warnings(caplog)) == 1


def test_a_tracker_that_hangs_is_left_behind(caplog):
    never = threading.Event()
    writer = Writer("slow", lambda: never.wait() and Kept())
    writer.write(TRAINING, POINTS)
    writer.close(0.01)
    (line,) = warnings(caplog)
    assert line.startswith("slow has stopped (it has not ended after 0 s)")
    never.set()


def test_the_key_of_a_training_is_a_short_id():
    other = Training(key="run/r3/1", name=TRAINING.name, settings={})
    assert len(TRAINING.id) == len(other.id) == 16
    assert TRAINING.id != other.id


@pytest.mark.parametrize("track", ["tensorboard,", "aim", ["tensorboard", "TensorBoard"], ""])
def test_an_unknown_tracker_is_refused(track):
    with pytest.raises(UsageError, match=r"^`track` is '.*', but must be of tensorboard, wandb, mlflow\.$"):
        load_trackers(track)


def test_trackers_are_named_in_a_list_or_with_commas():
    assert list(load_trackers("tensorboard, tensorboard")) == list(load_trackers(["tensorboard"])) == ["tensorboard"]
    assert load_trackers(None) == load_trackers([]) == {}
