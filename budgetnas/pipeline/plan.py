"""What a search or a calibration is about to do, and how long it will take, from a few timed steps."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from budgetnas.exceptions import BudgetNASError
from budgetnas.outcome.costs import Cost
from budgetnas.pipeline.prepare import Prepared
from budgetnas.pipeline.trials import Clock, end_of_level
from budgetnas.records.engine import Engine, Failed, Finished
from budgetnas.records.levels import rung_name
from budgetnas.space.members import Members
from budgetnas.training.tasks import Timed, TimeTask

TIMED_STEPS = 2
_SAMPLE = 64
_FORWARD_SHARE = 1 / 3  # of a training step: backward costs about twice forward
_START_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The plan that is printed before anything trains.

    Attributes:
        prepared: the study.
        images_per_second: of one worker training the band's median network, all workers at it.
        costs: expected for what is left, a level each.
        lines: what will be trained, in words, as (name, value).
        is_resumed: whether some of it was already done.
    """

    prepared: Prepared
    images_per_second: float
    costs: tuple[Cost, ...]
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
    lines: Sequence[tuple[str, str]] = (),
    is_resumed: bool = False,
) -> Plan:
    """Time a network of median MACs on every worker, and work out the rest from it.

    Args:
        prepared: the study.
        engine: to time on.
        left: trainings that each level still asks for.
        lines: what will be trained, in words, as (name, value).
        is_resumed: whether some were done before.

    Raises:
        BudgetNASError: not even these steps could be run.
    """
    bands = [tier.band for tier in prepared.tiers]
    rng = np.random.default_rng(0)
    draws = Members.join([band.draw(_SAMPLE, rng=rng) for band in bands])
    median = draws.at(int(np.argsort(draws.macs)[len(draws) // 2]))
    task = TimeTask(
        setting=prepared.setting,
        spec=prepared.space.decode(median.point),
        recipe=prepared.proxy,
        steps=TIMED_STEPS,
    )
    for i in range(engine.capacity):
        engine.submit(f"time-{i}", task)
    per_image: list[float] = []
    while len(per_image) < engine.capacity:
        for event in engine.wait(1.0):
            if isinstance(event, Failed):
                raise BudgetNASError(
                    f"`--device {prepared.setting.device}` could not train a network of the band ({event.reason}): "
                    "try fewer --workers or another --device."
                )
            if isinstance(event, Finished):
                assert isinstance(event.result, Timed)
                per_image.append(event.result.seconds_per_image)
    slowest = max(per_image)
    per_image_of_mean = slowest / median.macs * float(draws.macs.mean())
    return Plan(
        prepared=prepared,
        images_per_second=1 / slowest,
        costs=tuple(_cost(prepared, level, number, per_image_of_mean) for level, number in left.items()),
        lines=lines,
        is_resumed=is_resumed,
    )


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
