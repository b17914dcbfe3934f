"""The two jobs that declare their trainings: one network under a recipe, and the report's models as it trained them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from budgetnas.arch.spec import ResNetSpec
from budgetnas.complexity.counter import count
from budgetnas.config.models import NamedModel
from budgetnas.config.recipe import Recipe, load_recipe
from budgetnas.config.study import DataConfig
from budgetnas.data.dataset import Dataset
from budgetnas.data.load import load_dataset, resolve
from budgetnas.data.statistics import normalisation
from budgetnas.jobs.job import Declared, Job
from budgetnas.records.trial import Candidate
from budgetnas.training.device import find_hardware
from budgetnas.training.tasks import Phase, Setting, whole


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What the two commands share.

    Attributes:
        recipe: name or path.
        precision: instead of the recipe's; None for that.
        repeats: seeds of each network, from 0.
        data: the data set.
        epochs: length of a network's training, or where to stop the report's.
        seed: of everything random.
        device: "auto", "cpu", "cuda" or "mps".
        workers: trainings side by side; one per GPU or CPU core unless given.
        threads: CPU threads per training.
        max_minutes: after which no epoch starts; None for no limit.
        folder: of the run.
    """

    recipe: str
    precision: Literal["auto", "fp32", "bf16"] | None
    repeats: int
    data: DataConfig
    epochs: int | None
    seed: int
    device: str
    workers: int | None
    threads: int
    max_minutes: float | None
    folder: Path


def train_job(spec: ResNetSpec, wishes: Wishes) -> Job:
    """Declare the training of one network: on the train split, scored on validation, its rate falling to 0 at the end.

    Raises:
        UsageError: a wish breaks a rule.
        DataError: the data set cannot be had.
    """
    recipe = _recipe(wishes)
    phases = whole(wishes.epochs or recipe.epochs)
    return _job(wishes, recipe, [(spec.id, spec, phases)], learns_from="train", watches="validation", epochs=None)


def reproduce_job(models: Sequence[NamedModel], wishes: Wishes) -> Job:
    """Declare the report's trainings: on all 50,000 images, the test set watched after every epoch as the report did.

    Fewer epochs than the report's stop on its schedule, they do not shorten it.

    Raises:
        UsageError: a wish breaks a rule.
        DataError: the data set cannot be had.
    """
    nets = [
        (model.name, model.spec, tuple(Phase(epochs=epochs, period=period) for epochs, period in model.phases))
        for model in models
    ]
    return _job(wishes, _recipe(wishes), nets, learns_from="all", watches="test", epochs=wishes.epochs)


def _recipe(wishes: Wishes) -> Recipe:
    recipe = load_recipe(wishes.recipe)
    return recipe if wishes.precision is None else replace(recipe, precision=wishes.precision)


def _job(
    wishes: Wishes,
    recipe: Recipe,
    nets: Sequence[tuple[str, ResNetSpec, tuple[Phase, ...]]],
    *,
    learns_from: Literal["train", "all"],
    watches: Literal["validation", "test"],
    epochs: int | None,
) -> Job:
    hardware = find_hardware(wishes.device)
    recipe = recipe.at(hardware.precision)
    config = resolve(wishes.data, has_gpu=hardware.gpus > 0)
    data = load_dataset(config)
    normalisation(data, recipe)  # a recipe for other images is told before anything trains
    runs = tuple(
        Declared(candidate=_candidate(name, spec, data), phases=phases, repeat=repeat)
        for repeat in range(wishes.repeats)
        for name, spec, phases in nets
    )
    return Job(
        folder=wishes.folder,
        data=data,
        recipe=recipe,
        setting=Setting(data=config, fingerprint=data.fingerprint, device=hardware.device, threads=wishes.threads),
        runs=runs,
        learns_from=learns_from,
        watches=watches,
        epochs=epochs,
        seed=wishes.seed,
        workers=min(len(runs), wishes.workers or hardware.slots(threads=wishes.threads, gpus_per_trial=1)),
        gpus=hardware.gpus if hardware.gpus > 1 else 0,
        device_name=hardware.name,
        max_seconds=None if wishes.max_minutes is None else 60 * wishes.max_minutes,
    )


def _candidate(name: str, spec: ResNetSpec, data: Dataset) -> Candidate:
    cost = count(spec, data.shape)
    return Candidate(spec=spec, params=cost.params, macs=cost.macs, origin=name)
