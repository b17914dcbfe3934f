"""Looks at the test set, recorded by training and hash of the weights, so that each counts once."""

from __future__ import annotations

from collections.abc import Iterable

from budgetnas.trials.facts import Look, RunFacts, required
from budgetnas.trials.trial import Trial


class Looks:
    """Every look that was recorded with a study.

    Args:
        facts: of the study.
    """

    def __init__(self, facts: RunFacts) -> None:
        self._found = facts.looks or {}

    def __len__(self) -> int:
        return len(self._found)

    def of(self, run: Trial, level: str = "") -> Look | None:
        """Return the look with a training's weights; None before it, and where it left no weights."""
        return self._found.get(look_key(run, level)) if run.facts.weights_sha256 else None

    def accuracies(self, runs: Iterable[Trial], level: str = "") -> list[float]:
        """Return the test accuracy, in [0, 1], of those trainings that were tested."""
        return [found.accuracy for run in runs if (found := self.of(run, level))]

    def lacking(self, runs: Iterable[Trial], level: str = "") -> list[Trial]:
        """Return those trainings that were not tested."""
        return [run for run in runs if self.of(run, level) is None]


def look_key(run: Trial, level: str = "") -> str:
    """Name a look: the level, where looks at several are kept together, the training, and the hash of its weights."""
    return f"{level}{'/' if level else ''}{run.number}:{required(run.facts.weights_sha256, 'weights_sha256')}"
