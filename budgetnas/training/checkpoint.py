"""The state of a training after an epoch, as files that survive a crash: the newest two, each beside its SHA-256."""

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
class Found:
    """What was found of an earlier attempt.

    Attributes:
        state: of the newest sound checkpoint, None where there is none.
        damaged: one line for each that could not be used.
    """

    state: dict[str, Any] | None
    damaged: tuple[str, ...]


class Checkpoints:
    """The checkpoints of one training.

    Args:
        folder: where they lie, made if need be.
        task: hash of everything that the training depends on; files of another training are passed over. No two
            trainings may share a folder.
    """

    def __init__(self, folder: Path, *, task: str = "") -> None:
        self._folder, self._task = folder, task

    def save(self, epoch: int, state: dict[str, Any]) -> None:
        """Write the state after an epoch; then drop all but the newest two.

        Raises:
            StorageError: it cannot be written; the ones before are untouched.
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

    def load(self, *, at_most: int) -> Found:
        """Return the newest sound checkpoint of this training up to an epoch; damaged ones are named and removed.

        Nothing in a file can run code.
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
                return Found(state=state, damaged=tuple(damaged))
        return Found(state=None, damaged=tuple(damaged))

    def clear(self) -> None:
        """Remove all files, and the folder if nothing else is in it."""
        for path in self._newest_first():
            _remove(path)
        self._sweep()
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _sweep(self) -> None:
        """Remove what a killed writer left half-written."""
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
                warnings.simplefilter("error")  # torch warns of what it did not write itself
                state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except Exception as error:  # whatever torch's reader makes of foreign bytes
            raise ValueError("it holds more than tensors and plain values") from error
        if not isinstance(state, dict) or "task" not in state or not isinstance(state.get("epoch"), int):
            raise ValueError("it is no state of a training")
        return state


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_suffix(".sha256").unlink(missing_ok=True)
