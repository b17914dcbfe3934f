"""Declared trainings: one network by a recipe, or the models of Pei et al. as they trained them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from budgetnas.arch.kinds import codes
from budgetnas.arch.spec import ResNetSpec
from budgetnas.config.models import NamedModel
from budgetnas.config.recipe import Recipe, load_recipe
from budgetnas.config.recorded import data_then
from budgetnas.config.sections import DataConfig
from budgetnas.config.toml import build
from budgetnas.data.dataset import Dataset, Split, normalisation
from budgetnas.data.load import load_dataset, resolve
from budgetnas.exceptions import UsageError
from budgetnas.pipeline.class_sizes import uneven_classes
from budgetnas.pipeline.cpu_speed import slow_networks
from budgetnas.pipeline.length import length_notes
from budgetnas.pipeline.reference_networks import counted
from budgetnas.pipeline.train_request import RecordedTrainings, SharedSettings, TrainOptions, read_record
from budgetnas.training.device import find_hardware
from budgetnas.training.tasks import Setting
from budgetnas.trials.declaration import Declaration, Phase, TrainingKey, whole


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredTrainings:
    """The trainings that a run of `train` or `reproduce` is asked for.

    Attributes:
        folder: of the run; its name is the study's.
        data: the data set.
        recipe: of all trainings.
        recipe_name: its shipped name or path; "" where it is the run's own and no name was recorded.
        setting: shared by all tasks.
        trainings: in their order.
        learns_from: "train", or "all" for train and validation together.
        watches: the split that is scored after every epoch.
        tests: whether to look at the test set after the last epoch.
        last_epoch: epoch after which to stop; None for the last.
        seed: of all random numbers.
        workers: parallel trainings.
        gpus: how many GPUs to share among them.
        device_name: hardware, for a person.
        max_seconds: no epoch starts after this many seconds; None for no limit.
    """

    folder: Path
    data: Dataset
    recipe: Recipe
    recipe_name: str
    setting: Setting
    trainings: tuple[Declaration, ...]
    learns_from: Literal["train", "all"]
    watches: Literal["validation", "test"]
    tests: bool
    last_epoch: int | None
    seed: int
    workers: int
    gpus: int
    device_name: str
    max_seconds: float | None

    @property
    def keys(self) -> list[TrainingKey]:
        """The keys of the trainings, in their order."""
        return [run.key(self.last_epoch) for run in self.trainings]

    @property
    def watched(self) -> Split:
        """The split that is scored after every epoch."""
        return self.data.test if self.watches == "test" else self.data.validation

    @property
    def notes(self) -> list[str]:
        """The keys of the recipe that do not fit the shortest part of a training, and what is slow, one line each."""
        part = min((phase for run in self.trainings for phase in run.phases), key=lambda phase: phase.epochs)
        images = len(self.data.train) + (len(self.data.validation) if self.learns_from == "all" else 0)
        epochs = part.epochs if self.last_epoch is None else min(part.epochs, self.last_epoch)
        name = self.recipe_name or "of the run"
        slow = slow_networks(run.candidate.spec for run in self.trainings) if self.setting.device == "cpu" else None
        uneven = uneven_classes(self.data, self.setting.data.class_weights, None)
        notes = length_notes(self.recipe, name, images=images, epochs=epochs, period=part.period)
        return [note for note in (uneven, *notes, slow) if note]

    def identity(self) -> dict[str, Any]:
        """Return everything that a training's numbers depend on, the network and its length aside.

        Random crops and flips are included only where the data set does not decide them, and weights of classes only
        where there are any.
        """
        source = self.setting.data
        named = {f"data.{key}": getattr(source, key) for key in ("flip", "shift")}
        named["data.class_weights"] = None if source.class_weights == "none" else source.class_weights
        return {
            **{f"recipe.{key}": value for key, value in asdict(self.recipe).items() if key != "description"},
            **codes(training.candidate.spec.kind for training in self.trainings),
            "data.fingerprint": self.setting.fingerprint,
            **{key: value for key, value in named.items() if value is not None},
            "learns_from": self.learns_from,
            "watches": self.watches,
            "seed": self.seed,
            "device": self.setting.device,
            "threads": self.setting.threads,
        }


def declare_training(spec: ResNetSpec, options: TrainOptions, *, recipe: str, dataset: str) -> DeclaredTrainings:
    """Declare the training of one network: on the train split, scored on validation, its learning rate falling to 0.

    Options that are not given come from the run if it exists, and length and seeds too if the run has this network.

    Args:
        spec: the network.
        options: the given options.
        recipe: of a new run, unless named.
        dataset: of a new run, unless named.

    Raises:
        UsageError: an option breaks a rule.
        DataError: the data set cannot be loaded.
        StorageError: the run cannot be read.
    """
    record = read_record(options.folder)
    last = record.last(spec.id) if record else None
    if last is not None:
        epochs, repeats = last
        options = replace(options, epochs=options.epochs or epochs, repeats=options.repeats or repeats)
    base = _Base(options, record, recipe=recipe, data=DataConfig(dataset=dataset))
    phases = whole(options.epochs or base.recipe.epochs)
    return _declared(base, [(spec.id, spec, phases)], learns_from="train", watches="validation", last_epoch=None)


def declare_reproduction(
    models: Sequence[NamedModel], options: TrainOptions, *, recipe: str, other_recipe: str, dataset: str
) -> DeclaredTrainings:
    """Declare the models of Pei et al.: on all training images, the test set watched after every epoch as they did.

    On their data set the models train by their recipe and schedules, on any other as a full training there does. Fewer
    epochs stop a schedule early and do not shorten it. What is not named comes from the run where there is one, with
    the schedules of its networks; models, repeats and epochs do not, since they say how much of the run to train.

    Args:
        models: the networks.
        options: the given options.
        recipe: of a new run on their data set, unless named.
        other_recipe: of a new run on any other data set, unless named.
        dataset: their data set, and that of a new run unless named.

    Raises:
        UsageError: an option breaks a rule.
        DataError: the data set cannot be loaded.
        StorageError: the run cannot be read.
    """
    record = read_record(options.folder)
    # They learn from both splits. The rule that divides them still decides the order of the images, and what normalises
    # them where a recipe does not say it, so it stays as it was.
    data = DataConfig(dataset=dataset, validation="share")
    base = _Base(options, record, recipe=recipe, data=data, other_recipe=other_recipe)
    nets = [
        (model.name, model.spec, _theirs(model) if base.data.dataset == dataset else _fitting(model, base, record))
        for model in models
    ]
    return _declared(base, nets, learns_from="all", watches="test", last_epoch=options.epochs)


def _theirs(model: NamedModel) -> tuple[Phase, ...]:
    return tuple(Phase(epochs=epochs, period=period) for epochs, period in model.phases)


def _fitting(model: NamedModel, base: _Base, record: RecordedTrainings | None) -> tuple[Phase, ...]:
    """Return the schedule that the run has of a model, or else that of a full training on its data set."""
    recorded = () if record is None else record.phases(model.name)
    return recorded or whole(load_dataset(base.data).traits.full_epochs or base.recipe.epochs)


class _Base:
    """The given options, completed by the run's record, then by the defaults of a new run."""

    def __init__(
        self,
        options: TrainOptions,
        record: RecordedTrainings | None,
        *,
        recipe: str,
        data: DataConfig,
        other_recipe: str | None = None,
    ) -> None:
        shared = record.shared if record else SharedSettings(seed=0, device="auto", threads=1)
        self.options = options
        self.seed = shared.seed if options.seed is None else options.seed
        self.device = shared.device if options.device is None else options.device
        self.threads = options.threads or shared.threads
        recorded = record is None or record.tests
        self.tests = recorded if options.test is None else options.test
        self.hardware = find_hardware(self.device)
        self.data = resolve(_data(options, record, data), has_gpu=self.hardware.gpus > 0)
        usual = recipe if other_recipe is None or self.data.dataset == data.dataset else other_recipe
        self.recipe_name = (record.setup.recipe_name if record else usual) if options.recipe is None else options.recipe
        self.recipe = _recipe(options, record, self.recipe_name)


def _recipe(options: TrainOptions, record: RecordedTrainings | None, name: str) -> Recipe:
    if record is None:
        recipe = load_recipe(name)
    elif options.recipe is None:
        recipe = record.recipe
    else:
        recipe = record.recipe_as(name)
    return recipe if options.precision is None else replace(recipe, precision=options.precision)


def _data(options: TrainOptions, record: RecordedTrainings | None, new: DataConfig) -> DataConfig:
    """Return the `[data]` keys: those that are named, over those of the run, or over those of a new one."""
    source = record.source() if record else new
    if source is None and "dataset" not in options.data:
        raise UsageError(
            f"is missing, and `{options.folder}` does not record the path of its images: give the path of "
            f"{record.setup.data.name if record else new.dataset}.",
            argument="data.dataset",
        )
    return build(DataConfig, {**(asdict(source) if source else data_then({})), **options.data}, "data")


def _declared(
    base: _Base,
    nets: Sequence[tuple[str, ResNetSpec, tuple[Phase, ...]]],
    *,
    learns_from: Literal["train", "all"],
    watches: Literal["validation", "test"],
    last_epoch: int | None,
) -> DeclaredTrainings:
    options, hardware = base.options, base.hardware
    recipe = base.recipe.at(hardware.precision)
    data = load_dataset(base.data)
    normalisation(data, recipe)  # a recipe for other images is refused before anything trains
    trainings = tuple(
        Declaration(candidate=counted(spec, name, data.shape), phases=phases, repeat=repeat)
        for repeat in range(options.repeats or 1)
        for name, spec, phases in nets
    )
    return DeclaredTrainings(
        folder=options.folder,
        data=data,
        recipe=recipe,
        recipe_name=base.recipe_name,
        setting=Setting(data=base.data, fingerprint=data.fingerprint, device=hardware.device, threads=base.threads),
        trainings=trainings,
        learns_from=learns_from,
        watches=watches,
        tests=base.tests and watches != "test",
        last_epoch=last_epoch,
        seed=base.seed,
        workers=min(len(trainings), options.workers or hardware.slots(threads=base.threads, gpus_per_trial=1)),
        gpus=hardware.gpus if hardware.gpus > 1 else 0,
        device_name=hardware.name,
        max_seconds=None if options.max_minutes is None else 60 * options.max_minutes,
    )
