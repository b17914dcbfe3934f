"""Records of runs: the study file in a run's folder, and the values of keys that are newer than a record.

A record is anything that a run or a certificate stores: identity, setup, `study.toml`, `recipe.toml`, states of
trainings. In a file that a person wrote, a missing key has its documented default instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from budgetnas.config.toml import Table, read_toml

# By `recipe.KEY` or `SECTION.KEY`, as JSON values. Keys that may be None cannot be listed: TOML omits None, so a
# missing line would be ambiguous.
BEFORE: dict[str, Any] = {
    "recipe.ema_rule": "fixed",
    "space.kinds": ["basic"],
    "space.groups": [1],
    "space.mid_ratios": [0.25],
    "space.expansions": [6],
    "space.kernels": [3],
    "space.shortcuts": ["conv"],
    "space.squeeze": ["none"],
    "space.downsampling": ["all"],
    "space.stems": ["stage_1"],
    "space.necks": ["none"],
    "space.width_grid": "step",
    "data.validation": "share",
    "data.class_weights": "none",
    "budget.weights": "fp32",
    "search.score": "accuracy",
    "search.model": "per_rung",
    "search.macs_prior": False,
    "search.fit": "all",
    "search.stop": "trials",
    "full.finals": "equal",
    "full.start": "last",
}

# Recorded words that mean something else now, by `SECTION.KEY`, each with its meaning then in words of this version.
MEANINGS: dict[str, tuple[str, str]] = {"space.max_macs": ("auto", "200%model5")}

# Past meanings of `data.dataset = "auto"` without and with a GPU, newest first.
AUTO_BEFORE: dict[bool, tuple[str, ...]] = {False: ("digits",), True: ("cifar10",)}

_OWNER_BEFORE, _OWNER = " of the report", " of Pei et al."  # suffixes in the name of a control

_RECIPE = "recipe"
_PREFIXES = ("", "proxy.", "full.")  # prefixes of `recipe.KEY` in an identity


def recipe_then(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a recorded recipe, completed by newer keys."""
    return {**younger(recorded), **recorded}


def study_then(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections of a recorded study, completed by newer keys, in words of this version."""
    filled = dict(recorded)
    for name, value in BEFORE.items():
        section, _, key = name.partition(".")
        known = filled.get(section, {})
        if section != _RECIPE and isinstance(known, Mapping):
            filled[section] = {key: value, **known}
    for name, (word, meaning) in MEANINGS.items():
        section, _, key = name.partition(".")
        if _holds(filled, name, word):
            filled[section] = {**filled[section], key: meaning}
    return filled


def data_then(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recorded keys of `[data]`, completed by newer keys."""
    filled: dict[str, Any] = study_then({"data": recorded})["data"]
    return filled


def identity_then(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recorded identity by dotted keys, completed by newer keys, in words of this version."""
    now = {name: meaning for name, (word, meaning) in MEANINGS.items() if recorded.get(name) == word}
    return {**{name: value for key, value in BEFORE.items() for name in _places(key, recorded)}, **recorded, **now}


def named_then(recorded: Mapping[str, Any], named: Mapping[str, Any]) -> Table:
    """Return the sections that a command names for the run of a study, read with the values of its time.

    A word that meant something else then is left out where the run was started with that meaning.
    """
    kept = dict(named)
    for name, (word, meaning) in MEANINGS.items():
        section, _, key = name.partition(".")
        if _holds(named, name, word) and _holds(recorded, name, meaning):
            kept[section] = {other: value for other, value in named[section].items() if other != key}
    return kept


def _holds(table: Mapping[str, Any], name: str, value: str) -> bool:
    """Return whether a study has a value under a dotted key."""
    section, _, key = name.partition(".")
    keys = table.get(section)
    return isinstance(keys, Mapping) and keys.get(key) == value


def younger(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that are newer than a recorded recipe, with the values of its time."""
    named = {name.partition("."): value for name, value in BEFORE.items()}
    return {key: value for (section, _, key), value in named.items() if section == _RECIPE and key not in recorded}


def as_then(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a recipe as an older version recorded them: without newer keys that change nothing."""
    absent = younger({})
    return {key: value for key, value in recipe.items() if key not in absent or _json(value) != absent[key]}


def origin_now(recorded: str) -> str:
    """Return the recorded origin of a network in this version's words."""
    before = recorded.removesuffix(_OWNER_BEFORE)
    return recorded if before == recorded else before + _OWNER


def _json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _places(key: str, identity: Mapping[str, Any]) -> list[str]:
    """Return the names of a key in an identity; a recipe's key has one for each recipe."""
    if not key.startswith(f"{_RECIPE}."):
        return [key] if "kind" in identity else []  # trainings without a study have no sections
    return [prefix + key for prefix in _PREFIXES if any(name.startswith(f"{prefix}{_RECIPE}.") for name in identity)]


FILE = "study.toml"
HEAD = "This run with every default decided"  # the first words of the file, in all versions
_LONGEST = 200  # characters of the first line that are read


def is_recorded(path: Path) -> bool:
    """Return whether a run wrote this file; False for an unreadable file."""
    try:
        if not path.is_file():
            return False
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline(_LONGEST).startswith(f"# {HEAD}")
    except (OSError, ValueError):
        return False


def read_study_table(path: Path) -> Table:
    """Read the keys of a study file; a run's file is completed by the values of its time and its present folder.

    Raises:
        UsageError: the file cannot be read or is no TOML.
    """
    table = read_toml(path)
    if not is_recorded(path):
        return table
    table = study_then(table)
    output = table.get("output")
    name = output.get("name") if isinstance(output, dict) else None
    home = path.parent if path.parent.name == name else path.resolve().parent
    return over(table, {"output": {"dir": str(home.parent)}}) if home.name == name else table


def over(base: Mapping[str, Any], named: Mapping[str, Any]) -> Table:
    """Merge two studies section by section; the second one takes precedence."""
    merged = dict(base)
    for section, value in named.items():
        below = base.get(section)
        merged[section] = {**below, **value} if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
