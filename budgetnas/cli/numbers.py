"""Numbers, and lists of them, as a person types them."""

from __future__ import annotations

import argparse
import re

from budgetnas.exceptions import UsageError

_NUMBER = re.compile(r"-?[0-9]{1,18}")


def parse_list(text: str, name: str) -> tuple[int, ...]:
    """Read `4,5,3,0`.

    Raises:
        UsageError: a part is no whole number.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(_NUMBER.fullmatch(part) for part in parts):
        raise UsageError(f"`{name}` is {text[:80]!r}, but must be whole numbers with commas, like 4,5,3,0.")
    return tuple(map(int, parts))


def whole_number(text: str) -> int:
    """Read a whole number, also as 1e2 or 1_000."""
    try:
        value = float(text)
        if value != int(value):
            raise ValueError
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
    return int(value)


def number(text: str) -> float:
    """Read any number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
