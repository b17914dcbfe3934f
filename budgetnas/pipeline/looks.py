"""Reading the test set: once per set of weights, recorded at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from budgetnas.engine.protocol import Engine, Failed, Finished
from budgetnas.exceptions import BudgetNASError
from budgetnas.pipeline.level import Level
from budgetnas.storage.record import read_weights
from budgetnas.storage.study import StudyStore
from budgetnas.training.tasks import LookTask
from budgetnas.trials.facts import Look, RunFacts
from budgetnas.trials.looks import Looks, look_key
from budgetnas.trials.trial import Trial


def look(
    level: Level[Any], trials: Sequence[Trial], store: StudyStore, engine: Engine, *, tick: Callable[[], None]
) -> None:
    """Read the test set for finished trainings that were not tested, and record it with a study.

    Args:
        level: of the trainings.
        trials: COMPLETE trials with weights.
        store: keeps the looks among its facts.
        engine: tests the networks.
        tick: called before every look and once a second.

    Raises:
        BudgetNASError: a network could not be tested.
    """
    looks = dict(store.facts.looks or {})
    todo = Looks(store.facts).lacking(trials, level.name)
    running: dict[str, Trial] = {}
    while todo or running:
        tick()
        while todo and len(running) < engine.capacity:
            trial = todo.pop(0)
            key, weights = look_key(trial, level.name), read_weights(trial, level.folder)
            running[key] = trial
            task = LookTask(setting=level.setting, spec=trial.candidate.spec, recipe=level.recipe, weights=weights)
            engine.submit(key, task)
        for event in engine.wait(1.0):
            if isinstance(event, Failed):
                raise BudgetNASError(f"`{running[event.key].candidate.spec.id}` could not be tested: {event.reason}")
            if isinstance(event, Finished):
                assert isinstance(event.result, Look)
                del running[event.key]
                looks[event.key] = event.result
                store.record(RunFacts(looks=looks))
