"""Checkpoints of a training that survive a crash: the newest two, each with its SHA-256."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from budgetnas.storage.files import HALF, digest, write_bytes, write_text

KEPT = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedCheckpoint:
    """The newest usable checkpoint.

    Attributes:
        state: its content; None where there is none.
        damaged: a line for each checkpoint that could not be used.
    """

    state: dict[str, Any] | None
    damaged: tuple[str, ...]


class Checkpoints:
    """The checkpoints of one training.

    Args:
        folder: their folder, made when needed. No two trainings may share one.
        task: hash of everything that the training depends on; checkpoints of another task are ignored.
    """

    def __init__(self, folder: Path, *, task: str = "") -> None:
        self._folder, self._task = folder, task

    def save(self, epoch: int, state: dict[str, Any]) -> None:
        """Write the state after an epoch; then remove all but the newest two.

        Raises:
            StorageError: the file cannot be written; earlier checkpoints are kept.
        """
        buffer = io.BytesIO()
        torch.save({"task": self._task, "epoch": epoch, **state}, buffer)
        content = buffer.getvalue()
        path = self._folder / f"{epoch:05d}.pt"
        write_bytes(path, content)
        write_text(path.with_suffix(".sha256"), digest(content) + "\n")
        for old in self._newest_first()[KEPT:]:
            _remove(old)
        self._sweep()

    def load(self, *, at_most: int) -> LoadedCheckpoint:
        """Load the newest usable checkpoint up to epoch `at_most`; damaged ones are named and removed.

        A file cannot run code.
        """
        damaged = []
        for path in self._newest_first():
            try:
                state = self._read(path)
            except (OSError, ValueError) as error:
                damaged.append(f"{path} could not be used ({error}) and was removed")
                _remove(path)
                continue
            if state["task"] == self._task and state["epoch"] <= at_most:
                return LoadedCheckpoint(state=state, damaged=tuple(damaged))
        return LoadedCheckpoint(state=None, damaged=tuple(damaged))

    def clear(self) -> None:
        """Remove all checkpoints, and the folder if it is then empty."""
        for path in self._newest_first():
            _remove(path)
        self._sweep()
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _sweep(self) -> None:
        """Remove the partial files of a killed writer."""
        for half in self._folder.glob(f".*{HALF}"):
            half.unlink(missing_ok=True)

    def _newest_first(self) -> list[Path]:
        return sorted(self._folder.glob("*.pt"), reverse=True)

    def _read(self, path: Path) -> dict[str, Any]:
        content = path.read_bytes()
        beside = path.with_suffix(".sha256")
        if not beside.is_file():
            raise ValueError("its hash was not written")
        if digest(content) != beside.read_text().strip():
            raise ValueError("its hash differs")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # torch warns about files that it did not write
                state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except Exception as error:  # torch's reader can raise anything on foreign bytes
            raise ValueError("it holds more than tensors and plain values") from error
        if not isinstance(state, dict) or "task" not in state or not isinstance(state.get("epoch"), int):
            raise ValueError("it is no state of a training")
        return state


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_suffix(".sha256").unlink(missing_ok=True)
