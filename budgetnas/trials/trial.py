"""A trial as frozen facts, independent of Optuna."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from budgetnas.arch.spec import ResNetSpec


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
        attrs: everything else that was recorded (seconds, reason, parent, seed, hashes), JSON values.
    """

    number: int
    candidate: Candidate
    state: TrialState
    score: float | None = None
    curve: dict[int, float] = field(default_factory=dict)
    attrs: dict[str, Any] = field(default_factory=dict)

    @property
    def root(self) -> int:
        """Number of the first-rung trial that this one goes back to: its own on the first rung."""
        return int(self.attrs.get("parent", self.number))
