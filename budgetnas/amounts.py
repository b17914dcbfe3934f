"""Caps and sizes as people write them: `5M`, `45%resnet18`, `300kB`, `128KiB`."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from budgetnas.exceptions import UsageError
from budgetnas.text import plural

_SUFFIX = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_DECIMAL = r"(?P<whole>\d+(?:_\d+)*)(?:\.(?P<part>\d+))?"
_POWER = r"[eE]\+?(?P<power>\d{1,2})"
_NUMBER = re.compile(rf"{_DECIMAL}(?:{_POWER}|(?P<suffix>[kMG]))?", re.ASCII)
_SHARE = re.compile(_DECIMAL + r"%(?P<name>[A-Za-z0-9_. =-]+)", re.ASCII)
_LONGEST = 300  # a share of the longest id has fewer
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
            f"is {text[:120]!r}, but must be a count above 0, written like 5e6, 5M, 272k, 5_000_000{shares}.",
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


_UNITS = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
}  # fmt: skip
_SIZE = re.compile(rf"{_DECIMAL}(?:{_POWER})? ?(?P<unit>[A-Za-z]*)", re.ASCII)


def parse_size(value: str | float, *, name: str = "max_bytes") -> int:
    """Read a size in bytes: `300kB` (1 kB is 1,000 bytes), `128KiB` (1 KiB is 1,024 bytes), or a number of bytes.

    >>> parse_size("300kB"), parse_size("128KiB"), parse_size("0.5 MiB"), parse_size(300)
    (300000, 131072, 524288, 300)

    Args:
        value: text as typed, or a number from a study file.
        name: name of the value in errors.

    Returns:
        The size as a whole number of bytes, at least 1.

    Raises:
        UsageError: the value is none of these spellings, has an unknown unit, is no whole number of bytes, is below 1,
            or above 1e15.
    """
    text = str(value).strip()
    size = None if isinstance(value, bool) or len(text) > _LONGEST else _SIZE.fullmatch(text)
    if size is None or (size["unit"] or "B") not in _UNITS:
        raise UsageError(
            f"is {text[:120]!r}, but must be a size like 300kB or 128KiB: a number of bytes, or of "
            f"{', '.join(unit for unit in _UNITS if unit != 'B')} (kB is 1,000 bytes, KiB 1,024).",
            argument=name,
        )
    digits, unit = _digits(size)
    scale: int = 10 ** int(size["power"] or 0) * _UNITS[size["unit"] or "B"]
    amount, rest = divmod(digits * scale, unit)
    if not 1 <= amount <= _LARGEST or rest:
        raise UsageError(f"is {text!r}, but must be whole bytes from 1 to {_LARGEST:.0e}.", argument=name)
    return amount


def write_size(size: int) -> str:
    """Write a size in the shortest form that `parse_size` reads back; a number of bytes is spelt out.

    >>> write_size(300_000), write_size(131_072), write_size(304_722), write_size(300)
    ('300 kB', '128 KiB', '304,722 bytes', '300 bytes')
    """
    texts = {unit: f"{size / scale:.4g}" for unit, scale in _UNITS.items() if size >= scale > 1}
    exact = [f"{text} {unit}" for unit, text in texts.items() if Fraction(text) * _UNITS[unit] == size]
    return min((text for text in exact if "e" not in text), key=len, default=plural(size, "byte"))
