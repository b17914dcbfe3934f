"""Copies of a run's studies: into memory, to read them without side effects, and into another run."""

from __future__ import annotations

import optuna
from optuna.storages import BaseStorage, InMemoryStorage

from budgetnas.storage.database import existing_storage, study_names, translated


def copied(url: str | None, run: str) -> BaseStorage:
    """Return a storage in memory that holds a run's studies as they are now.

    Args:
        url: of the storage that they are in; None for an empty copy.
        run: name of the run: its studies are `RUN/..`.

    Raises:
        StorageError: the address is malformed, cannot be reached, or holds another kind of database.
    """
    memory = InMemoryStorage()
    source = existing_storage(url) if url else None
    if source is not None:
        with translated(run):
            for name in study_names(source):
                if name.startswith(f"{run}/"):
                    optuna.copy_study(from_study_name=name, from_storage=source, to_storage=memory)
    return memory


def add_finished(source: BaseStorage, before: str, target: BaseStorage, after: str) -> int:
    """Add the trials of a study to another, up to the first one that has not finished and beyond those that are there.

    Args:
        source: has the study.
        before: its name.
        target: has the other one, or gets it.
        after: its name.

    Returns:
        How many trials the other one has then.

    Raises:
        StorageError: one of them cannot be read or written.
    """
    with translated(after):
        study = optuna.create_study(storage=target, study_name=after, direction="maximize", load_if_exists=True)
        trials = source.get_all_trials(source.get_study_id_from_name(before), deepcopy=False)
        number = len(study.get_trials(deepcopy=False))
        while number < len(trials) and trials[number].state.is_finished():
            study.add_trial(trials[number])
            number += 1
        return number
