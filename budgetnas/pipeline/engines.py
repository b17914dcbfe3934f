"""The choice of an engine: the available hardware, and the engine of a prepared study."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from budgetnas.config.study import StudyConfig
from budgetnas.engine.local import LocalEngine
from budgetnas.engine.protocol import Engine, Work
from budgetnas.exceptions import UsageError
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.training.device import Hardware, find_hardware
from budgetnas.training.perform import perform, perform_on


@contextlib.contextmanager
def connected(config: StudyConfig) -> Iterator[Hardware]:
    """Connect to where a study's trainings will run, and return its hardware.

    Raises:
        UsageError: the requested device does not exist, or Ray is not installed.
        EngineError: no cluster answers.
    """
    if config.engine.kind == "local":
        yield find_hardware(config.engine.device)
        return
    try:
        from budgetnas.engine import cluster
    except ImportError as error:
        raise UsageError(
            "is 'ray', but Ray is not installed: run pip install 'budgetnas[ray]'.", argument="engine.kind"
        ) from error
    with cluster.connection(config.ray.address):
        gpus, cores = cluster.resources()
        gpus = 0 if config.engine.device == "cpu" else gpus
        share = config.engine.gpus_per_trial if gpus else 0.0
        found: Hardware = cluster.call(find_hardware, config.engine.device, gpus=share)
        yield replace(found, gpus=gpus, cores=cores)


@contextlib.contextmanager
def engine_of(prepared: PreparedStudy, *, work: Work = perform) -> Iterator[Engine]:
    """Start the engine of a study, and stop it at the end.

    Args:
        prepared: the study; where its engine is Ray, inside `connected`.
        work: performs the tasks: importable where the workers run.
    """
    wanted, gpus = prepared.config.engine, prepared.hardware.gpus
    engine: Engine
    if wanted.kind == "local":
        shared = gpus if gpus > 1 else 0
        engine = LocalEngine(work, workers=prepared.workers, gpus=shared, timeout=wanted.trial_timeout)
    else:
        from budgetnas.engine.cluster import RayEngine

        engine = RayEngine(
            partial(perform_on, prepared.data) if work is perform else work,
            workers=prepared.workers,
            threads=wanted.threads,
            gpus=wanted.gpus_per_trial if gpus else 0.0,
            timeout=wanted.trial_timeout,
        )
    try:
        yield engine
    finally:
        engine.close()
