"""The facts that a study records of a run and of each trial. No other module knows their stored keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from budgetnas.trials.record import Json, Record


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassResults(Record):
    """How the images of each class were classified.

    Attributes:
        correct: correctly classified images of each class, by label.
        images: images of each class.
        confusion: images by true class (row) and predicted class (column), as `arrays.packed_counts` writes them; None
            for more than 200 classes.
    """

    correct: tuple[int, ...]
    images: tuple[int, ...]
    confusion: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialFacts(Record):
    """The facts of a trial besides its network, state and scores.

    Attributes:
        seeded: in a first rung, whether the network is one of those that are tried first.
        repeat: above the first rung, number of the seed, from 0.
        seed: seed of the training.
        utilisation: params as a share of the largest cap.
        parent: above the first rung of a search, number of the first-rung trial that it was promoted from.
        lineage: the trials that led to it, such as `r8/5`; recorded with `parent`.
        phases: of a declared training, (epochs, period) of each phase.
        asked_epochs: of a declared training, epochs to train.
        declared_epochs: of a declared training, epochs of all phases.
        precision: of a declared training, "fp32" or "bf16".
        device: of a declared training, the hardware in words.
        seconds: wall time of the training.
        images: images that it trained on, summed over epochs.
        epochs: epochs that it trained.
        train_loss: mean training loss over the last epoch.
        loss: loss on the watched split after the last epoch.
        accuracy: accuracy on it after the last epoch, in [0, 1]; None where that is the score.
        interval: of the score at 95 % over the images, low and high; None where that is an accuracy.
        classes: of a full training, the results of each class on it after the last epoch; None in older runs.
        losses: mean training loss and loss on the watched split, of 6 digits each, epoch by epoch; recorded when a
            training has finished, with the epochs of an earlier driver.
        notices: warnings, a line each.
        weights: file of the weights, in the folder of the run.
        weights_sha256: hash of that file.
        curve: of a declared training, the file with a row per epoch.
        reason: why it was pruned or failed.
        diverged: whether it failed because the training diverged.
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
    accuracy: float | None = None
    interval: tuple[float, float] | None = None
    classes: ClassResults | None = None
    losses: tuple[tuple[float, float], ...] | None = None
    notices: tuple[str, ...] | None = None
    weights: str | None = None
    weights_sha256: str | None = None
    curve: str | None = None
    reason: str | None = None
    diverged: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion(Record):
    """The promotions from one rung, as numbers of first-rung trials.

    Attributes:
        to: name of the level above, or "finals" for those of the fully trained that get all seeds; None in runs that
            recorded none, which means full trainings.
        best: promoted for their scores, best first, tier by tier.
        named: the `search.first_models`, promoted whatever their scores: a winner must beat them fully trained.
        random: drawn at random, whatever their scores; some may also be among the best.
        spread: how much the posterior means of the best spread, in units of the luck of one training of the rung; None
            where that is not known.
    """

    to: str | None = None
    best: tuple[int, ...]
    named: tuple[int, ...] | None = None
    random: tuple[int, ...]
    spread: float | None = None

    @property
    def numbers(self) -> tuple[int, ...]:
        """All promoted trials, each once."""
        return tuple(dict.fromkeys((*self.best, *(self.named or ()), *self.random)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice(Record):
    """The choice of a winner, recorded before the test set is read.

    Attributes:
        winner: number of the first-rung trial of the winner.
        spec: id of the network.
        score: mean validation score after full training.
        repeats: number of seeds in that mean.
        among: number of finalists.
        tiers: with several caps, id of the winner under each.
        trainings: where the posterior mean decided, number of full trainings that it was computed from.
    """

    winner: int
    spec: str
    score: float
    repeats: int
    among: int
    tiers: Mapping[str, str] | None = None
    trainings: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Control(Record):
    """A network that the winner is compared with.

    Attributes:
        name: name in tables.
        spec: id of the network.
        params: trainable parameters.
        macs: multiply-accumulates for one image.
    """

    name: str
    spec: str
    params: int
    macs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RandomArm(Record):
    """The random networks of the control at equal cost, recorded before the first of them is trained.

    Costs are counted, in MACs of a forward pass (`trials.counted_cost`).

    Attributes:
        search_cost: of all trainings of the search that ended well.
        cost: of one full training of each of these networks.
        shared: ids of those that are of the search's random start, which it has fully trained.
        drawn: ids of those that are trained for this control alone, in the order of drawing.
    """

    search_cost: int
    cost: int
    shared: tuple[str, ...]
    drawn: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Look(Record):
    """A look at the test set.

    Attributes:
        correct: number of images that were classified correctly.
        images: number of images.
        right: of a winner or control trained again, which they are, as `arrays.packed` writes it; None in older runs.
        score: of the study, higher for a better network; None where that is the accuracy.
        interval: of the score at 95 % over the images, low and high; None where that is an accuracy.
        parts: of a winner or control trained again, the part of each image in the score, as `arrays.packed_numbers`
            writes it; None where the score is the accuracy.
        classes: the results of each class; None in older runs.
    """

    correct: int
    images: int
    right: str | None = None
    score: float | None = None
    interval: tuple[float, float] | None = None
    parts: str | None = None
    classes: ClassResults | None = None

    @property
    def accuracy(self) -> float:
        """The share of correct images, in [0, 1]."""
        return self.correct / self.images

    @property
    def scored(self) -> float:
        """The score of the study, which is the accuracy unless another was recorded."""
        return self.accuracy if self.score is None else self.score


@dataclass(frozen=True, kw_only=True, slots=True)
class LookRule(Record):
    """The rule of sequential looks, recorded before the first of them.

    Attributes:
        seeds: of the winner and of each control at every look, rising.
        level: of the interval at each look, in (0, 1).
    """

    seeds: tuple[int, ...]
    level: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Takeover(Record):
    """Short trainings that were copied from another run.

    Attributes:
        source: name of that run.
        is_whole: whether the copy is complete.
        drivers: the drivers that trained them.
        trainings: number of copied trainings, by level.
    """

    source: str = field(metadata={"key": "from"})
    is_whole: bool
    drivers: tuple[Json, ...]
    trainings: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFacts(Record):
    """The facts of a run as a whole: all of them when read, only the changed ones when written.

    Attributes:
        identity: the settings that results depend on, by dotted keys, as the run was started.
        bands: fewest and most params of each tier.
        setup: settings of the last driver; `runs.settings` reads it.
        drivers: the drivers, first to last: command, start, hardware, versions, commit, settings.
        stopped: why a search ended.
        early: networks to train fully between the short trainings, as numbers of these in the order of decision, by the
            number of the short training before which it was decided.
        promotions: promotions from each rung, keyed by the trainings that had finished then.
        choices: every winner ever chosen, the latest last.
        controls: the networks that the winner is compared with.
        random_arms: the random networks of the control at equal cost, the latest decision last.
        look_rule: of the sequential looks at winner and controls; None without them.
        refit: whether winner and controls learned from training and validation images together when trained again.
        looks: every look at the test set, by `looks.look_key`.
        taken: short trainings from another run.
        drawn: of a calibration, ids of the networks that the last driver requested.
        exhausted: of a first rung, whether its sampler had nothing left to propose.
        hopeless: of a first rung, whether a new network was unlikely to be shown better than the best one.
        lease: the driver that holds the run; `storage.lease` writes it.
    """

    identity: Json | None = None
    bands: tuple[tuple[int, int], ...] | None = None
    setup: Json | None = None
    drivers: tuple[Json, ...] | None = None
    stopped: str | None = None
    early: Mapping[str, tuple[int, ...]] | None = None
    promotions: Mapping[str, Promotion] | None = None
    choices: tuple[Choice, ...] | None = None
    controls: tuple[Control, ...] | None = None
    random_arms: tuple[RandomArm, ...] | None = None
    look_rule: LookRule | None = None
    refit: bool | None = None
    looks: Mapping[str, Look] | None = None
    taken: Takeover | None = None
    drawn: tuple[str, ...] | None = None
    exhausted: bool | None = None
    hopeless: bool | None = None
    lease: Json | None = None
