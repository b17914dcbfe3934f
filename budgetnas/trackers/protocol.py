"""The protocol of a tracker: what it is given of a training and of a whole run."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Protocol

Place = tuple[str, int]  # a metric, and an epoch from 1


class Point(NamedTuple):
    """A point of a learning curve.

    Attributes:
        metric: like "validation/accuracy", or another score by its name.
        epoch: from 1.
        value: a share in [0, 1], or a loss.
    """

    metric: str
    epoch: int
    value: float

    @property
    def place(self) -> Place:
        """What no other point of its training has."""
        return self.metric, self.epoch


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """A training, which is one run of a tracker.

    Attributes:
        key: what no other training has, also of other runs of the same name; a resumed training keeps it.
        name: for people, like "r3/5-1x16".
        settings: what it was started with: network, params, MACs, level, epochs, seed.
    """

    key: str
    name: str
    settings: Mapping[str, str | int]

    @property
    def id(self) -> str:
        """The key as 16 hexadecimal digits."""
        return sha256(self.key.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True, slots=True)
class Final:
    """What came out of a whole run.

    Attributes:
        numbers: accuracies in [0, 1] and counts, by name.
        words: sentences and names, by name.
        files: files and folders of the run, which are there.
    """

    numbers: Mapping[str, float]
    words: Mapping[str, str]
    files: Sequence[Path] = field(default=())


class Tracker(Protocol):
    """Keeps trainings of one run. All calls come from one thread, and any of them may raise anything."""

    def begin(self, training: Training) -> Container[Place] | None:
        """Open a training, new or resumed; return the points that it has already, None if it has ended before."""

    def write(self, training: Training, points: Sequence[Point]) -> None:
        """Add points that the training does not have."""

    def end(self, training: Training, *, failed: bool) -> None:
        """End a training for good."""

    def conclude(self, training: Training, final: Final) -> None:
        """Keep what came out of the whole run as a training of its own, in place of what an earlier driver kept."""

    def close(self) -> None:
        """Write everything and let go; what has not ended can be resumed."""
