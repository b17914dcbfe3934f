"""What a report is made of: plain facts, no live objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from budgetnas.records.trial import Trial


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalScore:
    """What full training made of one promoted trial.

    Attributes:
        score: mean validation accuracy after the last epoch, in [0, 1].
        repeats: how many seeds.
        test_accuracy: of the best run, in [0, 1].
        curves: validation accuracy by epoch, one per seed.
    """

    score: float
    repeats: int
    test_accuracy: float
    curves: Sequence[Mapping[int, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportFacts:
    """Everything that a report says.

    Attributes:
        title: name of the run.
        notice: what must be known before anything else; "" for nothing.
        dataset: name of the data set.
        max_params: the cap.
        trials: short trainings and pruned candidates, by number.
        trusted: posterior mean by number of trial.
        finals: full trainings by number of their proxy trial, the winner first.
        command: that makes this run.
        lines: further facts, (name, value).
        references: models of the report: (name, reported test accuracy in percent or None, note).
    """

    title: str
    notice: str
    dataset: str
    max_params: int
    trials: Sequence[Trial]
    trusted: Mapping[int, float]
    finals: Mapping[int, FinalScore]
    command: str
    lines: Sequence[tuple[str, str]]
    references: Sequence[tuple[str, str]] = field(default_factory=tuple)
