from __future__ import annotations

import os

import pytest

from budgetnas import system as source
from budgetnas.system import core_quota, cores, memory, processor

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
