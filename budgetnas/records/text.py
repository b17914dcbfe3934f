"""What may go by as words: text, which a path, a report and a database can hold."""

from __future__ import annotations


def is_text(word: str) -> bool:
    """Tell whether a word is text; bytes that are no UTF-8, which Python reads as half characters, and NUL are not."""
    return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in word)
