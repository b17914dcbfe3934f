"""Words of others, fit for a terminal: what would move its cursor or is no text is written out."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return `text` with every letter that cannot be printed written as Python would, in ASCII."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def is_text(word: str) -> bool:
    """Tell whether a word is text: bytes that are none, and null characters, no path and no report can hold."""
    return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in word)
