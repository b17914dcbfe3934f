"""What a search is about to do, and how long it will take, from a few timed steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from budgetnas.exceptions import BudgetNASError
from budgetnas.pipeline.prepare import Prepared
from budgetnas.records.engine import Engine, Failed, Finished
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
        proxy_seconds: expected for the short trainings that are left.
        full_seconds: expected for the full trainings that are left.
        is_resumed: whether some were already done.
    """

    prepared: Prepared
    images_per_second: float
    proxy_seconds: float
    full_seconds: float
    is_resumed: bool = False

    @property
    def seconds(self) -> float:
        """Expected in all."""
        return _START_SECONDS + self.proxy_seconds + self.full_seconds


def make_plan(
    prepared: Prepared, engine: Engine, *, proxies_left: int | None = None, fulls_left: int | None = None
) -> Plan:
    """Time a network of the band's median MACs on every worker, and work out the rest from it.

    Args:
        prepared: the study.
        engine: to time on.
        proxies_left: how many short trainings are left; all of them unless given.
        fulls_left: how many full trainings are left; all of them unless given.

    Raises:
        BudgetNASError: not even these steps could be run.
    """
    draws = prepared.band.draw(_SAMPLE, rng=np.random.default_rng(0))
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
    mean_macs = float(draws.macs.mean())
    per_epoch = slowest / median.macs * mean_macs * _images(prepared)
    config, workers = prepared.config, prepared.workers
    all_fulls = min(config.full.promote, config.search.trials) * config.full.repeats
    proxies = config.search.trials if proxies_left is None else proxies_left
    fulls = all_fulls if fulls_left is None else fulls_left
    return Plan(
        prepared=prepared,
        images_per_second=1 / slowest,
        proxy_seconds=per_epoch * prepared.proxy_epochs * proxies / workers,
        full_seconds=per_epoch * prepared.full_epochs * -(-fulls // workers),
        is_resumed=proxies < config.search.trials,
    )


def _images(prepared: Prepared) -> float:
    """Return the images of one epoch, those of validation by their cost."""
    return len(prepared.data.train) + len(prepared.data.validation) * _FORWARD_SHARE
