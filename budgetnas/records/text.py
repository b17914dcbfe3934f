"""What may go by as words: text, which a path, a report and a database can hold; and lists of words in a line."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 10  # words of a list that are written out


def is_text(word: str) -> bool:
    """Tell whether a word is text; bytes that are no UTF-8, which Python reads as half characters, and NUL are not."""
    return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in word)


def printable(text: str) -> str:
    """Return `text` with every letter that cannot be printed written as Python would, in ASCII."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def listed(words: Sequence[object]) -> str:
    """Write a list as `a, b, c and 4 more`, ten words of it, so that any terminal, page and database can hold it."""
    shown = ", ".join(printable(str(word)) for word in words[:MOST])
    return f"{shown} and {len(words) - MOST:,} more" if len(words) > MOST else shown
