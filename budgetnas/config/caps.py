"""The caps of a command or a function that has no study, as people write them."""

from __future__ import annotations

from typing import Any

from budgetnas.amounts import parse_cap, parse_size
from budgetnas.arch.spec import DataShape
from budgetnas.budget import SIZES, Budget
from budgetnas.config.models import cost_of, read_cap
from budgetnas.exceptions import UsageError


def read_budget(shape: DataShape, **caps: Any) -> Budget | None:
    """Return the budget of the caps that are given; None without any.

    >>> print(read_budget(DataShape(), max_params="5M", max_memory="128KiB", weights="int8"))
    5,000,000 parameters and 128 KiB of memory in int8

    Args:
        shape: images and classes that a share of a network, like 45%resnet18, is counted for.
        caps: the fields of a `Budget`; None for one that is not given.

    Raises:
        UsageError: a value is malformed, or there is a precision without a cap.
    """
    given: dict[str, Any] = {name: value for name, value in caps.items() if value is not None}
    for name in given.keys() - {"weights"}:
        given[name] = _read(given[name], shape, name)
    if given.keys() == {"weights"}:
        raise UsageError(
            f"is {given['weights']!r}, but is for a cap on the file or on memory: give one, or leave it out.",
            argument="weights",
        )
    return Budget(**given) if given else None


def _read(value: str | float, shape: DataShape, name: str) -> int:
    if name.removeprefix("max_") in SIZES:
        return parse_size(value, name=name)
    if name == "max_params":
        return read_cap(value, shape)
    return parse_cap(value, name=name, reference=lambda known: cost_of(known, shape).macs)
