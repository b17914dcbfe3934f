"""The kind of blocks of the example, as tests give its code to this process."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from budgetnas.arch import kinds
from budgetnas.arch.kinds import make_kind

EXAMPLE = Path(__file__).parent.parent / "examples" / "09_own_block.py"


def example() -> Any:
    """Return the module of the example."""
    spec = importlib.util.spec_from_file_location("own_block", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Separable = example().Separable


@contextlib.contextmanager
def given(code: Any | None = None) -> Iterator[None]:
    """Give the code of a kind to this process, by default that of the example, in place of any other."""
    before = dict(kinds._OWN)
    kinds._OWN.clear()
    kinds.register(make_kind(code or Separable(), word="own:Code", sha256="0" * 64))
    try:
        yield
    finally:
        kinds._OWN.clear()
        kinds._OWN.update(before)


@contextlib.contextmanager
def nothing_given() -> Iterator[None]:
    """Take all code away from this process."""
    with given():
        kinds._OWN.clear()
        yield
