"""Where a plan is too long: what its hours buy, and options that bring it below two days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

from budgetnas.outcome.setup import CALIBRATION
from budgetnas.pipeline.plan import Plan, expected_costs
from budgetnas.pipeline.resume import expected
from budgetnas.pipeline.trials import end_of_level
from budgetnas.preparation.prepare import Prepared
from budgetnas.records.levels import FULL, in_words, rung_name

LONGEST_SECONDS = 48 * 3600
_EPOCHS, _PROMOTED, _TRIALS, _SUBSETS = 30, 3, (40, 20), (1000, 200, 50)
_HOURS = 24


def bought(plan: Plan) -> list[tuple[str, int, int]]:
    """Return what `--max-hours` buys: each level in words, its trainings that will start, and all of them."""
    hours = plan.prepared.config.engine.max_hours
    assert hours is not None
    elapsed, found = 0.0, []
    for cost in plan.costs:
        end = end_of_level(3600 * hours, elapsed=elapsed, after=plan.seconds_after(cost.level))
        each = plan.training_seconds(cost)
        started = min(cost.trainings, ceil((end - elapsed) / each) * plan.prepared.workers)
        elapsed += min(end - elapsed, each * ceil(started / plan.prepared.workers))
        found.append((in_words(cost.level), started, cost.trainings))
    return found


def shorter(plan: Plan) -> tuple[str, float]:
    """Return options that bring a plan below 48 hours, and the seconds that it then takes.

    A study that has begun keeps what its numbers depend on, so its hours are all that can be less.
    """
    words, seconds = list[str](), plan.seconds
    if not plan.is_resumed:
        for option, changed, share in _fewer(plan):
            words = [word for word in words if not word.startswith(f"{option.split()[0]} ")] + [option]
            seconds = _seconds(plan, changed, share)
            if seconds <= LONGEST_SECONDS:
                return " ".join(words), seconds
    return " ".join([*words, f"--max-hours {_HOURS}"]), 3600.0 * _HOURS


def _fewer(plan: Plan) -> Iterator[tuple[str, Prepared, float]]:
    """Yield options one after the other, each on top of those before, with the study and its share of the images."""
    prepared = plan.prepared
    is_calibration = plan.kind == CALIBRATION
    if prepared.full_epochs > max(_EPOCHS, prepared.rungs[-1]):
        config = prepared.config
        prepared = replace(prepared, config=replace(config, full=replace(config.full, epochs=_EPOCHS)))
        yield f"--full-epochs {_EPOCHS}", prepared, 1.0
    if prepared.config.full.promote > _PROMOTED and not is_calibration:
        config = prepared.config
        prepared = replace(prepared, config=replace(config, full=replace(config.full, promote=_PROMOTED)))
        yield f"--promote {_PROMOTED}", prepared, 1.0
    for trials in _TRIALS:
        config = prepared.config
        if config.search.trials > trials:
            prepared = replace(prepared, config=replace(config, search=replace(config.search, trials=trials)))
            yield f"{'--networks' if is_calibration else '--trials'} {trials}", prepared, 1.0
    data = prepared.data
    images = len(data.train) + len(data.validation)
    for subset in _SUBSETS:
        if subset * len(data.classes) < images:
            yield f"--subset {subset}", prepared, subset * len(data.classes) / images


def _seconds(plan: Plan, changed: Prepared, share: float) -> float:
    left = expected(changed)
    if plan.kind == CALIBRATION:
        number = changed.config.search.trials
        left = {**dict.fromkeys(map(rung_name, changed.rungs), number), FULL: number * changed.config.full.repeats}
    costs = expected_costs(changed, left, usual=plan.usual, large=plan.large, kind=plan.kind, share=share)
    return replace(plan, prepared=changed, costs=costs).seconds
