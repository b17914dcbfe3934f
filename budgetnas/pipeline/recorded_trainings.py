"""The recorded settings of a run of trainings, with which a shorter command resumes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from budgetnas.config.recipe import Recipe, load_recipe, resumed_recipe
from budgetnas.config.recorded import recipe_then
from budgetnas.config.sections import DataConfig
from budgetnas.config.toml import build
from budgetnas.data.known import KNOWN
from budgetnas.exceptions import StorageError, UsageError
from budgetnas.pipeline.identity import recorded_recipe
from budgetnas.runs.settings import TrainingsSetup, read_trainings_setup
from budgetnas.storage.database import existing_storage, found_url, study_names
from budgetnas.storage.study import read_study
from budgetnas.trials.declaration import Declaration, Phase


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedSettings:
    """What all trainings of a run share, beside recipe and data.

    Attributes:
        seed: of everything random.
        device: "cpu", "cuda" or "mps".
        threads: CPU threads per training.
    """

    seed: int
    device: str
    threads: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedTrainings:
    """What a run has recorded.

    Attributes:
        shared: what its trainings share.
        values: keys of their recipe, as they were recorded.
        recipe: theirs, its precision decided.
        setup: how they were set up by the last driver.
        asked: the trainings that each driver was asked for, the last one first.
    """

    shared: SharedSettings
    values: Mapping[str, Any]
    recipe: Recipe
    setup: TrainingsSetup
    asked: Sequence[Sequence[Declaration]]

    def recipe_as(self, name: str) -> Recipe:
        """Return the recipe that a name or path means for this run; one that says no precision has the run's."""
        found = resumed_recipe(load_recipe(name), name, self.values, recorded_name=self.setup.recipe_name)
        return replace(found, precision=self.recipe.precision) if found.precision == "auto" else found

    def source(self) -> DataConfig | None:
        """Return how the data set was asked for; None where that was not recorded, and its name does not say it."""
        name = self.setup.data.name
        return self.setup.source or (DataConfig(dataset=name) if name in KNOWN else None)

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
        )
    except (UsageError, KeyError, TypeError) as error:
        raise StorageError(
            f"`{folder.name}` was made by another version of this program ({error}): choose another `output.name`."
        ) from error
