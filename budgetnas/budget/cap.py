"""Caps on a count as users write them: reading and writing."""

from __future__ import annotations

import re
from collections.abc import Callable

from budgetnas.exceptions import UsageError

_SUFFIX = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_DECIMAL = r"(?P<whole>\d+(?:_\d+)*)(?:\.(?P<part>\d+))?"
_NUMBER = re.compile(_DECIMAL + r"(?:[eE]\+?(?P<power>\d{1,2})|(?P<suffix>[kMG]))?", re.ASCII)
_SHARE = re.compile(_DECIMAL + r"%(?P<name>[A-Za-z0-9_. -]+)", re.ASCII)
_LONGEST = 120  # a share of the longest id has fewer
_LARGEST = 10**15


def parse_cap(value: str | float, *, name: str = "max_params", reference: Callable[[str], int] | None = None) -> int:
    """Read a cap: `5e6`, `5M`, `272k`, `5_000_000`, a plain number, or a share of a network like `45%resnet18`.

    >>> parse_cap("5e6"), parse_cap("272k"), parse_cap("1.5M")
    (5000000, 272000, 1500000)

    Args:
        value: text as typed, or a number from a study file.
        name: name of the value in errors.
        reference: function from the name of a network to its count; without it shares are refused.

    Returns:
        The cap as a whole number of at least 1; a share is rounded down.

    Raises:
        UsageError: the value is none of these spellings, not whole, below 1, or above 1e15.
    """
    text = str(value).strip()
    share = _SHARE.fullmatch(text) if reference else None
    number = _NUMBER.fullmatch(text)
    if len(text) > _LONGEST or isinstance(value, bool) or (share is None and number is None):
        shares = " or 45%resnet18" if reference else ""
        raise UsageError(
            f"is {text[:_LONGEST]!r}, but must be a count above 0, written like 5e6, 5M, 272k, 5_000_000{shares}.",
            argument=name,
        )
    if share is not None and reference is not None:
        digits, unit = _digits(share)
        amount, rest = digits * reference(share["name"]) // (100 * unit), 0
    else:
        assert number is not None
        digits, unit = _digits(number)
        scale: int = 10 ** int(number["power"] or 0) * _SUFFIX[number["suffix"] or ""]
        amount, rest = divmod(digits * scale, unit)
    if not 1 <= amount <= _LARGEST or rest:
        raise UsageError(f"is {text!r}, but must be a whole count from 1 to {_LARGEST:.0e}.", argument=name)
    return amount


def _digits(match: re.Match[str]) -> tuple[int, int]:
    """Return a decimal number as an integer numerator and a power of ten."""
    part = match["part"] or ""
    unit: int = 10 ** len(part)
    return int(match["whole"].replace("_", "") + part), unit


def write_cap(cap: int) -> str:
    """Write a cap in the shortest form that `parse_cap` reads back.

    >>> write_cap(5_000_000), write_cap(272_474)
    ('5M', '272474')
    """
    for suffix, unit in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        text = f"{cap / unit:.4g}"
        if cap >= unit and "e" not in text and parse_cap(text + suffix) == cap:
            return text + suffix
    return str(cap)
