"""The cost of each level of a search, expected and measured, in the same table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from budgetnas.text import Table
from budgetnas.trials.record import required
from budgetnas.trials.trial import Trial, complete, in_words


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """The cost of the trainings of one level.

    Attributes:
        level: its name.
        trainings: their number.
        epochs: summed over trainings.
        images: that were trained on, summed over epochs.
        seconds: of training, summed over workers.
    """

    level: str
    trainings: int
    epochs: int
    images: int
    seconds: float


def measured(level: str, trials: Iterable[Trial]) -> Cost:
    """Return the cost of the COMPLETE trainings of a level."""
    done = [trial.facts for trial in complete(trials)]
    return Cost(
        level=level,
        trainings=len(done),
        epochs=sum(required(facts.epochs, "epochs") for facts in done),
        images=sum(required(facts.images, "images") for facts in done),
        seconds=sum(float(required(facts.seconds, "seconds")) for facts in done),
    )


def cost_table(costs: Sequence[Cost], *, title: str, device: str) -> Table:
    """Return one row per level that has trainings, and their sum where there are several."""
    rows = [_row(in_words(cost.level), cost) for cost in costs if cost.trainings]
    total = Cost(
        level="",
        trainings=sum(cost.trainings for cost in costs),
        epochs=sum(cost.epochs for cost in costs),
        images=sum(cost.images for cost in costs),
        seconds=sum(cost.seconds for cost in costs),
    )
    return Table(
        title=title,
        columns=("level", "trainings", "epochs", "images", "device hours"),
        rows=[*rows, _row("in all", total)] if len(rows) > 1 else rows,
        notes=[f"Hours of training, summed over workers, on {device}."] if rows else [],
    )


def _row(name: str, cost: Cost) -> tuple[str, ...]:
    hours = cost.seconds / 3600
    digits = 4 if hours < 0.1 else 2
    return name, f"{cost.trainings:,}", f"{cost.epochs:,}", f"{cost.images:,}", f"{hours:,.{digits}f}"
