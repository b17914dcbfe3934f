"""Make the JSON schema of study files, for editors, from the dataclasses that read them.

`python docs/extensions/study_schema.py` regenerates `studies/study.schema.json`; a test fails while it is out of date.
Types and defaults are those of the fields, descriptions those of the docstrings. The range of a number is found by
trying: the least and the largest that the section takes.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from budgetnas.arch.spec import FIELDS, ResNetSpec
from budgetnas.config.models import NamedModel
from budgetnas.config.study import StudyConfig
from budgetnas.config.toml import build
from budgetnas.exceptions import UsageError

FILE = Path(__file__).parents[2] / "studies" / "study.schema.json"
Schema = dict[str, Any]
_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean"}
_FAR = 9 * 10**17  # nearly the largest number that a file may hold
_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)


def study_schema() -> Schema:
    """Return the schema, in draft 7, which editors read."""
    hints = get_type_hints(StudyConfig)
    sections = {one.name: hints[one.name] for one in fields(StudyConfig)}
    properties = {name: _table(kind, name) for name, kind in sections.items() if hasattr(kind, "__dataclass_fields__")}
    text = {"type": "string", "description": "What the study asks, for whoever finds it later."}
    models = {"type": "array", "items": _model(), "description": "Networks to count, in place of a search."}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A study of budgetnas",
        "type": "object",
        "additionalProperties": False,
        "properties": {"description": text, **properties, "models": models},
    }


def _table(kind: type, section: str) -> Schema:
    hints, told = get_type_hints(kind), _descriptions(kind)

    def accepts(name: str, value: Any) -> bool:
        try:
            build(kind, {name: value}, section)
        except UsageError:
            return False
        return True

    properties = {
        one.name: _key(one, hints[one.name], told, lambda value, name=one.name: accepts(name, value))
        for one in fields(kind)
    }
    head = inspect.getdoc(kind).partition("\n")[0]  # type: ignore[union-attr]
    return {"type": "object", "description": head, "additionalProperties": False, "properties": properties}


def _model() -> Schema:
    told = _descriptions(ResNetSpec) | _descriptions(NamedModel)
    hints = get_type_hints(ResNetSpec) | get_type_hints(NamedModel)
    known = [*FIELDS.values(), *(one for one in fields(NamedModel) if one.name != "spec")]
    properties = {one.name: _key(one, hints[one.name], told, lambda value: True) for one in known}
    for schema in properties.values():
        schema.pop("default", None)  # an empty list there means: by the other keys
    properties["id"] = {"type": "string", "description": "Its architecture, like 4x64-5x128-3x256."}
    return {"type": "object", "required": ["name"], "additionalProperties": False, "properties": properties}


def _key(one: Field[Any], hint: Any, told: dict[str, str], accepts: Callable[[Any], bool]) -> Schema:
    default = {} if one.default is MISSING or one.default is None else {"default": _plain(one.default)}
    description = {"description": told[one.name]} if one.name in told else {}
    return {**_value(hint, accepts), **default, **description}


def _plain(value: Any) -> Any:
    return [*map(_plain, value)] if isinstance(value, tuple) else value


def _value(hint: Any, accepts: Callable[[Any], bool]) -> Schema:
    origin, arguments = get_origin(hint), [one for one in get_args(hint) if one is not NoneType]
    if origin in (Union, UnionType):
        choices = [_value(one, accepts) for one in arguments]
        return choices[0] if len(choices) == 1 else {"anyOf": choices}
    if origin is Literal:
        return {"enum": arguments}
    if origin is tuple:
        items = _value(arguments[0], lambda value: True)
        sides = {} if arguments[-1] is ... else {"minItems": len(arguments), "maxItems": len(arguments)}
        return {"type": "array", "items": items, **sides}
    limits = _range(hint, accepts) if hint in (int, float) else {}
    return {"type": _TYPES[hint], **limits}


def _range(kind: type, accepts: Callable[[Any], bool]) -> Schema:
    """Return the limits of a number: none where any is accepted."""
    found: Schema = {}
    start = next((value for value in (1, 2, 0.5) if accepts(value)), None)
    for far, closed, opened in ((-_FAR, "minimum", "exclusiveMinimum"), (_FAR, "maximum", "exclusiveMaximum")):
        if start is not None and not accepts(kind(far)):
            good, bad = _edge(kind(start), kind(far), accepts)
            is_open = len(repr(bad)) < len(repr(good))  # 0 and 5e-324, not 0.01 and 0.00999...98
            found[opened if is_open else closed] = bad if is_open else good
    return found


def _edge(good: Any, bad: Any, accepts: Callable[[Any], bool]) -> tuple[Any, Any]:
    """Return the neighbours of which one is accepted and the other is not."""
    while True:
        middle = (good + bad) // 2 if isinstance(good, int) else (good + bad) / 2
        if middle in (good, bad):
            return good, bad
        good, bad = (middle, bad) if accepts(middle) else (good, middle)


def _descriptions(kind: type) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say about their attributes."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        text = (inspect.cleandoc(one.__doc__) if one.__doc__ else "").partition("Attributes:\n")[2]
        found |= {name: " ".join(words.split()) for name, words in _ATTRIBUTE.findall(text)}
    return {name: words[0].upper() + words[1:] for name, words in found.items()}


def write_schema() -> str:
    """Return the content of the file."""
    return json.dumps(study_schema(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(write_schema())
