"""The engine that a prepared study asks for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from budgetnas.engine.local import LocalEngine
from budgetnas.pipeline.prepare import Prepared
from budgetnas.training.perform import perform


@contextlib.contextmanager
def engine_of(prepared: Prepared) -> Iterator[LocalEngine]:
    """Start the engine, and stop it at the end."""
    engine = LocalEngine(perform, workers=prepared.workers, gpus=prepared.gpus if prepared.gpus > 1 else 0)
    try:
        yield engine
    finally:
        engine.close()
