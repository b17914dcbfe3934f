"""What a machine has, as plain facts, and which of its cores and memory are ours to use."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Accelerator:
    """Something that trains.

    Attributes:
        kind: "cpu", "cuda" or "mps".
        name: of the hardware.
        bf16: whether it multiplies bf16 natively; None where torch could not say.
        memory: of the device in bytes; None for that of the machine.
        free: of it.
    """

    kind: str
    name: str
    bf16: bool | None
    memory: int | None = None
    free: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Torch:
    """What torch says of this machine.

    Attributes:
        cpu_bf16: whether the processor multiplies bf16 natively.
        gpus: the devices beside the processor.
        cuda: the version of CUDA that torch was built for; None for none.
        notices: what torch warned of while it looked.
    """

    cpu_bf16: bool
    gpus: tuple[Accelerator, ...]
    cuda: str | None
    notices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSet:
    """A data set that is known by name.

    Attributes:
        name: for `--dataset`.
        is_here: whether it is there whole; None where that could not be found out.
        told: where it is, or would come from.
    """

    name: str
    is_here: bool | None
    told: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Extra:
    """A package that only some commands need.

    Attributes:
        name: of the package.
        version: that is installed, or None.
        use: what it is for.
        install: the line that gets it.
    """

    name: str
    version: str | None
    use: str
    install: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """Everything that decides whether a search can run, and how.

    Attributes:
        versions: of Python, SQLite, this program and the packages that it needs; None for a missing one.
        extras: the packages that it can do without.
        torch_error: why torch cannot be imported; None where it can.
        cores: of the processor that are ours to use.
        devices: the processor, and what else trains.
        torch_cuda: the version of CUDA that torch was built for.
        driver_cuda: the highest version of CUDA that the NVIDIA driver knows, if there is one in reach.
        has_driver: whether an NVIDIA driver is loaded, in reach or not.
        notices: what torch warned of.
        data: the data sets that are known by name.
        folder: of all runs.
        folder_error: why no run can be written there; None where one can.
        disk_free: bytes where the runs are, None if unknown.
        memory: of the machine in bytes, None if unknown.
        memory_free: of it.
    """

    versions: Mapping[str, str | None]
    extras: tuple[Extra, ...]
    torch_error: str | None
    cores: int
    devices: tuple[Accelerator, ...]
    torch_cuda: str | None
    driver_cuda: tuple[int, int] | None
    has_driver: bool
    notices: tuple[str, ...]
    data: tuple[DataSet, ...]
    folder: str
    folder_error: str | None
    disk_free: int | None
    memory: int | None
    memory_free: int | None
