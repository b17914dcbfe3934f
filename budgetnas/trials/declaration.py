"""A declared training: its network, its schedule, its seed, and its key in a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from budgetnas.arch.spec import ResNetSpec
from budgetnas.trials.record import required
from budgetnas.trials.trial import Candidate, Trial


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A part of a training with a schedule of its own.

    Attributes:
        epochs: its length.
        period: epochs over which the learning rate falls to 0; a longer period than `epochs` is cut off.
    """

    epochs: int
    period: int


def whole(epochs: int) -> tuple[Phase, ...]:
    """Return the only phase of a training whose learning rate falls to 0 over all its epochs."""
    return (Phase(epochs=epochs, period=epochs),)


class TrainingKey(NamedTuple):
    """The key of a declared training within its study.

    Attributes:
        name: name of the network.
        spec: id of the network.
        phases: (epochs, period) of each phase.
        repeat: number of the seed, from 0.
        epochs: epochs to train.
    """

    name: str
    spec: str
    phases: tuple[tuple[int, int], ...]
    repeat: int
    epochs: int

    def is_repeat_of(self, other: TrainingKey) -> bool:
        """Return whether the two differ only in their seeds."""
        return self._replace(repeat=other.repeat) == other


def training_key(trial: Trial) -> TrainingKey:
    """Return the key of a declared training from its trial."""
    facts = trial.facts
    phases, epochs = required(facts.phases, "phases"), required(facts.asked_epochs, "asked_epochs")
    return TrainingKey(trial.candidate.origin, trial.candidate.spec.id, phases, trial.repeat, epochs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """One training to do.

    Attributes:
        candidate: the network; its origin is its name.
        phases: length and schedule.
        repeat: number of the seed, from 0.
    """

    candidate: Candidate
    phases: tuple[Phase, ...]
    repeat: int

    @property
    def epochs(self) -> int:
        """Length of all phases."""
        return sum(phase.epochs for phase in self.phases)

    def key(self, stop: int | None) -> TrainingKey:
        """Return the key of the training if it stops after `stop` epochs at the latest."""
        phases = tuple((phase.epochs, phase.period) for phase in self.phases)
        epochs = self.epochs if stop is None else min(self.epochs, stop)
        return TrainingKey(self.candidate.origin, self.candidate.spec.id, phases, self.repeat, epochs)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Declaration:
        """Read the JSON values of `to_json`.

        Raises:
            KeyError: a key is missing.
            TypeError: a value has a wrong type.
            UsageError: the values describe no network.
        """
        candidate = dict(content["candidate"])
        spec = ResNetSpec.from_json(candidate.pop("spec"))
        phases = tuple(Phase(epochs=phase["epochs"], period=phase["period"]) for phase in content["phases"])
        return cls(candidate=Candidate(spec=spec, **candidate), phases=phases, repeat=content["repeat"])

    def to_json(self) -> dict[str, Any]:
        """Return the declaration as JSON values."""
        candidate = {**asdict(self.candidate), "spec": self.candidate.spec.to_json()}
        for size in ("bytes", "memory"):
            if candidate[size] is None:
                del candidate[size]
        return {**asdict(self), "candidate": candidate}
