"""Looks at the test set, keyed by training and hash of the weights, so that each counts once."""

from __future__ import annotations

from collections.abc import Iterable

from budgetnas.trials.facts import Look, RunFacts, required
from budgetnas.trials.trial import Trial


class Looks:
    """The looks recorded with a study.

    Args:
        facts: of the study.
    """

    def __init__(self, facts: RunFacts) -> None:
        self._looks = facts.looks or {}

    def __len__(self) -> int:
        return len(self._looks)

    def of(self, run: Trial, level: str = "") -> Look | None:
        """Return the look with the weights of a training; None before it, or without weights."""
        return self._looks.get(look_key(run, level)) if run.facts.weights_sha256 else None

    def accuracies(self, runs: Iterable[Trial], level: str = "") -> list[float]:
        """Return the test accuracies, in [0, 1], of the trainings that were tested."""
        return [look.accuracy for run in runs if (look := self.of(run, level))]

    def lacking(self, runs: Iterable[Trial], level: str = "") -> list[Trial]:
        """Return the trainings that were not tested."""
        return [run for run in runs if self.of(run, level) is None]


def look_key(run: Trial, level: str = "") -> str:
    """Return the key of a look: training, hash of its weights, and the level where a study has several."""
    return f"{level}{'/' if level else ''}{run.number}:{required(run.facts.weights_sha256, 'weights_sha256')}"
