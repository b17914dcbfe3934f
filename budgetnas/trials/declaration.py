"""A declared training: its network, its schedule and its seed, and what tells it from others of its study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from budgetnas.arch.spec import ResNetSpec
from budgetnas.trials.facts import required
from budgetnas.trials.trial import Candidate, Trial


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A part of a training with a schedule of its own.

    Attributes:
        epochs: its length.
        period: epochs over which the rate falls to 0, as if it were that long.
    """

    epochs: int
    period: int


def whole(epochs: int) -> tuple[Phase, ...]:
    """Return the phases of a training whose rate falls to 0 over all its epochs."""
    return (Phase(epochs=epochs, period=epochs),)


class TrainingKey(NamedTuple):
    """What tells a declared training from others of its study.

    Attributes:
        name: of the network.
        spec: its id.
        phases: (epochs, period of the schedule) of each part.
        repeat: number of the seed, from 0.
        epochs: how many are asked for.
    """

    name: str
    spec: str
    phases: tuple[tuple[int, int], ...]
    repeat: int
    epochs: int

    def is_repeat_of(self, other: TrainingKey) -> bool:
        """Tell whether the two differ in nothing but their seeds."""
        return self._replace(repeat=other.repeat) == other


def training_key(trial: Trial) -> TrainingKey:
    """Return the key of a declared training by its trial."""
    facts = trial.facts
    phases, epochs = required(facts.phases, "phases"), required(facts.asked_epochs, "asked_epochs")
    return TrainingKey(trial.candidate.origin, trial.candidate.spec.id, phases, trial.repeat, epochs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """One training to be done.

    Attributes:
        candidate: the network; its origin is the name that it goes by.
        phases: how long, and on which schedule.
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
        """Return the key of the training, which ends after `stop` epochs where its phases are longer."""
        phases = tuple((phase.epochs, phase.period) for phase in self.phases)
        epochs = self.epochs if stop is None else min(self.epochs, stop)
        return TrainingKey(self.candidate.origin, self.candidate.spec.id, phases, self.repeat, epochs)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Declaration:
        """Read what `to_json` wrote.

        Raises:
            KeyError: a key is missing.
            TypeError: a value has another type.
            UsageError: it is no network.
        """
        candidate = dict(content["candidate"])
        spec = ResNetSpec.from_json(candidate.pop("spec"))
        phases = tuple(Phase(epochs=phase["epochs"], period=phase["period"]) for phase in content["phases"])
        return cls(candidate=Candidate(spec=spec, **candidate), phases=phases, repeat=content["repeat"])

    def to_json(self) -> dict[str, Any]:
        """Return the declaration as JSON values."""
        return {**asdict(self), "candidate": {**asdict(self.candidate), "spec": self.candidate.spec.to_json()}}
