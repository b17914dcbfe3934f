"""Cores, memory and signals."""

from __future__ import annotations

import os
import signal

import pytest

from budgetnas import system as source
from budgetnas.system import Interruptions, Terminated, core_quota, cores, memory, processor, status_of

MEMINFO = "MemTotal:       8000 kB\nMemFree:        100 kB\nMemAvailable:   6000 kB\n"
QUOTA, PERIOD = "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"
LIMIT, USAGE = "memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A system of given files in place of /proc and /sys/fs/cgroup."""
    monkeypatch.setattr(source, "PROC", tmp_path)
    monkeypatch.setattr(source, "CGROUP", tmp_path)

    def write(files: dict[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    return write


def test_a_machine_without_quotas_has_all_its_cores(system):
    assert core_quota() is None
    assert cores() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("files", [{"cpu.max": "50000 100000\n"}, {QUOTA: "50000\n", PERIOD: "100000\n"}])
def test_a_quota_of_either_version_limits_the_cores(system, files):
    system(files)
    assert core_quota() == (50_000, 100_000)
    assert cores() == 1


@pytest.mark.parametrize("files", [{"cpu.max": "max 100000"}, {QUOTA: "-1", PERIOD: "100000"}])
def test_no_quota_is_written_in_two_ways(system, files):
    system(files)
    assert core_quota() is None


def test_memory_is_the_machines_or_what_a_container_leaves_of_it(system):
    assert memory() is None
    system({"meminfo": MEMINFO})
    assert memory() == (8000 * 1024, 6000 * 1024)
    system({"memory.max": "max", "memory.current": "1000"})
    assert memory() == (8000 * 1024, 6000 * 1024)
    system({"memory.max": "4096000", "memory.current": "1000"})
    assert memory() == (4_096_000, 4_095_000)
    system({"memory.max": "max", LIMIT: "2048", USAGE: "4096"})
    assert memory() == (2048, 0)


def test_the_processor_has_its_name_or_its_kind(system):
    assert processor() == os.uname().machine
    system({"cpuinfo": "processor : 0\nmodel name\t: A fast one\nmodel name\t: A fast one\n"})
    assert processor() == "A fast one"


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
    monkeypatch.setattr(source, "HOLD_SECONDS", -1.0)
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
