"""Trainings of one network, or of the models of Pei et al. A call whose run exists resumes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from budgetnas.api.arguments import OtherFields, command, driven, network_of, plain, spelled, study_keys
from budgetnas.arch.spec import FIELDS, ResNetSpec
from budgetnas.config.models import CIFAR10, reported_models
from budgetnas.config.options import OTHER_RECIPE, PAPER_RECIPE, TRAIN_DATA, TRAIN_RECIPE
from budgetnas.config.study import train_name

if TYPE_CHECKING:
    from os import PathLike

    from budgetnas.pipeline.declare import DeclaredTrainings
    from budgetnas.pipeline.progress import Listener
    from budgetnas.pipeline.train_request import TrainOptions
    from budgetnas.runs.trainings import TrainingsResult


@spelled
def train(
    network: str | ResNetSpec | None = None,
    *,
    blocks: Sequence[int] | None = None,
    widths: Sequence[int] | None = None,
    stem_width: int | None = None,
    recipe: str | PathLike[str] | None = None,
    precision: str | None = None,
    repeats: int | None = None,
    epochs: int | None = None,
    dataset: str | PathLike[str] | None = None,
    data_dir: str | PathLike[str] | None = None,
    subset: int | None = None,
    image_size: int | None = None,
    test_share: float | None = None,
    out: str | PathLike[str] = "runs",
    name: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    workers: int | None = None,
    threads: int | None = None,
    max_minutes: float | None = None,
    test: bool | None = None,
    settings: Mapping[str, Any] | None = None,
    track: str | Sequence[str] | None = None,
    listener: Listener | None = None,
    **others: Unpack[OtherFields],
) -> TrainingsResult:
    """Train one network on the train split, score it on validation after every epoch, and test it once at the end.

    Arguments that are not given come from the run if it exists. A stopped training resumes bit for bit.

    Args:
        network: a name (resnet20), an id (4x64-5x128-3x256) or a spec; else give `blocks` and `widths`.
        blocks: blocks of each stage; 0 for an empty one.
        widths: channels of each stage.
        stem_width: channels of the stem; default: those of the first stage.
        recipe: shipped name or path of a recipe; default: "full".
        precision: "auto", "fp32" or "bf16", instead of the recipe's.
        repeats: number of seeds; default: 1.
        epochs: length; default: the recipe's.
        dataset: "auto", "cifar10", "cifar100", "digits", "digits-hard", or the path of an .npz file or an image folder.
        data_dir: folder of downloaded data sets; default: `data`.
        subset: images of each class to keep in each split.
        image_size: side in pixels to resize an image folder to.
        test_share: share of each class that becomes the test split of own images without one.
        out: folder of all runs.
        name: name of the run; default: network and seed.
        seed: seed of all random numbers; default: 0.
        device: "auto", "cpu", "cuda" or "mps".
        workers: parallel trainings; default: one per GPU or CPU core.
        threads: CPU threads per training; default: 1.
        max_minutes: no epoch starts after this many minutes.
        test: whether to look at the test set at the end; default: as the run did; a new one does.
        settings: keys of `[data]` with their values, such as {"data.flip": False}.
        track: names of trackers that are written too: "tensorboard", "wandb", "mlflow".
        listener: receives progress and every epoch; nothing is printed.
        others: other fields of a `ResNetSpec`: `kind`, `mids`, `expansions`, `kernels`, `groups`, `strides`,
            `shortcut`, `squeeze`, `neck`; those with a value per stage have one for each stage that is not empty.

    Raises:
        BudgetNASError: an error that the user can act on; finished trainings are kept.
    """
    arguments = {name: value for name, value in locals().items() if name != "others"}
    from budgetnas.pipeline.declare import declare_training

    spec = network_of(network, blocks, widths, stem_width, **others)
    options = _options(arguments, name=name or train_name(spec, seed or 0))
    asked = declare_training(spec, options, recipe=TRAIN_RECIPE, dataset=TRAIN_DATA)
    named = {key: value for key, value in arguments.items() if key not in FIELDS} | {"network": spec.id}
    return _done(asked, command("train", named), listener, track)


@spelled
def reproduce(
    models: int | str | Sequence[int | str] = (1, 2, 3, 4, 5),
    *,
    recipe: str | PathLike[str] | None = None,
    precision: str | None = None,
    repeats: int | None = None,
    epochs: int | None = None,
    dataset: str | PathLike[str] | None = None,
    data_dir: str | PathLike[str] | None = None,
    subset: int | None = None,
    image_size: int | None = None,
    test_share: float | None = None,
    out: str | PathLike[str] = "runs",
    name: str = "paper",
    seed: int | None = None,
    device: str | None = None,
    workers: int | None = None,
    threads: int | None = None,
    max_minutes: float | None = None,
    settings: Mapping[str, Any] | None = None,
    track: str | Sequence[str] | None = None,
    listener: Listener | None = None,
) -> TrainingsResult:
    """Train the models of Pei et al. as they did: on all training images, scoring the test set after every epoch.

    Args:
        models: numbers or names.
        recipe: shipped name or path of a recipe; default: "paper200" on CIFAR-10, "full" on other data.
        precision: "auto", "fp32" or "bf16", instead of the recipe's.
        repeats: number of seeds per model; default: 1.
        epochs: epochs after which to stop; every number is then partial.
        dataset: name of a data set or path of own images; default: "cifar10".
        data_dir: folder of downloaded data sets; default: `data`.
        subset: images of each class to keep in each split.
        image_size: side in pixels to resize an image folder to.
        test_share: share of each class that becomes the test split of own images without one.
        out: folder of all runs.
        name: name of the run.
        seed: seed of all random numbers; default: 0.
        device: "auto", "cpu", "cuda" or "mps".
        workers: parallel trainings; default: one per GPU or CPU core.
        threads: CPU threads per training; default: 1.
        max_minutes: no epoch starts after this many minutes.
        settings: keys of `[data]` with their values, such as {"data.flip": False}.
        track: names of trackers that are written too: "tensorboard", "wandb", "mlflow".
        listener: receives progress and every epoch; nothing is printed.

    Raises:
        BudgetNASError: an error that the user can act on; finished trainings are kept.
    """
    arguments = locals()
    from budgetnas.pipeline.declare import declare_reproduction

    words = str(models).split(",") if isinstance(models, int | str) else list(map(str, models))
    options, chosen = _options(arguments, name=name), reported_models(words)
    asked = declare_reproduction(chosen, options, recipe=PAPER_RECIPE, other_recipe=OTHER_RECIPE, dataset=CIFAR10)
    return _done(asked, command("reproduce", arguments), listener, track)


def _options(arguments: Mapping[str, Any], *, name: str) -> TrainOptions:
    from budgetnas.pipeline.train_request import read_train_options

    plainly = {key: plain(value) for key, value in arguments.items()}
    return read_train_options(plainly, name=name, keys=study_keys({"settings": arguments["settings"]}))


def _done(
    asked: DeclaredTrainings, words: Sequence[str], listener: Listener | None, track: str | Sequence[str] | None
) -> TrainingsResult:
    """Run the trainings; an interruption stops them where nothing is half-written."""
    from budgetnas.pipeline.train import train

    return driven(partial(train, asked, track=track), words, listener, notes=asked.notes)
