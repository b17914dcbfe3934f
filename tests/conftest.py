from __future__ import annotations

import contextlib
import io
import os
import signal
import sqlite3
import subprocess
import sys
import unittest.mock
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from sqlalchemy import Engine, event

sys.path.insert(0, str(Path(__file__).parent))  # where `small_studies` lies
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: its threads crawl where others run
os.environ.setdefault("RAY_AUTH_MODE", "token")  # before Ray is imported: each test process has its cluster
os.environ.setdefault("RAY_AUTH_TOKEN", uuid.uuid4().hex)
for variable in ("FORCE_COLOR", "NO_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "RAY_ADDRESS"):
    os.environ.pop(variable, None)  # a developer's wishes change what is printed, and where Ray is
settings.register_profile("shared", deadline=None, print_blob=True)
settings.load_profile("shared")

Command = Callable[..., subprocess.CompletedProcess[str]]


@event.listens_for(Engine, "connect")
def _do_not_wait_for_the_disk(connection: object, _record: object) -> None:
    """Let a commit to SQLite return before it is on the disk; only a power failure could tell."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-goldens", action="store_true", help="write golden files instead of comparing")


@pytest.fixture(scope="session")
def budgetnas() -> Command:
    """Run the command in this process, since a new one takes seconds to import torch; its workers are real ones."""
    from budgetnas.cli.main import main
    from budgetnas.data.load import load_dataset

    def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        command = ["budgetnas", *map(str, words)]
        out, err = io.StringIO(), io.StringIO()
        load_dataset.cache_clear()  # it may be another file of the same name
        with (
            contextlib.chdir(cwd or Path.cwd()),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            unittest.mock.patch.object(sys, "argv", command),
            _handlers_kept(),
        ):
            try:
                status = main(command[1:])
            except SystemExit as stopped:
                status = stopped.code
        return subprocess.CompletedProcess(command, status, out.getvalue(), err.getvalue())

    return run


@contextlib.contextmanager
def _handlers_kept() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.fixture
def make_npz(tmp_path: Path) -> Callable[..., Path]:
    """Write an .npz data set of random images; keywords replace its arrays."""

    def make(*, name: str = "own.npz", side: int = 8, channels: int = 3, per_class: int = 20, **arrays: object) -> Path:
        rng = np.random.default_rng(0)
        labels = np.repeat(np.arange(3), per_class)
        content = {
            "x_train": rng.integers(0, 256, (len(labels), side, side, channels), dtype=np.uint8),
            "y_train": labels,
            "x_test": rng.integers(0, 256, (len(labels), side, side, channels), dtype=np.uint8),
            "y_test": labels,
            **arrays,
        }
        path = tmp_path / name
        np.savez(path, **{key: value for key, value in content.items() if value is not None})
        return path

    return make


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Write an image folder of six random PNG files of each class in each split."""
    from PIL import Image

    def make(
        *,
        name: str = "set",
        parts: tuple[str, ...] = ("train", "test"),
        classes: tuple[str, ...] = ("a", "b"),
        modes: tuple[str, ...] = ("RGB", "RGB"),
        sizes: tuple[tuple[int, int], ...] = ((8, 8), (8, 8)),
    ) -> Path:
        rng = np.random.default_rng(0)
        for part in parts:
            for label, mode, (width, height) in zip(classes, modes, sizes, strict=True):
                target = tmp_path / name / part / label
                target.mkdir(parents=True)
                for i in range(6):
                    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
                    Image.fromarray(pixels).convert(mode).save(target / f"{i}.png")
        return tmp_path / name

    return make


@pytest.fixture(scope="session")
def cifar10_npz() -> Path:
    """The real images; `.ci/run` unpacks them and names the file."""
    name = os.environ.get("BUDGETNAS_CIFAR10_NPZ")
    if not name:
        pytest.skip("BUDGETNAS_CIFAR10_NPZ does not name an .npz of CIFAR-10 images")
    return Path(name)
