"""A run's studies copied into memory, for whoever looks at them and must leave them alone."""

from __future__ import annotations

import optuna
from optuna.storages import BaseStorage, InMemoryStorage

from budgetnas.storage.database import open_storage, study_names, translated


def copied(url: str | None, run: str) -> BaseStorage:
    """Return a storage in memory that holds a run's studies as they are now.

    Args:
        url: of the storage that they are in; None for an empty copy.
        run: name of the run: its studies are `RUN/..`.

    Raises:
        StorageError: the address is malformed, cannot be reached, or holds another kind of database.
    """
    memory = InMemoryStorage()
    if url is not None:
        source = open_storage(url)
        with translated(run):
            for name in study_names(source):
                if name.startswith(f"{run}/"):
                    optuna.copy_study(from_study_name=name, from_storage=source, to_storage=memory)
    return memory
