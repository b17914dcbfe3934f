"""What a search or a calibration is about to do, and how long it will take, from a few timed steps."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

from budgetnas.arch.spec import ResNetSpec
from budgetnas.exceptions import BudgetNASError
from budgetnas.outcome.costs import Cost
from budgetnas.outcome.setup import CALIBRATION, SEARCH
from budgetnas.pipeline.trials import Clock, end_of_level
from budgetnas.preparation.prepare import Prepared
from budgetnas.records.engine import Engine, Failed, Finished
from budgetnas.records.levels import rung_name
from budgetnas.training.tasks import Timed, TimeTask

TIMED_NETWORKS = 8
TIMED_STEPS = 2
_SAMPLE = 64
_FORWARD_SHARE = 1 / 3  # of a training step: backward costs about twice forward
_START_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The plan that is printed before anything trains.

    Attributes:
        prepared: the study.
        images_per_second: of one worker training networks of the band, all workers at it.
        costs: expected for what is left, a level each.
        kind: of the study, `SEARCH` or `CALIBRATION`.
        lines: what will be trained, in words, as (name, value).
        is_resumed: whether some of it was already done.
    """

    prepared: Prepared
    images_per_second: float
    costs: tuple[Cost, ...]
    kind: str = SEARCH
    lines: Sequence[tuple[str, str]] = ()
    is_resumed: bool = False

    def wall_seconds(self, cost: Cost) -> float:
        """Return how long a level will take with all workers at it; its last round may leave some of them idle."""
        workers = self.prepared.workers
        return cost.seconds / max(1, cost.trainings) * -(-cost.trainings // workers)

    @property
    def seconds(self) -> float:
        """Expected in all."""
        return _START_SECONDS + sum(map(self.wall_seconds, self.costs))

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


def make_plan(
    prepared: Prepared,
    engine: Engine,
    *,
    left: Mapping[str, int],
    kind: str = SEARCH,
    lines: Sequence[tuple[str, str]] = (),
    is_resumed: bool = False,
) -> Plan:
    """Time networks from all over the band on all workers, and work out the rest from them.

    Depth makes a network slow beside its MACs, so one network says little about the others. What a search promotes, and
    what it is compared with, is priced as the half of more MACs.

    Args:
        prepared: the study.
        engine: to time on.
        left: trainings that each level still asks for.
        kind: of the study.
        lines: what will be trained, in words, as (name, value).
        is_resumed: whether some were done before.

    Raises:
        BudgetNASError: not even these steps could be run.
    """
    per_image = _timed(prepared, engine, _spread(prepared))
    usual, large = mean(per_image), mean(per_image[len(per_image) // 2 :])
    drawn = left if kind == CALIBRATION else [rung_name(prepared.rungs[0])]
    return Plan(
        prepared=prepared,
        kind=kind,
        images_per_second=1 / usual,
        costs=tuple(
            _cost(prepared, level, number, usual if level in drawn else large) for level, number in left.items()
        ),
        lines=lines,
        is_resumed=is_resumed,
    )


def _spread(prepared: Prepared) -> list[ResNetSpec]:
    """Return networks of the bands in turn, from those of few MACs in a band to those of many."""
    rng = np.random.default_rng(0)
    draws = [tier.band.draw(_SAMPLE, rng=rng) for tier in prepared.tiers]
    found = []
    for i in range(TIMED_NETWORKS):
        members = draws[i % len(draws)]
        place = (2 * i + 1) * len(members) // (2 * TIMED_NETWORKS)
        found.append(prepared.space.decode(members.at(int(np.argsort(members.macs)[place])).point))
    return found


def _timed(prepared: Prepared, engine: Engine, specs: Sequence[ResNetSpec]) -> list[float]:
    """Return the seconds that a training step takes for an image of each network, all workers at it."""
    rounds = -(-len(specs) // engine.capacity)
    waiting = [i % len(specs) for i in range(rounds * engine.capacity)]
    seconds: list[list[float]] = [[] for _ in specs]
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
                    f"`--device {prepared.setting.device}` could not train a network of the band ({event.reason}): "
                    "try fewer --workers or another --device."
                )
            if isinstance(event, Finished):
                assert isinstance(event.result, Timed)
                seconds[running.pop(event.key)].append(event.result.seconds_per_image)
    return [mean(each) for each in seconds]


def _cost(prepared: Prepared, level: str, trainings: int, seconds_per_image: float) -> Cost:
    lengths = {rung_name(epochs): epochs for epochs in prepared.rungs}
    epochs = trainings * lengths.get(level, prepared.full_epochs)
    train = prepared.short_images if level in lengths else len(prepared.data.train)
    validation = len(prepared.data.validation)
    return Cost(
        level=level,
        trainings=trainings,
        epochs=epochs,
        images=epochs * train,
        seconds=epochs * seconds_per_image * (train + validation * _FORWARD_SHARE),
    )
