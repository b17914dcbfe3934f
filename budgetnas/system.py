"""The machine: its facts, which cores and memory are ours to use, and signals that interrupt between two steps."""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_logger = logging.getLogger(__name__)
CGROUP, PROC = Path("/sys/fs/cgroup"), Path("/proc")
_MEMORY_FILES = (  # a container's memory limit and use, in cgroup versions 2 and 1
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Log how long a phase takes, for whoever asks for it."""
    began = time.monotonic()
    yield
    _logger.debug("%s: %.2f s", name, time.monotonic() - began)


def processor() -> str:
    """Return the CPU's name on Linux, its architecture elsewhere."""
    info = PROC / "cpuinfo"
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def cores() -> int:
    """Return the number of CPU cores that this process may use, within a container's quota; at least one."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = core_quota()
    if quota is not None:
        here = min(here, -(-quota[0] // quota[1]))
    return max(1, here)


def core_quota() -> tuple[int, int] | None:
    """Return a container's quota of CPU time and its period, in microseconds; None without a quota."""
    limit, _, period = _read(CGROUP / "cpu.max").partition(" ")
    if not limit:  # cgroup version 1
        limit, period = _read(CGROUP / "cpu/cpu.cfs_quota_us"), _read(CGROUP / "cpu/cpu.cfs_period_us")
    return (int(limit), int(period)) if limit.isdigit() and period.isdigit() and int(period) else None


def memory() -> tuple[int, int] | None:
    """Return total and free memory in bytes, within a container's limit; None where unknown.

    Memory that the system uses as cache counts as free.
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
    """Return the highest CUDA version that the NVIDIA driver supports, such as (12, 4); None without one."""
    version = ctypes.c_int()
    try:
        if ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version)) != 0:
            return None
    except (OSError, AttributeError):
        return None
    return version.value // 1000, version.value % 1000 // 10


def has_nvidia_driver() -> bool:
    """Return whether the system has loaded an NVIDIA driver, usable from here or not."""
    return (PROC / "driver/nvidia/version").exists()


@dataclass(frozen=True, kw_only=True, slots=True)
class Accelerator:
    """A device that can train.

    Attributes:
        kind: "cpu", "cuda" or "mps".
        name: name of the hardware.
        bf16: whether it multiplies bf16 natively; None where unknown.
        memory: its memory in bytes; None where it uses the machine's.
        free: its free memory in bytes; None where it uses the machine's.
    """

    kind: str
    name: str
    bf16: bool | None
    memory: int | None = None
    free: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Torch:
    """The devices that torch finds on this machine.

    Attributes:
        cpu_bf16: whether the CPU multiplies bf16 natively.
        gpus: the other devices.
        cuda: CUDA version of the torch build; None for a build without CUDA.
        notices: torch's warnings during the search for devices.
    """

    cpu_bf16: bool
    gpus: tuple[Accelerator, ...]
    cuda: str | None
    notices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSet:
    """A data set known by name.

    Attributes:
        name: its name as a value of `data.dataset`.
        is_here: whether it is complete on this machine; None where unknown.
        note: its place, the source of its download, or why neither is known.
    """

    name: str
    is_here: bool | None
    note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Extra:
    """A package that only some commands need.

    Attributes:
        name: name of the package.
        version: installed version, or None.
        use: its purpose.
        install: the command that installs it.
    """

    name: str
    version: str | None
    use: str
    install: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """Everything that decides whether a search can run, and how.

    Attributes:
        versions: versions of Python, SQLite, this program and the packages that it needs; None for a missing one.
        extras: optional packages.
        torch_error: why torch cannot be imported; None where it can.
        cores: CPU cores that this process may use.
        devices: the CPU and all other devices that can train.
        torch_cuda: CUDA version of the torch build.
        driver_cuda: highest CUDA version that the NVIDIA driver supports, if there is a usable one.
        has_driver: whether an NVIDIA driver is loaded, usable or not.
        notices: torch's warnings.
        data: the data sets known by name.
        folder: folder of all runs.
        folder_error: why no run can be written there; None where one can.
        disk_free: free bytes on the runs' disk; None if unknown.
        memory: the machine's memory in bytes; None if unknown.
        memory_free: free memory in bytes; None if unknown.
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
