"""The accuracies of one network over its training seeds, on the validation and on the test split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from budgetnas.evidence.accuracy import Accuracy
from budgetnas.trials.selection import Finalist
from budgetnas.trials.trial import CONTROLS, FULL, Looks, Trial, complete


@dataclass(frozen=True, kw_only=True, slots=True)
class Accuracies:
    """Accuracies of one network after the last epoch.

    Attributes:
        runs: its trainings.
        validation: over all of them.
        test: over those that were tested; None before any was.
    """

    runs: tuple[Trial, ...]
    validation: Accuracy
    test: Accuracy | None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of its trainings."""
        return tuple(run.seed for run in self.runs)

    def as_json(self) -> dict[str, Any]:
        """Return means over the seeds as shares in [0, 1], with their intervals over images."""
        return {
            "seeds": list(self.seeds),
            "score": self.validation.mean,
            "score_interval": list(self.validation.interval),
            "test_accuracy": self.test.mean if self.test else None,
            "test_interval": list(self.test.interval) if self.test else None,
        }


def reached(runs: Sequence[Trial], looks: Looks, level: str = "", *, images: int) -> Accuracies:
    """Return what COMPLETE trainings of one network reached.

    Args:
        runs: at least one.
        looks: at the test set.
        level: that the runs are of, where looks at several are kept together.
        images: of the split that scored them.
    """
    found = [look for run in runs if (look := looks.of(run, level))]
    return Accuracies(
        runs=tuple(runs),
        validation=Accuracy(shares=[run.score or 0.0 for run in runs], images=images),
        test=Accuracy(shares=[look.accuracy for look in found], images=found[0].images) if found else None,
    )


def reached_in_full(finalist: Finalist, looks: Looks, *, images: int) -> Accuracies:
    """Return what the full trainings reached that a finalist competed with."""
    return reached(finalist.runs, looks, FULL, images=images)


def reached_afresh(winner: Finalist, controls: Sequence[Trial], looks: Looks, *, images: int) -> Accuracies | None:
    """Return what the winner reached with seeds that no choice has seen; None where it was not trained again.

    Args:
        winner: of the search.
        controls: trainings of the winner and of its controls.
        looks: at the test set.
        images: of the validation split.
    """
    runs = [run for run in complete(controls) if run.candidate.spec.id == winner.candidate.spec.id]
    return reached(runs, looks, CONTROLS, images=images) if runs else None
