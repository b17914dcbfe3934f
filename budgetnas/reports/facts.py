"""The facts from which a report is made, and each candidate's scores at later rungs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from budgetnas.arch.spec import DataShape
from budgetnas.evidence.accuracy import Interval
from budgetnas.evidence.estimate import Estimate
from budgetnas.evidence.scores import ACCURACY, Score
from budgetnas.text import Table
from budgetnas.trials.trial import Trial, TrialState

Lines = Sequence[tuple[str, str]]  # (name, value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """A fact of the first screen.

    Attributes:
        name: what it is.
        value: the fact.
        note: more about it, smaller; "" for none.
    """

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class NextStep:
    """What would settle an open verdict.

    Attributes:
        words: what to do, and what it would show.
        command: that does it; "" where words say all.
    """

    words: str
    command: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalScore:
    """The full training of one promoted trial, after the last epoch. Scores are higher for a better network.

    Attributes:
        score: mean validation score over seeds.
        spread: standard deviation of the validation score over seeds; None with one seed.
        interval: 95 % interval of `score` over the images.
        seeds: the training seeds, one per repeat.
        test_accuracy: mean test accuracy over seeds, in [0, 1]; None before the test.
        test_spread: standard deviation of the test accuracy over seeds; None with one seed.
        test_interval: 95 % interval of `test_accuracy` over the images; None before the test.
        is_random: whether it was promoted at random, so that fidelity is not estimated on winners alone.
        curves: validation score by epoch, one per seed.
        accuracy: mean validation accuracy over seeds, in [0, 1]; None where that is the score.
        test_score: mean test score over seeds; None before the test, or where that is the accuracy.
        test_score_spread: standard deviation of the test score over seeds, likewise.
        test_score_interval: 95 % interval of `test_score` over the images, likewise.
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
    accuracy: float | None = None
    test_score: float | None = None
    test_score_spread: float | None = None
    test_score_interval: Interval | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """The winner or a control, trained with seeds that no choice has seen. Scores are shares in [0, 1], or losses.

    Attributes:
        name: name in tables.
        spec: id of the network.
        tests: test scores, one per seed.
        over_seeds: 95 % interval of their mean over seeds; None with one seed.
        over_images: the same over seeds and test images; None where the images are not recorded.
        gain: of the winner over it on test images, in points, or how much less the loss is; None for the winner, and
            before it was tested.
        gain_on_images: the same over seeds and test images; None where the images are not recorded.
        curves: validation score by epoch, higher for a better network, one per seed; none where they learned from the
            validation images.
    """

    name: str
    spec: str
    tests: Sequence[float]
    over_seeds: Interval | None
    over_images: Interval | None
    gain: Estimate | None
    gain_on_images: Estimate | None
    curves: Sequence[Mapping[int, float]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A model of Pei et al., as they report it for CIFAR-10.

    Attributes:
        name: name of the model.
        params: parameters with 3 input channels and 10 classes.
        macs: MACs for one image of 32x32.
        accuracy: best test accuracy in percent; None where none is reported.
        note: a caveat to show with it; "" for none.
    """

    name: str
    params: int
    macs: int
    accuracy: float | None
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportFacts:
    """The content of a report.

    Attributes:
        title: name of the run.
        notice: a warning to show first; "" for none.
        dataset: name of the data set.
        tiles: the result at a glance.
        shape: shape of its images, and number of classes.
        images: number of validation images.
        score: what the search goes by.
        cap: on a cost.
        cost: the one that it is on, "params" or "bytes".
        headline: the result in a sentence.
        remarks: caveats of the result, a sentence or two each.
        verdict: how the result compares with its controls, in a sentence; "not tested" without controls.
        is_tested: whether there are controls.
        next_step: what would settle the verdict; None where nothing is left to do.
        lines: further facts, (name, value).
        trials: the first rung: short trainings and pruned candidates, by number.
        trusted: posterior mean at the first rung, by trial number.
        rungs: trials of every rung, the first included, by its name ("r8", "r24"); a trial of a later rung has its
            first-rung trial's number as `facts.parent`.
        finals: full trainings by the number of their first-rung trial, best first.
        winner: number of the first-rung trial that won; None before any full training is finished.
        tables: tables of finalists, tiers, costs, fidelity and controls, as far as they exist, in the page's order.
        pairs: for every rung, (score at that rung, mean full score) of the networks that have both.
        references: models of Pei et al.; empty on other data sets than CIFAR-10.
        command: the command that makes this run.
        warnings: a line per problem with a training.
        about: (name, value) of the footer: seeds, hashes, versions, machine, date.
        caps: all caps, by their costs; none where `cap` is the only one.
        weights: precision that bytes of the file and of memory are for; "" where none is recorded.
        compared: the winner and its controls, the winner first; none without controls.
        confusion: the winner's predictions on "validation" and on "test": how many images of each class (rows) were
            predicted as each (columns). A split that was not recorded is left out.
        classes: names of the classes, in the order of `confusion`.
    """

    title: str
    notice: str
    dataset: str
    shape: DataShape
    images: int
    cap: int
    cost: str
    headline: str
    remarks: Sequence[str]
    verdict: str
    is_tested: bool
    lines: Lines
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
    tiles: Sequence[Tile] = ()
    next_step: NextStep | None = None
    about: Lines = ()
    score: Score = ACCURACY
    caps: Mapping[str, int] = field(default_factory=dict)
    weights: str = ""
    compared: Sequence[Compared] = ()
    confusion: Mapping[str, Sequence[Sequence[int]]] = field(default_factory=dict)
    classes: Sequence[str] = ()


def complete(facts: ReportFacts) -> list[Trial]:
    """Return the COMPLETE trials of the first rung, by number; each has a score."""
    return [trial for trial in facts.trials if trial.state is TrialState.COMPLETE and trial.score is not None]


def later_scores(facts: ReportFacts) -> dict[str, dict[int, float]]:
    """Return for every rung after the first its scores, by the number of the first-rung trial."""
    return {
        name: {trial.root: trial.score for trial in trials if trial.score is not None}
        for name, trials in list(facts.rungs.items())[1:]
    }


def winning_trial(facts: ReportFacts) -> Trial | None:
    """Return the first-rung trial that won; None before any full training is finished."""
    return next((trial for trial in facts.trials if trial.number == facts.winner), None)
