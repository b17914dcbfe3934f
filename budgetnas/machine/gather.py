"""The facts of this machine; a broken part does not hide the others."""

from __future__ import annotations

import fcntl
import platform
import re
import shutil
import sqlite3
import tempfile
from importlib import metadata
from pathlib import Path

import budgetnas
from budgetnas.data.cifar import find_data
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
from budgetnas.text import one_line

OPTIONAL = {
    "onnx": "model.onnx in a certificate",
    "onnxruntime": "checking model.onnx",
    "ray": "workers on several machines",
    "psycopg": "studies in PostgreSQL",
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
