from __future__ import annotations

import os
import signal

import pytest

from budgetnas.pipeline import signals
from budgetnas.pipeline.signals import Interruptions, Terminated, status_of


@pytest.fixture
def listening():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    found = Interruptions()
    found.listen()
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_between_ticks_waits_for_the_next_one(listening, number, status):
    listening.tick()
    os.kill(os.getpid(), number)  # would raise here if it were not held back
    with pytest.raises(KeyboardInterrupt) as caught:
        listening.tick()
    assert status_of(caught.value) == status
    listening.tick()


def test_a_second_signal_and_one_where_nothing_ticks_are_answered_at_once(listening, monkeypatch):
    with pytest.raises(Terminated):
        os.kill(os.getpid(), signal.SIGTERM)
    listening.tick()
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    fresh = Interruptions()
    fresh.listen()
    fresh.tick()
    monkeypatch.setattr(signals, "HOLD_SECONDS", -1.0)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_that_was_ignored_stays_ignored(listening):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Interruptions().listen()
    os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_signals_are_answered_meanwhile_and_no_longer():
    before = signal.getsignal(signal.SIGINT)

    def step(interruptions):
        with interruptions.listening():
            interruptions.tick()
            os.kill(os.getpid(), signal.SIGINT)  # held back to the end, where it is not lost

    with pytest.raises(KeyboardInterrupt):
        step(Interruptions())
    assert signal.getsignal(signal.SIGINT) is before
