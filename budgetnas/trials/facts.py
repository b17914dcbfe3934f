"""The facts that a study records of a run and of each trial. Nothing else knows the keys that they are stored under.

`from_json` reads JSON values by key and `to_json` writes them. An absent key is None, and None is not written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from types import UnionType
from typing import Any, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from budgetnas.exceptions import StorageError

T = TypeVar("T")
Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """Recorded values by name.

    Attributes:
        others: keys that this version does not know or that are null, as they were recorded.
    """

    others: Json = field(default_factory=dict)

    @classmethod
    def from_json(cls, content: Json) -> Self:
        """Read JSON values.

        Raises:
            ValueError: a value has a type that no version of this program records.
            TypeError: a key is missing that every version records.
        """
        form = cls._form()
        values: dict[str, Any] = {}
        others: dict[str, Any] = {}
        for key, value in content.items():
            if value is None or key not in form:
                others[key] = value
            else:
                name, hint = form[key]
                values[name] = _read(hint, value, key)
        return cls(**values, others=others)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; `from_json` reads them back."""
        values = {key: getattr(self, name) for key, (name, _) in self._form().items()}
        return {**{key: to_json(value) for key, value in values.items() if value is not None}, **self.others}

    @classmethod
    def _form(cls) -> dict[str, tuple[str, Any]]:
        kind: Any = cls
        return _form_of(kind)


def to_json(value: Any) -> Any:
    """Return a fact, or a collection of facts, as JSON values."""
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, Mapping):
        return {key: to_json(part) for key, part in value.items()}
    return list(map(to_json, value)) if isinstance(value, tuple | list) else value


def required(value: T | None, key: str) -> T:
    """Return a fact that every version of this program records.

    Raises:
        StorageError: it is absent.
    """
    if value is None:
        raise StorageError(
            f"`{key}` was not recorded, so another version of this program made the run, or its study is damaged: "
            "restore a copy, or run it again under another name."
        )
    return value


@cache
def _form_of(kind: type[Record]) -> dict[str, tuple[str, Any]]:
    """Return the name and the type of every field of a record by its stored key, in the order of writing."""
    types, own = get_type_hints(kind), (one for one in fields(kind) if one.name != "others")
    return {one.metadata.get("key", one.name): (one.name, types[one.name]) for one in own}


def _read(hint: Any, value: Any, key: str) -> Any:
    """Return a JSON value as the type that a field has."""
    kind, inner = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):  # with None
        return _read(inner[0], value, key)
    if kind is tuple and isinstance(value, list | tuple):
        each = inner[:1] * len(value) if inner[-1] is ... else inner
        if len(each) == len(value):
            return tuple(_read(part, one, key) for part, one in zip(each, value, strict=True))
    elif kind is Mapping and isinstance(value, Mapping):
        return {name: _read(inner[1], one, f"{key}.{name}") for name, one in value.items()}
    elif kind is None and (hint is Any or type(value) is hint or (hint is float and type(value) is int)):
        return value
    elif kind is None and issubclass(hint, Record) and isinstance(value, Mapping):
        return hint.from_json(value)
    raise ValueError(f"`{key}` is {value!r:.60}, which no version of this program records")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialFacts(Record):
    """What is known of a trial beside its network, its state and its scores.

    Attributes:
        seeded: in a first rung, whether it is one of the networks that are tried first.
        repeat: above the first rung, number of the seed, from 0.
        seed: of the training.
        utilisation: params as a share of the largest cap.
        parent: above the first rung of a search, number of the first-rung trial that it was promoted from.
        lineage: with it, the trials below, such as `r8/5`.
        phases: of a declared training, (epochs, period of the schedule) of each part.
        asked_epochs: of a declared training, how many are asked for.
        declared_epochs: of a declared training, length of all phases.
        precision: of a declared training, "fp32" or "bf16".
        device: of a declared training, the hardware in words.
        seconds: that it took.
        images: that it learned from, epochs counted.
        epochs: that it took.
        train_loss: mean over the last epoch.
        loss: of the watched split after the last epoch.
        notices: what its user must know, a line each.
        weights: file of the weights, in the folder of the run.
        weights_sha256: hash of that file.
        curve: of a declared training, the file with a row per epoch.
        reason: why it was pruned or failed.
        diverged: whether a failed training failed because of its own numbers.
    """

    seeded: bool | None = None
    repeat: int | None = None
    seed: int | None = None
    utilisation: float | None = None
    parent: int | None = None
    lineage: tuple[str, ...] | None = None
    phases: tuple[tuple[int, int], ...] | None = None
    asked_epochs: int | None = None
    declared_epochs: int | None = None
    precision: str | None = None
    device: str | None = None
    seconds: float | None = None
    images: int | None = None
    epochs: int | None = None
    train_loss: float | None = None
    loss: float | None = None
    notices: tuple[str, ...] | None = None
    weights: str | None = None
    weights_sha256: str | None = None
    curve: str | None = None
    reason: str | None = None
    diverged: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion(Record):
    """The decision who goes up from one rung, by number of the first-rung trial.

    Attributes:
        to: name of the level above; None in runs that recorded none, where it is the full trainings.
        best: those that earned it, best first, tier by tier.
        named: the `search.first_models`, whatever they scored: nothing wins that has not beaten them fully trained.
        random: those that chance chose, whatever they scored; some may be among the best.
    """

    to: str | None = None
    best: tuple[int, ...]
    named: tuple[int, ...] | None = None
    random: tuple[int, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((*self.best, *(self.named or ()), *self.random)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice(Record):
    """The choice of a winner, recorded before the test set is read.

    Attributes:
        winner: number of its first-rung trial.
        spec: id of the network.
        score: its mean validation accuracy after full training, in [0, 1].
        repeats: seeds of that mean.
        among: how many finalists there were.
        tiers: with several caps, id of the winner under each.
    """

    winner: int
    spec: str
    score: float
    repeats: int
    among: int
    tiers: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Control(Record):
    """A network that the winner is compared with.

    Attributes:
        name: that it goes by.
        spec: id of the network.
        params: trainable parameters.
        macs: multiply-accumulates for one image.
    """

    name: str
    spec: str
    params: int
    macs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Look(Record):
    """A look at the test set: how many of `images` were right."""

    correct: int
    images: int

    @property
    def accuracy(self) -> float:
        """The share that was right, in [0, 1]."""
        return self.correct / self.images


@dataclass(frozen=True, kw_only=True, slots=True)
class Takeover(Record):
    """Short trainings that were copied from another run.

    Attributes:
        source: name of that run.
        is_whole: whether the copy is complete.
        drivers: who trained them.
        trainings: how many were copied, by level.
    """

    source: str = field(metadata={"key": "from"})
    is_whole: bool
    drivers: tuple[Json, ...]
    trainings: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFacts(Record):
    """What is known of a run as a whole: all of it as it is read, or the part that changes as it is written.

    Attributes:
        identity: the settings that results depend on, by dotted keys, as the run was started.
        bands: fewest and most params of each tier.
        setup: how the last driver set it up; `runs.settings` reads it.
        drivers: who trained it, first to last: command, start, hardware, versions, commit, settings.
        stopped: why a search ended.
        promotions: who went up from each rung, by the trainings that were there then.
        choices: every winner that was ever chosen, the latest last.
        controls: the networks that the winner is compared with.
        looks: every look at the test set, by `looks.look_key`.
        taken: short trainings from another run.
        drawn: of a calibration, ids of the networks that the last driver asked for.
        exhausted: of a first rung, whether its sampler had nothing left to propose.
        lease: which driver holds it; `storage.lease` writes it.
    """

    identity: Json | None = None
    bands: tuple[tuple[int, int], ...] | None = None
    setup: Json | None = None
    drivers: tuple[Json, ...] | None = None
    stopped: str | None = None
    promotions: Mapping[str, Promotion] | None = None
    choices: tuple[Choice, ...] | None = None
    controls: tuple[Control, ...] | None = None
    looks: Mapping[str, Look] | None = None
    taken: Takeover | None = None
    drawn: tuple[str, ...] | None = None
    exhausted: bool | None = None
    lease: Json | None = None
