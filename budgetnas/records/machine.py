"""What a machine has for a search: plain facts, as `budgetnas doctor` tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
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
    gpus: tuple[Device, ...]
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
    devices: tuple[Device, ...]
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
