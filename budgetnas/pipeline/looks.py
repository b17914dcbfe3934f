"""Reading the test set: once per set of weights, recorded at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from budgetnas.config.recipe import Recipe
from budgetnas.engine.protocol import Engine, Failed, Finished
from budgetnas.exceptions import BudgetNASError
from budgetnas.storage.record import read_weights
from budgetnas.storage.study import StudyStore
from budgetnas.training.tasks import LookTask, Setting
from budgetnas.trials.facts import Look, RunFacts
from budgetnas.trials.trial import Looks, Trial, look_key


def look(
    runs: Sequence[Trial],
    store: StudyStore,
    engine: Engine,
    folder: Path,
    *,
    setting: Setting,
    recipe: Recipe,
    tick: Callable[[], None],
    level: str = "",
) -> None:
    """Read the test set for finished runs whose weights lie in `folder`, and record it with a study.

    Args:
        runs: COMPLETE trials with weights.
        store: keeps what was seen, among its facts.
        engine: tests the networks.
        folder: of the run.
        setting: the data set and the device.
        recipe: that the networks were trained by.
        tick: called before every look and once a second.
        level: that the runs are of, where looks at several levels are kept together.

    Raises:
        BudgetNASError: a network could not be tested.
    """
    looks = dict(store.facts.looks or {})
    todo = Looks(store.facts).lacking(runs, level)
    flying: dict[str, Trial] = {}
    while todo or flying:
        tick()
        while todo and len(flying) < engine.capacity:
            run = todo.pop(0)
            weights = read_weights(run, folder)
            key = look_key(run, level)
            flying[key] = run
            engine.submit(key, LookTask(setting=setting, spec=run.candidate.spec, recipe=recipe, weights=weights))
        for event in engine.wait(1.0):
            if isinstance(event, Failed):
                raise BudgetNASError(f"`{flying[event.key].candidate.spec.id}` could not be tested: {event.reason}")
            if isinstance(event, Finished):
                assert isinstance(event.result, Look)
                del flying[event.key]
                looks[event.key] = event.result
                store.record(RunFacts(looks=looks))
