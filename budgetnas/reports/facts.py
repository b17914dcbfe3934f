"""The plain facts that a report is made of, and the lineage of each candidate through the rungs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from budgetnas.arch.spec import DataShape
from budgetnas.evidence.accuracy import Interval
from budgetnas.text import Table
from budgetnas.trials.trial import Trial, TrialState


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalScore:
    """What full training made of one promoted trial. Accuracies are those after the last epoch, in [0, 1].

    Attributes:
        score: mean validation accuracy over its seeds.
        spread: standard deviation of the validation accuracy over its seeds; None with one.
        interval: of `score`, over the images.
        seeds: the training seeds, one per repeat.
        test_accuracy: mean test accuracy over its seeds; None before it was tested.
        test_spread: standard deviation of the test accuracy over its seeds; None with one.
        test_interval: of `test_accuracy`, over the images; None with it.
        is_random: whether it was promoted at random, so that fidelity is not estimated on winners alone.
        curves: validation accuracy by epoch, one per seed.
    """

    score: float
    spread: float | None
    interval: Interval
    seeds: tuple[int, ...]
    test_accuracy: float | None
    test_spread: float | None
    test_interval: Interval | None
    is_random: bool
    curves: Sequence[Mapping[int, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A model of Pei et al., as they report it for CIFAR-10.

    Attributes:
        name: of the model.
        params: at CIFAR-10's 3 channels and 10 classes.
        macs: for one image of 32x32.
        accuracy: best test accuracy in percent; None where none is reported.
        note: what a reader must know.
    """

    name: str
    params: int
    macs: int
    accuracy: float | None
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportFacts:
    """Everything that a report says.

    Attributes:
        title: name of the run.
        notice: what must be known before anything else; "" for nothing.
        dataset: name of the data set.
        shape: its images and classes.
        images: of the validation split.
        max_params: the cap.
        headline: what was found, in a sentence.
        remarks: what must be said beside it, a sentence or two each.
        verdict: what the result is worth beside controls, in a sentence; "not tested" without any.
        is_tested: whether any control tells what it is worth.
        lines: further facts, (name, value).
        trials: the first rung: short trainings and pruned candidates, by number.
        trusted: posterior mean at the first rung, by number of trial.
        rungs: trials of every rung by its name ("r8", "r24"), the first one's too; those of later rungs have the number
            of their first-rung trial as `facts.parent`.
        finals: full trainings by number of their first-rung trial, the best first.
        winner: number of the first-rung trial that won; None before any full training ended.
        tables: of finalists, tiers, costs, fidelity and controls, those that there are, in the order of the page.
        pairs: for every rung, (score at that rung, mean full score) of the nets that have both.
        references: models of Pei et al., where the data set is the one that they report on.
        command: that makes this run.
        warnings: what is wrong with trainings, a line each.
    """

    title: str
    notice: str
    dataset: str
    shape: DataShape
    images: int
    max_params: int
    headline: str
    remarks: Sequence[str]
    verdict: str
    is_tested: bool
    lines: Sequence[tuple[str, str]]
    trials: Sequence[Trial]
    trusted: Mapping[int, float]
    rungs: Mapping[str, Sequence[Trial]]
    finals: Mapping[int, FinalScore]
    winner: int | None
    tables: Mapping[str, Table] = field(default_factory=dict)
    pairs: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    references: Sequence[Reference] = field(default_factory=tuple)
    command: str
    warnings: Sequence[str] = ()


def complete(facts: ReportFacts) -> list[Trial]:
    """Return the COMPLETE trials of the first rung, by number; each has a score."""
    return [trial for trial in facts.trials if trial.state is TrialState.COMPLETE and trial.score is not None]


def later_scores(facts: ReportFacts) -> dict[str, dict[int, float]]:
    """Return, for every rung after the first, the scores in [0, 1] by number of the first-rung trial."""
    return {
        name: {trial.root: trial.score for trial in trials if trial.score is not None}
        for name, trials in list(facts.rungs.items())[1:]
    }


def winning_trial(facts: ReportFacts) -> Trial | None:
    """Return the first-rung trial that won; None before any full training ended."""
    return next((trial for trial in facts.trials if trial.number == facts.winner), None)
