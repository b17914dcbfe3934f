"""The options of declared trainings, each value checked by its rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from budgetnas.config.options import DATA_KEYS, keys_of, read_data
from budgetnas.config.sections import OutputConfig
from budgetnas.config.toml import build, within
from budgetnas.exceptions import UsageError

_RANGES = (  # of whole numbers
    ("epochs", 1, 100_000),
    ("repeats", 1, 1_000),
    ("seed", 0, 2**31 - 1),
    ("workers", 1, 512),
    ("threads", 1, 512),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Typed:
    """The options of which `build` checks the type."""

    recipe: str | None = None
    precision: Literal["auto", "fp32", "bf16"] | None = None
    repeats: int | None = None
    epochs: int | None = None
    seed: int | None = None
    device: str | None = None
    workers: int | None = None
    threads: int | None = None
    max_minutes: float | None = None


_TYPED = tuple(field.name for field in fields(_Typed))


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainOptions(_Typed):
    """The options that `train` and `reproduce` share; None for what their user does not name.

    Attributes:
        recipe: name or path.
        precision: instead of the recipe's.
        repeats: seeds of each network, from 0.
        epochs: length of a network's training, or where to stop those of Pei et al.
        seed: of everything random.
        device: "auto", "cpu", "cuda" or "mps".
        workers: trainings side by side; one per GPU or CPU core unless given.
        threads: CPU threads per training.
        max_minutes: after which no epoch starts; no limit unless given.
        data: keys and values of `DataConfig`, those that are named.
        folder: of the run.
    """

    data: Mapping[str, Any]
    folder: Path


def read_train_options(
    options: Mapping[str, Any], *, name: str, keys: Mapping[str, Any] | None = None, settings: Sequence[str] = ()
) -> TrainOptions:
    """Read the options of declared trainings as far as they are named.

    Args:
        options: values by name, None for what is not named; those of no training are left out.
        name: of the run.
        keys: dotted keys of `[data]` with their values.
        settings: `data.key=value` words, values written as in TOML.

    Raises:
        UsageError: a value breaks its rule.
    """
    build(_Typed, {key: options[key] for key in _TYPED if options[key] is not None}, "")
    for option, low, high in _RANGES:
        within(option, options[option], low, high)
    max_minutes = options["max_minutes"]
    if max_minutes is not None and not 0 < max_minutes < 10**7:
        raise UsageError(f"is {max_minutes}, but must be above 0 and below 10,000,000.", argument="max_minutes")
    OutputConfig(name=name)  # its rule
    return TrainOptions(
        data=read_data({**keys_of(options, DATA_KEYS), **(keys or {})}, settings),
        folder=Path(options["out"]) / name,
        **{key: options[key] for key in _TYPED},
    )
