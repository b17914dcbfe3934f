"""Numbers as a person reads them, and lists of numbers as a person types them."""

from __future__ import annotations

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


def write_macs(macs: int) -> str:
    """Write MACs short: 864952004 as `0.865 G`."""
    return f"{macs / 1e9:.3f} G" if macs >= 1e8 else f"{macs / 1e6:.3f} M"


def plural(number: int, word: str) -> str:
    """Write a number of things: `1 seed`, `3 seeds`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def write_time(seconds: float) -> str:
    """Write a duration for a plan: `40 s`, `6 min`, `2.5 h`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
