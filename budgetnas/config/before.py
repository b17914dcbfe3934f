"""What records of older versions mean by the keys that they lack: the values that the program had before those keys.

A record is whatever a run or a certificate holds: identity, setup, `study.toml`, `recipe.toml`, states of trainings. In
a file that a person wrote, a missing key has its documented default instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# By `recipe.KEY` or `SECTION.KEY`, as JSON values. A key whose value may be None has no place here: a TOML file leaves
# None out, so a missing line would have two meanings.
BEFORE: dict[str, Any] = {"recipe.ema_rule": "fixed"}

# The data sets that `data.dataset = "auto"` has meant without and with a GPU, newest first.
AUTO_BEFORE: dict[bool, tuple[str, ...]] = {False: ("digits",), True: ("cifar10",)}

_OWNER_BEFORE, _OWNER = " of the report", " of Pei et al."  # in the name of a control

_RECIPE = "recipe"
_STAGES = ("", "proxy.", "full.")  # what stands before `recipe.KEY` in an identity


def recipe_then(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a recorded recipe, those of younger keys with it."""
    return {**younger(recorded), **recorded}


def study_then(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections of a recorded study, younger keys with them."""
    filled = dict(recorded)
    for name, value in BEFORE.items():
        section, _, key = name.partition(".")
        known = filled.get(section, {})
        if section != _RECIPE and isinstance(known, Mapping):
            filled[section] = {key: value, **known}
    return filled


def identity_then(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recorded identity, by dotted keys, younger keys with it."""
    return {**{name: value for key, value in BEFORE.items() for name in _places(key, recorded)}, **recorded}


def younger(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that a recorded recipe lacks because they are younger, with their values of then."""
    named = {name.partition("."): value for name, value in BEFORE.items()}
    return {key: value for (section, _, key), value in named.items() if section == _RECIPE and key not in recorded}


def as_then(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a recipe but those that mean what the program did before them: an older version's record."""
    absent = younger({})
    return {key: value for key, value in recipe.items() if key not in absent or _json(value) != absent[key]}


def origin_now(recorded: str) -> str:
    """Return the recorded origin of a network as this version words it."""
    before = recorded.removesuffix(_OWNER_BEFORE)
    return recorded if before == recorded else before + _OWNER


def _json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _places(key: str, identity: Mapping[str, Any]) -> list[str]:
    """Return the names that a key of the table has in an identity: a recipe's for each recipe there."""
    if not key.startswith(f"{_RECIPE}."):
        return [key] if "kind" in identity else []  # trainings without a study have no sections
    return [stage + key for stage in _STAGES if any(name.startswith(f"{stage}{_RECIPE}.") for name in identity)]
