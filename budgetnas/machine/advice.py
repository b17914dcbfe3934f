"""Advice about a machine before it runs a search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from budgetnas.system import Machine

LEAST_DISK, LITTLE_DISK = 100 * 10**6, 2 * 10**9  # bytes: no run fits; a run of full trainings might not fit
LITTLE_MEMORY = 2 * 10**9  # bytes: CIFAR-10 and one training
PICK_TORCH = "https://pytorch.org/get-started/locally/ shows the command"


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """One thing to do.

    Attributes:
        text: the problem and its fix.
        stops: whether no search can run before it is done.
    """

    text: str
    stops: bool


def advise(machine: Machine) -> list[Advice]:
    """Return the things to do; those that stop a search come first."""
    stops = [Advice(text=text, stops=True) for text in _stops(machine)]
    return stops + [Advice(text=text, stops=False) for text in _slows(machine)]


def _stops(machine: Machine) -> Iterator[str]:
    missing = [name for name, version in machine.versions.items() if version is None]
    if missing:
        yield f"{', '.join(missing)} is not installed: pip install {' '.join(missing)}"
    if machine.torch_error is not None and "torch" not in missing:
        yield (
            f"torch cannot be imported ({machine.torch_error}): pip install --force-reinstall torch torchvision; for a "
            f"GPU {PICK_TORCH}"
        )
    if machine.folder_error is not None:
        yield f"`{machine.folder}` cannot be written ({machine.folder_error}): give another folder with `output.dir`"
    if machine.disk_free is not None and machine.disk_free < LEAST_DISK:
        where = f"{_size(machine.disk_free)} are free at `{machine.folder}`"
        yield f"{where}: free some, or give another folder with `output.dir`"


def _slows(machine: Machine) -> Iterator[str]:
    if machine.torch_error is None:
        yield from _gpu(machine)
    if machine.disk_free is not None and LEAST_DISK <= machine.disk_free < LITTLE_DISK:
        yield f"{_size(machine.disk_free)} are free at `{machine.folder}`: free some before full trainings"
    if machine.memory_free is not None and machine.memory_free < LITTLE_MEMORY:
        yield f"{_size(machine.memory_free)} of memory are free: close other programs, or give `engine.workers=1`"
    for found in machine.data:
        if found.is_here is None and machine.torch_error is None:
            yield f"{found.name} cannot be loaded, since {found.told}: install the torchvision that goes with torch"


def _gpu(machine: Machine) -> Iterator[str]:
    """Yield the reasons why an installed GPU cannot be used."""
    driver, built = machine.driver_cuda, machine.torch_cuda
    has_gpu = any(device.kind == "cuda" for device in machine.devices)
    if not has_gpu and driver is None and machine.has_driver:
        yield "an NVIDIA driver is loaded but out of reach: start the container with its GPUs (`docker run --gpus all`)"
    elif not has_gpu and driver is not None and built is None:
        yield (
            f"an NVIDIA driver for CUDA {_version(driver)} is here, but torch was built without CUDA: install one that "
            f"was built for CUDA {driver[0]}; {PICK_TORCH}"
        )
    elif driver is not None and built is not None and int(built.partition(".")[0]) > driver[0]:
        yield (
            f"torch was built for CUDA {built}, but the NVIDIA driver knows CUDA {_version(driver)} at most: update "
            f"the driver, or install a torch that was built for CUDA {driver[0]}; {PICK_TORCH}"
        )
    elif not has_gpu and driver is not None:
        yield "torch sees no GPU although a driver is here: look at `nvidia-smi` and CUDA_VISIBLE_DEVICES"
    for notice in machine.notices:
        yield f"torch warned: {notice}"


def _version(numbers: tuple[int, int]) -> str:
    return ".".join(map(str, numbers))


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
