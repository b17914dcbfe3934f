"""Linear algebra on one thread: the same numbers whatever the number of cores, and the cores for the trainings."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import scipy.linalg  # noqa: F401  (its library must be loaded before it can be limited)
from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[Any]:
    """Return the context in which numpy and scipy use one thread."""
    limited: AbstractContextManager[Any] = _controller().limit(limits=1)
    return limited


@cache
def _controller() -> ThreadpoolController:
    """Look the libraries up once: that takes milliseconds."""
    return ThreadpoolController()
