"""How much memory a data set may take."""

from __future__ import annotations

import os

from budgetnas.exceptions import DataError
from budgetnas.records.system import memory

_COPIES = 2


def available_bytes() -> int:
    """Return the memory that new allocations can have, as the system estimates it, within a container's limit."""
    known = memory()
    if known is not None:
        return known[1]
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_fits(size: int, source: str) -> None:
    """Refuse a data set of `size` bytes that would not fit, before any of it is read.

    Raises:
        DataError: twice its size (one copy is read, one split) exceeds the available memory.
    """
    free = available_bytes()
    if size * _COPIES > free:
        raise DataError(
            f"`{source}` needs {size * _COPIES / 2**30:,.1f} GiB in memory, but {free / 2**30:,.1f} GiB are free: "
            "use smaller images or fewer of them."
        )
