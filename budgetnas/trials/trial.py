"""A trial as frozen facts, independent of Optuna: its level of trainings, and its looks at the test set.

Levels are rungs of short trainings, full trainings, and controls. Looks are recorded by training and hash of the
weights, so that each counts once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from budgetnas.arch.spec import ResNetSpec
from budgetnas.text import plural
from budgetnas.trials.facts import Look, RunFacts, TrialFacts
from budgetnas.trials.record import required


class TrialState(StrEnum):
    """The states of a trial, named as Optuna names them."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAIL = "FAIL"

    @property
    def is_finished(self) -> bool:
        """Whether the trial cannot change any more."""
        return self in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A proposed network with its exact cost on the data set of the study.

    Attributes:
        spec: the architecture.
        params: trainable parameters.
        macs: multiply-accumulates for one image.
        origin: name of the model, or of the sampler that proposed it.
        bytes: most bytes of its exported file at the precision of the study; None where no cap asks.
        memory: peak of its tensors for one image in bytes, likewise.
    """

    spec: ResNetSpec
    params: int
    macs: int
    origin: str
    bytes: int | None = None
    memory: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One training of one network, or a network that was pruned untrained.

    Attributes:
        number: position in the study, from 0.
        candidate: the network.
        state: state of the training.
        score: of the study on validation after the last epoch, higher for a better network; None unless COMPLETE.
        curve: the same by epoch, from 1.
        facts: all other recorded facts.
    """

    number: int
    candidate: Candidate
    state: TrialState
    score: float | None = None
    curve: dict[int, float] = field(default_factory=dict)
    facts: TrialFacts = field(default_factory=TrialFacts)

    @property
    def accuracy(self) -> float | None:
        """Validation accuracy after the last epoch, in [0, 1]; None unless COMPLETE."""
        return self.score if self.facts.accuracy is None else self.facts.accuracy

    @property
    def root(self) -> int:
        """Number of the first-rung trial that this one was promoted from; its own on the first rung."""
        return self.number if self.facts.parent is None else self.facts.parent

    @property
    def seed(self) -> int:
        """Seed of the training.

        Raises:
            StorageError: no seed was recorded.
        """
        return required(self.facts.seed, "seed")

    @property
    def repeat(self) -> int:
        """Number of the seed among those of the network, from 0.

        Raises:
            StorageError: no number was recorded.
        """
        return required(self.facts.repeat, "repeat")


FULL, RANDOM, CONTROLS = "full", "random", "controls"
WINNER, BEST_RANDOM = "the winner", "the best random network"  # their names among the controls


def rung_name(epochs: int) -> str:
    """Return the name of the rung whose short trainings have so many epochs."""
    return f"r{epochs}"


def epochs_of(level: str) -> int | None:
    """Return the epochs of a rung by its name; None for another level."""
    length = level.removeprefix("r")
    return int(length) if level != length and length.isdecimal() else None


def in_order(levels: Collection[str]) -> list[str]:
    """Sort levels: rungs from short to long, then full trainings, those of random networks, and controls."""
    rungs = {level: epochs for level in levels if (epochs := epochs_of(level))}
    others = [level for level in (FULL, RANDOM, CONTROLS) if level in levels]
    return [*sorted(rungs, key=lambda level: rungs[level]), *others]


def length_in_words(level: str) -> str:
    """Write the length of a level's trainings: `r8` as `8 epochs`, another level by its name."""
    epochs = epochs_of(level)
    return level if epochs is None else plural(epochs, "epoch")


def in_words(level: str) -> str:
    """Name the trainings of a level: `short trainings of 8 epochs`, `full trainings`; `trainings` without a name."""
    others = {FULL: "full trainings", RANDOM: "full trainings of random networks", CONTROLS: "control trainings"}
    return others.get(level) or (f"short trainings of {length_in_words(level)}" if level else "trainings")


def complete(trials: Iterable[Trial]) -> list[Trial]:
    """Return the COMPLETE trials."""
    return [trial for trial in trials if trial.state is TrialState.COMPLETE]


_NO_SCORES: dict[str, Any] = {"loss": None, "accuracy": None, "interval": None, "classes": None}


def unscored(trials: Iterable[Trial]) -> list[Trial]:
    """Return trials without their scores, which mean nothing where networks learned from the images that score them."""
    return [replace(trial, score=None, curve={}, facts=replace(trial.facts, **_NO_SCORES)) for trial in trials]


def counted(trials: Sequence[Trial], *, over_budget: str) -> int:
    """Count the trials that `search.trials` limits: trained ones, and those that a sampler proposed over the budget.

    Args:
        trials: of the first rung.
        over_budget: "prune" if the sampler may propose networks over the budget.
    """
    wasted = [
        trial for trial in trials if trial.state is TrialState.PRUNED and not required(trial.facts.seeded, "seeded")
    ]
    return len(complete(trials)) + (len(wasted) if over_budget == "prune" else 0)


def is_left_out(trial: Trial) -> bool:
    """Return whether a trial only records that a network to try first is over a cap."""
    return trial.state is TrialState.PRUNED and bool(trial.facts.seeded)


def key_of(trial: Trial) -> tuple[str, int]:
    """Return the key of a training within its level: network and repeat."""
    return trial.candidate.spec.id, trial.repeat


class Looks:
    """The looks recorded with a study."""

    def __init__(self, facts: RunFacts) -> None:
        self._looks = facts.looks or {}

    def __len__(self) -> int:
        return len(self._looks)

    def of(self, run: Trial, level: str = "") -> Look | None:
        """Return the look with the weights of a training; None before it, or without weights."""
        return self._looks.get(look_key(run, level)) if run.facts.weights_sha256 else None

    def accuracies(self, runs: Iterable[Trial], level: str = "") -> list[float]:
        """Return the test accuracies, in [0, 1], of the trainings that were tested."""
        return [look.accuracy for look in self.seen(runs, level)]

    def seen(self, runs: Iterable[Trial], level: str = "") -> list[Look]:
        """Return the looks with the weights of these trainings."""
        return [look for run in runs if (look := self.of(run, level))]

    def untested(self, runs: Iterable[Trial], level: str = "") -> list[Trial]:
        """Return the trainings that were not tested."""
        return [run for run in runs if self.of(run, level) is None]


def look_key(run: Trial, level: str = "") -> str:
    """Return the key of a look: training, hash of its weights, and the level where a study has several."""
    return f"{level}{'/' if level else ''}{run.number}:{required(run.facts.weights_sha256, 'weights_sha256')}"
