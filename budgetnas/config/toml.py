"""TOML to frozen dataclasses and back; errors name the key, the value, the rule and the nearest name."""

from __future__ import annotations

import contextlib
import json
import logging
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from budgetnas.exceptions import UsageError
from budgetnas.text import one_line

_logger = logging.getLogger(__name__)
Scalar = str | int | float | bool


def write_toml(table: Mapping[str, Any], *, head: str = "") -> str:
    """Return TOML: plain values first, then a section for each inner table; None is left out.

    Args:
        table: strings, numbers, booleans, sequences of them, None, and tables of these.
        head: comment lines at the top.
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
    return json.dumps(value)  # JSON and TOML write true, false and numbers the same way


def _string(text: str) -> str:
    """Write a string as in JSON; TOML also needs DEL escaped, and cannot hold surrogates, which become `?`."""
    whole = text.encode("utf-8", "replace").decode()
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")


T = TypeVar("T")
_HUGE = 10**18
Table = dict[str, Any]


def shipped(*parts: str) -> Path:
    """Return the path of a file below `studies/`, in the installed package or in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "studies"
    return (inside if inside.is_dir() else package.parent / "studies").joinpath(*parts)


def is_toml(name: str) -> bool:
    """Return whether `name` is the path of a TOML file, not a shipped name."""
    return Path(name).suffix == ".toml"


def locate(name: str, *folder: str) -> Path:
    """Return the file that `name` means: a path that ends in .toml, or a name shipped in `studies/FOLDER`.

    Raises:
        UsageError: there is no such file.
    """
    path = Path(name)
    if is_toml(name):
        with contextlib.suppress(OSError, ValueError):  # too long for a path, or with a null character
            if path.is_file():
                return path
        raise UsageError(f"`{name}` is no file: give the path of a TOML file, or a shipped name.")
    home = shipped(*folder)
    names = sorted(file.stem for file in home.glob("*.toml"))
    if name in names:
        return home / f"{name}.toml"
    raise UsageError(f"`{name}` is not among the shipped names ({', '.join(names)}): give one, or a .toml file.")


def read_toml(path: Path) -> Table:
    """Read a TOML file.

    Raises:
        UsageError: the file cannot be read or is no TOML.
    """
    _logger.debug("reading %s", path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"`{path}` cannot be read ({error.strerror}): give a readable TOML file.") from error
    except (ValueError, RecursionError) as error:
        reason = one_line(error)
        raise UsageError(f"`{path}` is no valid TOML ({reason}): correct it there.") from error


def read_value(text: str) -> Any:
    """Parse one TOML value; text that is not TOML is a plain string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def build(kind: type[T], table: Table, where: str) -> T:
    """Return a dataclass of `kind` from a TOML table.

    Args:
        kind: a dataclass whose fields are plain values, tuples, literals or other such dataclasses.
        table: its keys and values.
        where: dotted path of the table, for errors; "" at the top.

    Raises:
        UsageError: a key is unknown or a value has the wrong type.
    """
    check_keys(table, [one.name for one in fields(kind)], where)  # type: ignore[arg-type]
    return kind(**convert(kind, table, where))


def check_keys(table: Table, known: Sequence[str], where: str) -> None:
    """Check that a table has no keys but those that are known.

    Raises:
        UsageError: it has one; the message has the nearest that is known.
    """
    for key in table:
        if key not in known:
            import difflib

            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"known keys: {', '.join(known)}."
            raise UsageError(f"is no key of {where or 'a study file'}: {hint}", argument=_join(where, key))


def convert(kind: type, table: Table, where: str) -> Table:
    """Return the values of a table as the fields of a dataclass that have their names hold them.

    Raises:
        UsageError: a value has the wrong type.
    """
    hints = _hints(kind)
    return {key: _convert(hints[key], value, _join(where, key)) for key, value in table.items()}


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(value, str) and "\0" in value:  # most strings are paths, which cannot hold one
        raise UsageError(f"is {shorten(value)}, but must be a string without null characters.", argument=where)
    if hasattr(hint, "__dataclass_fields__"):
        if isinstance(value, dict):
            return build(hint, value, where)
    elif origin in (Union, UnionType):
        for choice in arguments:
            if _matches(choice, value):
                return _convert(choice, value, where)
    elif origin is tuple:
        inner = [arguments[0]] * len(value) if arguments[-1] is ... and isinstance(value, list) else arguments
        if isinstance(value, list) and len(value) == len(inner):
            return tuple(_convert(h, v, where) for h, v in zip(inner, value, strict=True))
    elif _matches(hint, value):
        return value
    raise UsageError(f"is {shorten(value)}, but must be {_describe(hint)}.", argument=where)


def _matches(hint: Any, value: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) is tuple:
        return isinstance(value, list)
    if hasattr(hint, "__dataclass_fields__"):
        return isinstance(value, dict)
    if hint is None or hint is NoneType:
        return value is None
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and -_HUGE < value < _HUGE
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool) and -_HUGE < value < _HUGE
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))


def shorten(value: Any) -> str:
    """Write a value for an error, at most 80 characters of it."""
    try:
        return repr(value)[:80]
    except ValueError:  # Python refuses to write integers of thousands of digits
        return "a number of thousands of digits"


_LISTED = {int: ("whole numbers", "8, 24"), float: ("numbers", "0.5, 0.5"), str: ("strings", '"a", "b"')}


def _describe(hint: Any) -> str:
    if get_origin(hint) is Literal:
        choices = ", ".join(map(str, get_args(hint)))
        return f"one of {choices}" if len(get_args(hint)) > 1 else choices
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        length = "" if inner[-1] is ... else f"{len(inner)} "
        kinds, example = _LISTED.get(inner[0], ("numbers or strings", '5e6, "5M"'))
        return f"a list of {length}{kinds}, such as [{example}]"
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_describe(h) for h in get_args(hint) if h is not NoneType)
    names = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}
    return names.get(hint, "a table")


def within(name: str, value: int | None, low: int, high: int = 10**7) -> None:
    """Check that an integer, unless it is None, is in its range, ends included.

    Raises:
        UsageError: it is outside; the message has its `name`.
    """
    if value is not None and not low <= value <= high:
        raise UsageError(f"is {value}, but must be from {low} to {high:,}.", argument=name)
