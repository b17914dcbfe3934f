"""The options of declared trainings, and the recorded settings of a run with which a shorter command resumes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from budgetnas.config.options import DATA_KEYS, keys_of, read_data
from budgetnas.config.recipe import Recipe, load_recipe, resumed_recipe
from budgetnas.config.recorded import data_then, recipe_then
from budgetnas.config.sections import DataConfig, OutputConfig
from budgetnas.config.toml import build, within
from budgetnas.data.known import KNOWN
from budgetnas.exceptions import StorageError, UsageError
from budgetnas.pipeline.identity import recorded_recipe
from budgetnas.runs.settings import TrainingsSetup, read_trainings_setup
from budgetnas.storage.database import existing_storage, found_url, study_names
from budgetnas.storage.study import read_study
from budgetnas.trials.declaration import Declaration, Phase

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
    test: bool | None = None


_TYPED = tuple(field.name for field in fields(_Typed))


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainOptions(_Typed):
    """The options that `train` and `reproduce` share; None for what their user does not name.

    Attributes:
        recipe: name or path.
        precision: instead of the recipe's.
        repeats: seeds of each network, from 0.
        epochs: length of a network's training, or where to stop those of Pei et al.
        seed: of all random numbers.
        device: "auto", "cpu", "cuda" or "mps".
        workers: trainings side by side; one per GPU or CPU core unless given.
        threads: CPU threads per training.
        max_minutes: after which no epoch starts; no limit unless given.
        test: whether to look at the test set at the end.
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
    build(_Typed, {key: options[key] for key in _TYPED if options.get(key) is not None}, "")
    for option, low, high in _RANGES:
        within(option, options[option], low, high)
    max_minutes = options["max_minutes"]
    if max_minutes is not None and not 0 < max_minutes < 10**7:
        raise UsageError(f"is {max_minutes}, but must be above 0 and below 10,000,000.", argument="max_minutes")
    OutputConfig(name=name)  # its rule
    return TrainOptions(
        data=read_data({**keys_of(options, DATA_KEYS), **(keys or {})}, settings),
        folder=Path(options["out"]) / name,
        **{key: options.get(key) for key in _TYPED},
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedSettings:
    """The settings that all trainings of a run share, beside recipe and data.

    Attributes:
        seed: of all random numbers.
        device: "cpu", "cuda" or "mps".
        threads: CPU threads per training.
    """

    seed: int
    device: str
    threads: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedTrainings:
    """The record of a run.

    Attributes:
        shared: what its trainings share.
        values: keys of their recipe, as they were recorded.
        recipe: theirs, its precision decided.
        setup: how they were set up by the last driver.
        asked: the trainings that each driver was asked for, the last one first.
        tests: whether the last driver was asked to look at the test set.
    """

    shared: SharedSettings
    values: Mapping[str, Any]
    recipe: Recipe
    setup: TrainingsSetup
    asked: Sequence[Sequence[Declaration]]
    tests: bool

    def recipe_as(self, name: str) -> Recipe:
        """Return the recipe that a name or path means for this run; one that says no precision has the run's."""
        found = resumed_recipe(load_recipe(name), name, self.values, recorded_name=self.setup.recipe_name)
        return replace(found, precision=self.recipe.precision) if found.precision == "auto" else found

    def source(self) -> DataConfig | None:
        """Return how the data set was asked for; None where that was not recorded, and its name does not say it."""
        name = self.setup.data.name
        return self.setup.source or (build(DataConfig, data_then({"dataset": name}), "data") if name in KNOWN else None)

    def last(self, network: str) -> tuple[int, int] | None:
        """Return the epochs and the number of seeds that a network was last asked for with; None if it never was."""
        runs = self._asked(network)
        return (runs[0].epochs, 1 + max(run.repeat for run in runs)) if runs else None

    def phases(self, network: str) -> tuple[Phase, ...]:
        """Return the schedule that a network was last asked for with; nothing if it never was."""
        runs = self._asked(network)
        return runs[0].phases if runs else ()

    def _asked(self, network: str) -> Sequence[Declaration]:
        """Return the trainings of a network that the last driver with any was asked for."""
        each = ([run for run in asked if run.candidate.origin == network] for asked in self.asked)
        return next(filter(None, each), [])


def read_record(folder: Path) -> RecordedTrainings | None:
    """Read what the run in a folder has recorded, and write nothing; None where there are no trainings.

    Raises:
        StorageError: its storage cannot be read, or was written by another version of this program.
    """
    url = found_url(folder)
    storage = None if url is None else existing_storage(url)
    if storage is None or folder.name not in study_names(storage):
        return None
    facts = read_study(storage, folder.name)[1]
    identity = facts.identity
    if identity is None or facts.setup is None:
        return None
    setup = read_trainings_setup(facts.setup, name=folder.name)
    try:
        values = recorded_recipe(identity, "recipe.")
        return RecordedTrainings(
            shared=build(SharedSettings, {key: identity[key] for key in ("seed", "device", "threads")}, "identity"),
            values=values,
            recipe=build(Recipe, {**recipe_then(values), "description": setup.recipe.description}, "recipe"),
            setup=setup,
            asked=[
                [Declaration.from_json(run) for run in driver["study"]["runs"]]
                for driver in reversed(facts.drivers or ())
            ],
            tests=all(driver["study"].get("tests", True) for driver in (facts.drivers or ())[-1:]),
        )
    except (UsageError, KeyError, TypeError) as error:
        raise StorageError(
            f"`{folder.name}` was made by another version of this program ({error}): choose another `output.name`."
        ) from error
