"""A cap on a count, as people write it."""

from __future__ import annotations

import re
from decimal import Decimal

from budgetnas.exceptions import UsageError

_SUFFIX = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_NUMBER = re.compile(r"(?P<number>\d+(?:_\d+)*(?:\.\d+)?(?:[eE]\+?\d{1,2})?)(?P<suffix>[kMG]?)")
_LARGEST = 10**15
_SHORT = 5


def parse_cap(value: str | float, *, name: str = "max_params") -> int:
    """Read a cap: `5e6`, `5M`, `272k`, `5_000_000` or a plain number.

    Args:
        value: what was typed, or a number from a study file.
        name: what to call the value in an error.

    Returns:
        The cap as a whole number of at least 1.

    Raises:
        UsageError: the value is none of these spellings, not whole, below 1, or beyond any network.
    """
    match = _NUMBER.fullmatch(str(value).strip())
    if isinstance(value, bool) or match is None:
        raise UsageError(
            f"`{name}` is {value!r}, but must be a count above 0, written like 5e6, 5M, 272k or 5_000_000."
        )
    amount = float(match["number"].replace("_", "")) * _SUFFIX[match["suffix"]]
    if not 1 <= amount <= _LARGEST or abs(amount - round(amount)) > 1e-6:
        raise UsageError(f"`{name}` is {value!r}, but must be a whole count from 1 to {_LARGEST:.0e}.")
    return round(amount)


def write_cap(cap: int) -> str:
    """Write a cap as short as it goes: 5_000_000 as `5M`, 272_474 as `272474`."""
    for suffix, unit in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        text = f"{(Decimal(cap) / unit).normalize():f}"
        if cap >= unit and len(text) <= _SHORT:
            return text + suffix
    return str(cap)
