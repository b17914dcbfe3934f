"""Words of others, fit for a terminal: what would move its cursor or is no text is written out."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return `text` with every letter that cannot be printed written as Python would, in ASCII."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
