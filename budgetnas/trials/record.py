"""Records: recorded values by name, read from JSON and written as JSON.

`from_json` reads JSON values by key and `to_json` writes them. An absent key is None, and None is not written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from types import UnionType
from typing import Any, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from budgetnas.exceptions import StorageError

T = TypeVar("T")
Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """Recorded values by name.

    Attributes:
        others: recorded keys that this version does not know or that are null.
    """

    others: Json = field(default_factory=dict)

    @classmethod
    def from_json(cls, content: Json) -> Self:
        """Read JSON values.

        Raises:
            ValueError: a value has a type that no version of this program records.
            TypeError: a key that every version records is missing.
        """
        form = cls._form()
        values: dict[str, Any] = {}
        others: dict[str, Any] = {}
        for key, value in content.items():
            if value is None or key not in form:
                others[key] = value
            else:
                name, hint = form[key]
                values[name] = _read(hint, value, key)
        return cls(**values, others=others)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; `from_json` reads them back."""
        values = {key: getattr(self, name) for key, (name, _) in self._form().items()}
        return {**{key: to_json(value) for key, value in values.items() if value is not None}, **self.others}

    @classmethod
    def _form(cls) -> dict[str, tuple[str, Any]]:
        kind: Any = cls
        return _form_of(kind)


def to_json(value: Any) -> Any:
    """Return a fact, or a collection of facts, as JSON values."""
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, Mapping):
        return {key: to_json(part) for key, part in value.items()}
    return list(map(to_json, value)) if isinstance(value, tuple | list) else value


def required(value: T | None, key: str) -> T:
    """Return a fact that every version of this program records.

    Raises:
        StorageError: the fact is absent.
    """
    if value is None:
        raise StorageError(
            f"`{key}` was not recorded, so another version of this program made the run, or its study is damaged: "
            "restore a copy, or run it again under another name."
        )
    return value


@cache
def _form_of(kind: type[Record]) -> dict[str, tuple[str, Any]]:
    """Return the name and the type of every field of a record by its stored key, in the order of writing."""
    types, own = get_type_hints(kind), (one for one in fields(kind) if one.name != "others")
    return {one.metadata.get("key", one.name): (one.name, types[one.name]) for one in own}


def _read(hint: Any, value: Any, key: str) -> Any:
    """Return a JSON value as the type that a field has."""
    kind, inner = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):  # with None
        return _read(inner[0], value, key)
    if kind is tuple and isinstance(value, list | tuple):
        each = inner[:1] * len(value) if inner[-1] is ... else inner
        if len(each) == len(value):
            return tuple(_read(part, one, key) for part, one in zip(each, value, strict=True))
    elif kind is Mapping and isinstance(value, Mapping):
        return {name: _read(inner[1], one, f"{key}.{name}") for name, one in value.items()}
    elif kind is None and (hint is Any or type(value) is hint or (hint is float and type(value) is int)):
        return value
    elif kind is None and issubclass(hint, Record) and isinstance(value, Mapping):
        return hint.from_json(value)
    raise ValueError(f"`{key}` is {value!r:.60}, which no version of this program records")
