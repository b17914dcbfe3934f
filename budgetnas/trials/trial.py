"""A trial as frozen facts, independent of Optuna."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from budgetnas.arch.spec import ResNetSpec
from budgetnas.trials.facts import TrialFacts, required


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
    """

    spec: ResNetSpec
    params: int
    macs: int
    origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One training of one network, or a network that was pruned untrained.

    Attributes:
        number: position in the study, from 0.
        candidate: the network.
        state: state of the training.
        score: validation accuracy after the last epoch, in [0, 1]; None unless COMPLETE.
        curve: validation accuracy by epoch, from 1.
        facts: all other recorded facts.
    """

    number: int
    candidate: Candidate
    state: TrialState
    score: float | None = None
    curve: dict[int, float] = field(default_factory=dict)
    facts: TrialFacts = field(default_factory=TrialFacts)

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
