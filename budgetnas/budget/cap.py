"""A cap on a count, as people write it."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from budgetnas.exceptions import UsageError

_SUFFIX = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_NUMBER = re.compile(r"(?P<number>\d+(?:_\d+)*(?:\.\d+)?(?:[eE]\+?\d{1,2})?)(?P<suffix>[kMG]?)", re.ASCII)
_SHARE = re.compile(r"(?P<percent>\d{1,6}(?:\.\d{1,6})?)%(?P<name>[A-Za-z0-9_.-]+)", re.ASCII)
_LARGEST = 10**15
_SHORT = 5


def parse_cap(value: str | float, *, name: str = "max_params", reference: Callable[[str], int] | None = None) -> int:
    """Read a cap: `5e6`, `5M`, `272k`, `5_000_000`, a plain number, or a share of a network like `45%resnet18`.

    Args:
        value: what was typed, or a number from a study file.
        name: what to call the value in an error.
        reference: counts a network by its name; without it shares are refused.

    Returns:
        The cap as a whole number of at least 1; a share is rounded down.

    Raises:
        UsageError: the value is none of these spellings, not whole, below 1, or beyond any network.
    """
    text = str(value).strip()
    share = _SHARE.fullmatch(text) if reference else None
    number = _NUMBER.fullmatch(text)
    if share is not None and reference is not None:
        amount = Decimal(int(Decimal(share["percent"]) * reference(share["name"]) / 100))
    elif number is not None and not isinstance(value, bool):
        amount = Decimal(number["number"].replace("_", "")) * _SUFFIX[number["suffix"]]
    else:
        shares = " or 45%resnet18" if reference else ""
        raise UsageError(
            f"`{name}` is {value!r}, but must be a count above 0, written like 5e6, 5M, 272k, 5_000_000{shares}."
        )
    if not 1 <= amount <= _LARGEST or amount != int(amount):
        raise UsageError(f"`{name}` is {value!r}, but must be a whole count from 1 to {_LARGEST:.0e}.")
    return int(amount)


def write_cap(cap: int) -> str:
    """Write a cap as short as it goes: 5_000_000 as `5M`, 272_474 as `272474`."""
    for suffix, unit in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        text = f"{(Decimal(cap) / unit).normalize():f}"
        if cap >= unit and len(text) <= _SHORT:
            return text + suffix
    return str(cap)
