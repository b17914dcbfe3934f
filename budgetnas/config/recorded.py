"""The study file that a run keeps in its folder: told from a person's by its first line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from budgetnas.config.before import study_then
from budgetnas.config.reader import Table, read_toml

FILE = "study.toml"
HEAD = "This run with every default decided"  # runs of all versions begin their file with it
_LONGEST = 200  # letters of a first line that are read


def is_recorded(path: Path) -> bool:
    """Tell whether a run wrote this file; what cannot be read is none."""
    try:
        if not path.is_file():
            return False
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline(_LONGEST).startswith(f"# {HEAD}")
    except (OSError, ValueError):
        return False


def read_study_table(path: Path) -> Table:
    """Read the keys of a study file; those of a run with the values of its time, and the folder that it lies in now.

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
    """Lay the keys of one study over those of another, section by section."""
    merged = dict(base)
    for section, value in named.items():
        below = base.get(section)
        merged[section] = {**below, **value} if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
