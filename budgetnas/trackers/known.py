"""The trackers by name; each is imported only where it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path

from budgetnas.exceptions import UsageError
from budgetnas.trackers.protocol import Tracker

NAMES = ("tensorboard", "wandb", "mlflow")  # of the modules, of the packages, and of the extras
Maker = Callable[[Path, str], Tracker]  # of the folder and the name of a run


def load_trackers(track: str | Iterable[str] | None) -> Mapping[str, Maker]:
    """Import trackers.

    Args:
        track: their names, also with commas in one word; None for none.

    Returns:
        What makes each of them, by its name.

    Raises:
        UsageError: a name is unknown, or its package is not installed.
    """
    words = [track] if isinstance(track, str) else list(track or ())
    return {name: _load(name) for name in (part.strip() for word in words for part in str(word).split(","))}


def _load(name: str) -> Maker:
    if name not in NAMES:
        raise UsageError(f"is {name!r}, but must be of {', '.join(NAMES)}.", argument="track")
    try:
        make: Maker = import_module(f"budgetnas.trackers.{name}").make
    except ImportError as error:
        raise UsageError(
            f"is {name!r}, but {error.name or name} is not installed: run pip install 'budgetnas[{name}]'.",
            argument="track",
        ) from error
    return make
