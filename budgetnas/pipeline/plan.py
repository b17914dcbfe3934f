"""The plan of a search or a calibration, with its duration estimated from a few timed networks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

from budgetnas.arch.spec import ResNetSpec
from budgetnas.budget import room
from budgetnas.engine.protocol import Engine, Failed, Finished
from budgetnas.exceptions import BudgetNASError
from budgetnas.pipeline.class_sizes import uneven_classes
from budgetnas.pipeline.cpu_speed import slow_on_cpu
from budgetnas.pipeline.length import length_notes
from budgetnas.pipeline.loop import Clock, end_of_level
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.runs.costs import Cost
from budgetnas.system import phase
from budgetnas.training.tasks import STATE_SECONDS, TimeTask, Timing
from budgetnas.trials.trial import CONTROLS, FULL, RANDOM, in_words, rung_name

TIMED_NETWORKS = 8
TIMED_STEPS = 2
_SAMPLE = 64
_END_SECONDS = 5.0  # certificate, tables, report
_TRAINING_SECONDS = 0.1  # that the driver takes for one training: proposal, storage
_STATE_SECONDS = 0.3 / 40e6  # of writing a byte of a state
_STATE_COPIES = 3  # of all weights in a state: weights, momentum, running mean or slow weights
_WEIGHT_BYTES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """The seconds that networks of a kind take on one worker while all workers are busy.

    Attributes:
        step: seconds of a training step for an image.
        validation: seconds of scoring an image.
        start: seconds of a training before its steps have their usual length.
        state: seconds of writing a state.
    """

    step: float
    validation: float
    start: float
    state: float = 0.0

    def training(self, *, epochs: int, train: int, validation: int) -> float:
        """Return the seconds of one training on so many images."""
        return self.start + epochs * (self.step * train + self.validation * validation)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The plan that is printed before anything trains.

    Attributes:
        prepared: the study.
        usual: pace of networks of the band.
        large: pace of those of more MACs, which are promoted.
        costs: expected for what is left, a level each.
        networks: that were drawn for a calibration; 0 for a search.
        is_resumed: whether some trainings are finished.
        seed_sd: standard deviation of an accuracy over seeds in points, where the run has it.
    """

    prepared: PreparedStudy
    usual: Pace
    large: Pace
    costs: tuple[Cost, ...]
    networks: int = 0
    is_resumed: bool = False
    seed_sd: float | None = None

    def wall_seconds(self, cost: Cost) -> float:
        """Return how long a level will take with all workers at it; its last round may leave some of them idle."""
        return self.training_seconds(cost) * -(-cost.trainings // self.prepared.workers)

    def training_seconds(self, cost: Cost) -> float:
        """Return how long one training of a level keeps its worker."""
        seconds = cost.seconds / max(1, cost.trainings)
        states = seconds / STATE_SECONDS + (cost.level in (FULL, RANDOM, CONTROLS))
        return _TRAINING_SECONDS + seconds + self.large.state * states

    @property
    def notes(self) -> list[str]:
        """What may not be as wanted, a line each: uneven classes, keys of a recipe, slow kinds."""
        study, config = self.prepared, self.prepared.config
        shortest = study.rungs[0]
        short = length_notes(study.proxy, config.proxy.recipe, images=study.short_images, epochs=shortest)
        full = length_notes(study.full, config.full.recipe, images=len(study.data.train), epochs=study.full_epochs)
        groups = {width or None for width in study.space.group_widths}
        slow = slow_on_cpu(study.space.kinds, groups) if study.hardware.device == "cpu" else None
        uneven = uneven_classes(study.data, config.data.class_weights, config.search.score)
        return [
            *([uneven] if uneven else []),
            *(f"{in_words(rung_name(shortest))}, {note}" for note in short),
            *(f"{in_words(FULL)}, {note}" for note in full),
            *([slow] if slow else []),
        ]

    @property
    def seconds(self) -> float:
        """Expected in all."""
        return _END_SECONDS + sum(map(self.wall_seconds, self.costs))

    @property
    def is_cut_off(self) -> bool:
        """Whether `engine.max_hours` end before the plan does."""
        hours = self.prepared.config.engine.max_hours
        return hours is not None and 3600 * hours < self.seconds

    def seconds_after(self, level: str) -> float:
        """Return how long everything after a level will take."""
        names = [cost.level for cost in self.costs]
        return sum(map(self.wall_seconds, self.costs[names.index(level) + 1 :]))

    def clock(self, level: str, *, since: float) -> Clock:
        """Return the time that trainings of a level may start in: its share of the hours that the driver has.

        Args:
            level: that is about to begin.
            since: when the driver began, by `time.monotonic`.
        """
        hours = self.prepared.config.engine.max_hours
        if hours is None:
            return Clock(None)
        elapsed = time.monotonic() - since
        return Clock(end_of_level(3600 * hours, elapsed=elapsed, after=self.seconds_after(level)), since=since)


@phase("timing a few steps")
def make_plan(
    prepared: PreparedStudy,
    engine: Engine,
    *,
    left: Mapping[str, int],
    networks: int = 0,
    is_resumed: bool = False,
    seed_sd: float | None = None,
) -> Plan:
    """Time networks across the band on all workers, and estimate the rest from them.

    Depth makes a network slow for its MACs, so one network says little about the others. Promoted networks and controls
    are priced like the half of the band with more MACs. Steps, validation and start are measured; writing a state is
    not.

    Args:
        prepared: the study.
        engine: to time on.
        left: trainings that each level still asks for.
        networks: that were drawn for a calibration; 0 for a search.
        is_resumed: whether some trainings are finished.
        seed_sd: standard deviation of an accuracy over seeds in points, where the run has it.

    Raises:
        BudgetNASError: not even these steps could be run.
    """
    timed = _timed(prepared, engine, _spread(prepared))
    caps = prepared.budget
    params = room(caps.max_params, caps.max_bytes, caps.weights) or prepared.cap
    usual, large = _pace(timed, params), _pace(timed[len(timed) // 2 :], params)
    return Plan(
        prepared=prepared,
        usual=usual,
        large=large,
        costs=expected_costs(prepared, left, usual=usual, large=large),
        networks=networks,
        is_resumed=is_resumed,
        seed_sd=seed_sd,
    )


def expected_costs(
    prepared: PreparedStudy, left: Mapping[str, int], *, usual: Pace, large: Pace, share: float = 1.0
) -> tuple[Cost, ...]:
    """Return what each level will cost.

    Args:
        prepared: the study.
        left: trainings that each level still asks for.
        usual: pace of networks drawn from the band.
        large: pace of the promoted.
        share: of the images that the study would have, where it is asked what fewer would cost.
    """
    drawn = [rung_name(prepared.rungs[0]), RANDOM] if prepared.kind.promotes else left
    return tuple(
        _cost(prepared, level, number, usual if level in drawn else large, share) for level, number in left.items()
    )


def _pace(timed: Sequence[Timing], params: int) -> Pace:
    return Pace(
        step=mean(one.seconds_per_image for one in timed),
        validation=mean(one.validation_seconds_per_image for one in timed),
        start=mean(one.start_seconds for one in timed),
        state=_STATE_SECONDS * _STATE_COPIES * _WEIGHT_BYTES * params,
    )


def _spread(prepared: PreparedStudy) -> list[ResNetSpec]:
    """Return networks of the bands in turn, from those of few MACs in a band to those of many."""
    rng = np.random.default_rng(0)
    draws = [tier.band.draw(_SAMPLE, rng=rng) for tier in prepared.tiers]
    found = []
    for i in range(TIMED_NETWORKS):
        members = draws[i % len(draws)]
        place = (2 * i + 1) * len(members) // (2 * TIMED_NETWORKS)
        found.append(prepared.space.decode(members.at(int(np.argsort(members.macs)[place])).point))
    return found


def _timed(prepared: PreparedStudy, engine: Engine, specs: Sequence[ResNetSpec]) -> list[Timing]:
    """Return the seconds of each network while all workers are busy."""
    rounds = -(-len(specs) // engine.capacity)
    waiting = [i % len(specs) for i in range(rounds * engine.capacity)]
    timed: list[list[Timing]] = [[] for _ in specs]
    running: dict[str, int] = {}
    while waiting or running:
        while waiting and len(running) < engine.capacity:
            i = waiting.pop(0)
            key = f"time-{len(waiting)}"
            running[key] = i
            task = TimeTask(setting=prepared.setting, spec=specs[i], recipe=prepared.proxy, steps=TIMED_STEPS)
            engine.submit(key, task)
        for event in engine.wait(1.0):
            if isinstance(event, Failed):
                raise BudgetNASError(
                    f"is {prepared.setting.device}, but cannot train a network of the band ({event.reason}): try "
                    "fewer `engine.workers` or another `engine.device`.",
                    argument="engine.device",
                )
            if isinstance(event, Finished):
                assert isinstance(event.result, Timing)
                timed[running.pop(event.key)].append(event.result)
    return [_mean(each) for each in timed]


def _mean(timed: Sequence[Timing]) -> Timing:
    return Timing(
        seconds_per_image=mean(one.seconds_per_image for one in timed),
        validation_seconds_per_image=mean(one.validation_seconds_per_image for one in timed),
        start_seconds=mean(one.start_seconds for one in timed),
    )


def _cost(prepared: PreparedStudy, level: str, trainings: int, pace: Pace, share: float) -> Cost:
    lengths = {rung_name(epochs): epochs for epochs in prepared.rungs}
    epochs = lengths.get(level, prepared.full_epochs)
    train = round(share * (prepared.short_images if level in lengths else len(prepared.data.train)))
    validation = round(share * len(prepared.data.validation))
    if level == CONTROLS and prepared.config.evidence.refit:
        train += validation
    return Cost(
        level=level,
        trainings=trainings,
        epochs=trainings * epochs,
        images=trainings * epochs * train,
        seconds=trainings * pace.training(epochs=epochs, train=train, validation=validation),
    )
