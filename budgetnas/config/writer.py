"""Plain tables written as TOML, so that they can be read back as they were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Scalar = str | int | float | bool


def write_toml(table: Mapping[str, Any], *, head: str = "") -> str:
    """Write plain values first, then a section for each inner table; None is left out.

    Args:
        table: strings, numbers, booleans, sequences of them, None, and tables of these.
        head: lines of comment above it.
    """
    comment = "".join(f"# {line}\n" for line in head.splitlines())
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    sections = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    blocks = [("", plain), *((f"[{name}]\n", section) for name, section in sections.items())]
    written = [title + _lines(content) for title, content in blocks if title or _lines(content)]
    return comment + "\n".join(written)


def _lines(content: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in content.items() if value is not None)


def _value(value: Scalar | list[Scalar] | tuple[Scalar, ...]) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return _string(value)
    return json.dumps(value)  # true, false and numbers are written alike in both


def _string(text: str) -> str:
    """Write a string as JSON does; TOML also wants DEL escaped, and cannot hold half of a letter, which becomes `?`."""
    whole = text.encode("utf-8", "replace").decode()
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")
