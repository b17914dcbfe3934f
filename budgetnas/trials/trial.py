"""A trial as frozen facts, independent of Optuna: its level of trainings, and its looks at the test set.

Levels are rungs of short trainings, full trainings, and controls. Looks are recorded by training and hash of the
weights, so that each counts once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from budgetnas.arch.spec import ResNetSpec
from budgetnas.text import plural
from budgetnas.trials.facts import Look, RunFacts, TrialFacts, required


class TrialState(StrEnum):
    """The states of a trial, named as Optuna names them."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAIL = "FAIL"

    @property
    def is_finished(self) -> bool:
        """Whether the trial will not change any more."""
        return self in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """An architecture that was proposed, with its exact cost on the data set at hand.

    Attributes:
        spec: the architecture.
        params: trainable parameters.
        macs: multiply-accumulates for one image.
        origin: who proposed it: the name of a model, or of a sampler.
    """

    spec: ResNetSpec
    params: int
    macs: int
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One architecture in one study.

    Attributes:
        number: position in the study, from 0.
        candidate: what is tried.
        state: how far it is.
        score: validation accuracy after the last epoch, in [0, 1]; None unless COMPLETE.
        curve: validation accuracy by epoch, from 1.
        facts: everything else that was recorded.
    """

    number: int
    candidate: Candidate
    state: TrialState
    score: float | None = None
    curve: dict[int, float] = field(default_factory=dict)
    facts: TrialFacts = field(default_factory=TrialFacts)

    @property
    def root(self) -> int:
        """Number of the first-rung trial that this one goes back to: its own on the first rung."""
        return self.number if self.facts.parent is None else self.facts.parent

    @property
    def seed(self) -> int:
        """Seed of its training.

        Raises:
            StorageError: none was recorded.
        """
        return required(self.facts.seed, "seed")

    @property
    def repeat(self) -> int:
        """Number of its seed among those of the network, from 0.

        Raises:
            StorageError: none was recorded.
        """
        return required(self.facts.repeat, "repeat")


FULL, CONTROLS = "full", "controls"
WINNER = "the winner"  # among the controls


def rung_name(epochs: int) -> str:
    """Name the level of short trainings of so many epochs."""
    return f"r{epochs}"


def epochs_of(level: str) -> int | None:
    """Return the length of a rung's trainings by its name; None for any other name."""
    length = level.removeprefix("r")
    return int(length) if level != length and length.isdecimal() else None


def in_order(levels: Collection[str]) -> list[str]:
    """Sort levels by their names: the shortest training first, full trainings and controls last."""
    rungs = {level: epochs for level in levels if (epochs := epochs_of(level))}
    return [*sorted(rungs, key=lambda level: rungs[level]), *(level for level in (FULL, CONTROLS) if level in levels)]


def length_in_words(level: str) -> str:
    """Write how long the trainings of a level are: `r8` as `8 epochs`, any other by its name."""
    epochs = epochs_of(level)
    return level if epochs is None else plural(epochs, "epoch")


def in_words(level: str) -> str:
    """Say what the trainings of a level are."""
    others = {FULL: "full trainings", CONTROLS: "control trainings"}
    return others.get(level) or f"short trainings of {length_in_words(level)}"


def complete(trials: Iterable[Trial]) -> list[Trial]:
    """Return the COMPLETE trials."""
    return [trial for trial in trials if trial.state is TrialState.COMPLETE]


def counted(trials: Sequence[Trial], *, over_budget: str) -> int:
    """Count the trials that `search.trials` asks for: those trained, and those that a sampler wasted over the budget.

    Args:
        trials: of the first rung.
        over_budget: "prune" where a sampler may waste some.
    """
    wasted = [
        trial for trial in trials if trial.state is TrialState.PRUNED and not required(trial.facts.seeded, "seeded")
    ]
    return len(complete(trials)) + (len(wasted) if over_budget == "prune" else 0)


def is_left_out(trial: Trial) -> bool:
    """Tell whether a trial only records that a network which was to be tried first is over a cap."""
    return trial.state is TrialState.PRUNED and bool(trial.facts.seeded)


def key_of(trial: Trial) -> tuple[str, int]:
    """Return what tells a trial of a level whose trainings are decided on from the others: network and repeat."""
    return trial.candidate.spec.id, trial.repeat


class Looks:
    """Every look that was recorded with a study."""

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
