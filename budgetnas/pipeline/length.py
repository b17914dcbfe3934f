"""The check that a recipe fits the length of a training: some keys assume a number of steps."""

from __future__ import annotations

import math
from collections.abc import Iterator

from budgetnas.config.recipe import FEWEST_STEPS, Recipe
from budgetnas.text import plural
from budgetnas.training.images import batch_bounds
from budgetnas.training.optimise import lr_factor

FORGOTTEN = 0.01  # weight of a first value in a mean that no longer matters
NORM_MOMENTUM = 0.1  # of batch norm's running statistics: torch's default, which our networks have
FEWEST_PULLS = 10
LOW_RATE = 0.1  # of the highest, to which a schedule falls before its training ends


def length_notes(recipe: Recipe, name: str, *, images: int, epochs: int, period: int | None = None) -> list[str]:
    """Return a sentence for each key of a recipe that does not fit a training.

    Args:
        recipe: as it reads; for few images its batch size is halved here as the training does.
        name: what to call it.
        images: that an epoch learns from.
        epochs: of the training, or of the shortest part of it that has a schedule of its own.
        period: epochs over which the learning rate falls to 0; as many as there are unless given.
    """
    recipe = recipe.for_images(images)
    steps = len(batch_bounds(images, recipe.batch_size))
    total = steps * epochs
    notes = [
        *_batch(images, steps),
        *_norms(total),
        *_running_mean(recipe, total),
        *_lookahead(recipe, total),
        *_schedule(recipe, epochs, epochs if period is None else period, steps),
    ]
    return [f"recipe {name}: {note}." for note in notes]


def _batch(images: int, steps: int) -> Iterator[str]:
    if steps == 1:
        fewer = max(2, images // FEWEST_STEPS)
        yield f"all {images} images are one batch, so an epoch is one step: give batch_size = {fewer}"


def _norms(total: int) -> Iterator[str]:
    needed = _updates_to_forget(1 - NORM_MOMENTUM)
    if total < needed:
        yield (
            f"after {plural(total, 'step')} the running statistics of batch norm still hold "
            f"{_percent((1 - NORM_MOMENTUM) ** total)} of their first values: give {needed} steps or more, by more "
            "epochs or a smaller batch_size"
        )


def _running_mean(recipe: Recipe, total: int) -> Iterator[str]:
    if not recipe.ema or recipe.ema_rule == "steps":
        return
    needed = 1 + _updates_to_forget(recipe.ema)  # the first update starts the mean
    if total < needed:
        yield (
            f"after {plural(total, 'step')} the running mean still holds {_percent(recipe.ema ** (total - 1))} of its "
            f'first weights: ema = {recipe.ema:g} with ema_rule = "fixed" needs {needed:,} steps. Give '
            'ema_rule = "steps" or a lower ema'
        )


def _lookahead(recipe: Recipe, total: int) -> Iterator[str]:
    if recipe.lookahead * FEWEST_PULLS > total:
        pulls = plural(total // recipe.lookahead, "time")
        yield (
            f"lookahead = {recipe.lookahead} pulls the slow weights {pulls} in {plural(total, 'step')}: give at most "
            f"{total // FEWEST_PULLS}"
        )


def _schedule(recipe: Recipe, epochs: int, period: int, steps: int) -> Iterator[str]:
    factor = lr_factor(recipe, period, steps)
    if recipe.step == "epoch":
        units, cure = plural(epochs, "epoch"), 'step = "batch" or more epochs'
    else:
        units, cure = plural(epochs * steps, "step"), "more epochs"
    if recipe.warmup and factor(0) == 1:
        yield (
            f"warmup = {recipe.warmup:g} of {units} is less than two of them, so the learning rate starts at its "
            f"highest: give {cure}"
        )
    last = factor(epochs * steps - 1)
    if epochs == period and last > LOW_RATE:
        yield f"the learning rate is still at {_percent(last)} of its highest in the last of {units}: give {cure}"


def _updates_to_forget(decay: float) -> int:
    """Return after how many updates of a running mean its first value weighs no more than `FORGOTTEN`."""
    return math.ceil(math.log(FORGOTTEN) / math.log(decay))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
