"""The facts of this machine for a search, and advice; a broken part does not hide the others."""

from __future__ import annotations

import fcntl
import platform
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import budgetnas
from budgetnas.data.known import find_data
from budgetnas.system import (
    Accelerator,
    Extra,
    Machine,
    Torch,
    cores,
    cuda_of_driver,
    has_nvidia_driver,
    memory,
    processor,
)
from budgetnas.text import one_line, write_gb

OPTIONAL = {
    "onnx": "model.onnx in a certificate",
    "onnxruntime": "checking model.onnx",
    "ray": "workers on several machines",
    "psycopg": "studies in PostgreSQL",
    "tensorboard": "trainings in TensorBoard",
    "wandb": "trainings in Weights & Biases",
    "mlflow": "trainings in MLflow",
    "matplotlib": "figures of a report as files",
    "resvg-py": "figures that the page draws itself",
}
NEEDED = ["torch", "torchvision", "optuna"]  # checked where this package is not installed, so has no metadata
_REQUIREMENT = re.compile(r"""(?P<name>[\w.-]+)[^;]*(;.*extra == ['"](?P<extra>[\w.-]+)['"])?""")


def examine(folder: Path, data_dir: Path) -> Machine:
    """Gather the facts, without leaving files and without network access.

    Args:
        folder: folder of all runs.
        data_dir: folder of downloaded data sets.
    """
    torch, torch_error = _torch()
    there = _existing(folder)
    whole = memory()
    own = Accelerator(kind="cpu", name=processor(), bf16=torch.cpu_bf16 if torch else None)
    return Machine(
        versions=_versions(),
        extras=tuple(_extra(name, use) for name, use in OPTIONAL.items()),
        torch_error=torch_error,
        cores=cores(),
        devices=(own, *(torch.gpus if torch else ())),
        torch_cuda=torch.cuda if torch else None,
        driver_cuda=cuda_of_driver(),
        has_driver=has_nvidia_driver(),
        notices=torch.notices if torch else (),
        data=find_data(data_dir),
        folder=str(folder),
        folder_error=_write_error(folder),
        disk_free=shutil.disk_usage(there).free if there else None,
        memory=whole[0] if whole else None,
        memory_free=whole[1] if whole else None,
    )


def _torch() -> tuple[Torch | None, str | None]:
    try:
        from budgetnas.training.device import survey

        return survey(), None
    except Exception as error:  # a damaged torch, or one built for another machine, fails in many ways
        return None, one_line(f"{type(error).__name__}: {error}", most=300)


def _versions() -> dict[str, str | None]:
    needed = [name for name, extra in _requirements() if extra is None] or NEEDED
    return {
        "python": platform.python_version(),
        "budgetnas": budgetnas.__version__,
        **{name: _version(name) for name in needed},
        "sqlite": sqlite3.sqlite_version,
    }


def _extra(name: str, use: str) -> Extra:
    """Return a package with its install command: by the extra that requires it, else by its own name."""
    extras = [extra for package, extra in _requirements() if package == name and extra]
    install = f"pip install 'budgetnas[{extras[0]}]'" if extras else f"pip install {name}"
    return Extra(name=name, version=_version(name), use=use, install=install)


def _requirements() -> list[tuple[str, str | None]]:
    """Return the packages that this one requires, with the extra of each."""
    try:
        lines = metadata.requires("budgetnas") or []
    except metadata.PackageNotFoundError:  # run from a folder without installation
        lines = []
    found = [_REQUIREMENT.match(line) for line in lines]
    return [(match["name"], match["extra"]) for match in found if match]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _existing(folder: Path) -> Path | None:
    """Return the folder, or its nearest existing parent."""
    path = folder.absolute()
    return next((one for one in (path, *path.parents) if one.exists()), None)


def _write_error(folder: Path) -> str | None:
    """Return why no run could be written and locked below a folder, without making it; None where one could."""
    there = _existing(folder)
    if there is None or not there.is_dir():
        return "Not a directory"
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.strerror or str(error)
    return None


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
        where = f"{write_gb(machine.disk_free)} are free at `{machine.folder}`"
        yield f"{where}: free some, or give another folder with `output.dir`"


def _slows(machine: Machine) -> Iterator[str]:
    if machine.torch_error is None:
        yield from _gpu(machine)
    if machine.disk_free is not None and LEAST_DISK <= machine.disk_free < LITTLE_DISK:
        yield f"{write_gb(machine.disk_free)} are free at `{machine.folder}`: free some before full trainings"
    if machine.memory_free is not None and machine.memory_free < LITTLE_MEMORY:
        yield f"{write_gb(machine.memory_free)} of memory are free: close other programs, or give `engine.workers=1`"
    for found in machine.data:
        if found.is_here is None and machine.torch_error is None:
            yield f"{found.name} cannot be loaded, since {found.note}: install the torchvision that goes with torch"


def _gpu(machine: Machine) -> Iterator[str]:
    """Yield the reasons why an installed GPU cannot be used."""
    driver, built = machine.driver_cuda, machine.torch_cuda
    has_gpu = any(device.kind == "cuda" for device in machine.devices)
    if not has_gpu and driver is None and machine.has_driver:
        yield "an NVIDIA driver is loaded but out of reach: start the container with its GPUs (`docker run --gpus all`)"
    elif not has_gpu and driver is not None and built is None:
        yield (
            f"an NVIDIA driver for CUDA {_dotted(driver)} is here, but torch was built without CUDA: install one that "
            f"was built for CUDA {driver[0]}; {PICK_TORCH}"
        )
    elif driver is not None and built is not None and int(built.partition(".")[0]) > driver[0]:
        yield (
            f"torch was built for CUDA {built}, but the NVIDIA driver knows CUDA {_dotted(driver)} at most: update "
            f"the driver, or install a torch that was built for CUDA {driver[0]}; {PICK_TORCH}"
        )
    elif not has_gpu and driver is not None:
        yield "torch sees no GPU although a driver is here: look at `nvidia-smi` and CUDA_VISIBLE_DEVICES"
    for notice in machine.notices:
        yield f"torch warned: {notice}"


def _dotted(numbers: tuple[int, int]) -> str:
    return ".".join(map(str, numbers))
