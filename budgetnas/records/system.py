"""What of this machine is ours to use: its processor, and what a container's quotas leave of cores and memory."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path

CGROUP, PROC = Path("/sys/fs/cgroup"), Path("/proc")
_MEMORY_FILES = (  # of a container's limit and use, in versions 2 and 1 of control groups
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def processor() -> str:
    """Name the processor, as Linux does; its architecture elsewhere."""
    info = PROC / "cpuinfo"
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def cores() -> int:
    """Return how many cores of the processor are ours to use, a container's quota included; at least one."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = core_quota()
    if quota is not None:
        here = min(here, -(-quota[0] // quota[1]))
    return max(1, here)


def core_quota() -> tuple[int, int] | None:
    """Return a container's quota of processor time and its period in microseconds; None without one."""
    limit, _, period = _read(CGROUP / "cpu.max").partition(" ")
    if not limit:  # version 1 of control groups
        limit, period = _read(CGROUP / "cpu/cpu.cfs_quota_us"), _read(CGROUP / "cpu/cpu.cfs_period_us")
    return (int(limit), int(period)) if limit.isdigit() and period.isdigit() and int(period) else None


def memory() -> tuple[int, int] | None:
    """Return memory and what of it is free, in bytes, within a container's limit; None where that is unknown.

    What the system holds as cache counts as free.
    """
    found = dict(line.split(":", 1) for line in _read(PROC / "meminfo").splitlines() if ":" in line)
    if not {"MemTotal", "MemAvailable"} <= set(found):
        return None
    total, free = (1024 * int(found[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    for limit, used in _MEMORY_FILES:
        most, taken = _read(CGROUP / limit), _read(CGROUP / used)
        if most.isdigit() and taken.isdigit() and int(most) < total:
            return int(most), min(free, max(0, int(most) - int(taken)))
    return total, free


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def cuda_of_driver() -> tuple[int, int] | None:
    """Return the highest version of CUDA that the NVIDIA driver knows, such as (12, 4); None without one in reach."""
    version = ctypes.c_int()
    try:
        if ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version)) != 0:
            return None
    except (OSError, AttributeError):
        return None
    return version.value // 1000, version.value % 1000 // 10


def has_nvidia_driver() -> bool:
    """Tell whether the system has loaded an NVIDIA driver, in reach or not."""
    return (PROC / "driver/nvidia/version").exists()
