"""The index of a study's space, whose answers are kept in the run's folder where they take long to find."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from budgetnas.arrays import Array
from budgetnas.budget import Budget
from budgetnas.data.npz import END, read_array_header
from budgetnas.space.band import answers_of, make_index
from budgetnas.space.members import SpaceIndex
from budgetnas.space.resnet import ResNetSpace
from budgetnas.storage.files import write_bytes
from budgetnas.system import phase
from budgetnas.text import plural

FILE = "space.npz"
LARGEST = 2**30  # bytes of arrays that are read back
EVERY = 10.0  # seconds between two messages


@phase("counting the space")
def index_of(
    space: ResNetSpace,
    folder: Path,
    *,
    budget: Budget,
    seed: int,
    message: Callable[[str], None],
) -> SpaceIndex:
    """Return the index of a space, with the answers that the run in a folder has kept, if it has some.

    Args:
        space: the space.
        folder: of the run, whether it exists or not.
        budget: the largest caps.
        seed: of the draws that are kept.
        message: receives how far the counting of a large space is, every ten seconds.
    """
    return make_index(
        space, budget=budget, seed=seed, progress=_Counting(message), stored=lambda: read_state(folder / FILE)
    )


def keep_index(index: SpaceIndex, folder: Path) -> None:
    """Write the answers of an index into the folder of a run, where they took long to find and are not there yet."""
    answers = answers_of(index)
    if answers is not None:
        content = io.BytesIO()
        np.savez_compressed(content, allow_pickle=False, **answers)
        write_bytes(folder / FILE, content.getvalue())


def read_state(path: Path) -> Mapping[str, Array] | None:
    """Return the arrays of a file; None where it is absent, damaged, or by its headers too large."""
    try:
        with zipfile.ZipFile(path) as pack:
            names = [entry.filename.removesuffix(END) for entry in pack.infolist()]
            size = sum(read_array_header(pack, name)[1] for name in names)
        if size > LARGEST:
            return None
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in names}
    except Exception:  # content of any type can fail in any way
        return None


class _Counting:
    """Says how far a count is, every ten seconds."""

    def __init__(self, message: Callable[[str], None]) -> None:
        self._message, self._last = message, time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        if time.monotonic() - self._last >= EVERY:
            self._last = time.monotonic()
            self._message(f"counting the space: {done} of {plural(of, 'part')}")
