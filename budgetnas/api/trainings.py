"""Declared trainings: of one network, or of the models of Pei et al.; a run in a folder that exists is resumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from budgetnas.api.arguments import command, driven, network_of, plain, spelled, study_keys
from budgetnas.arch.spec import FIELDS, ResNetSpec
from budgetnas.config.models import CIFAR10, reported_models
from budgetnas.config.options import OTHER_RECIPE, PAPER_RECIPE, TRAIN_DATA, TRAIN_RECIPE

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
    settings: Mapping[str, Any] | None = None,
    listener: Listener | None = None,
) -> TrainingsResult:
    """Train one network on the train split, scored on validation after every epoch and tested once at its end.

    What is not named comes from the run where there is one; a training that was stopped is resumed, bit for bit.

    Args:
        network: a name (resnet20), an id (4x64-5x128-3x256) or a spec; else give `blocks` and `widths`.
        blocks: basic blocks of each stage; 0 for an empty one.
        widths: channels of each stage.
        stem_width: channels of the stem; those of the first stage unless given.
        recipe: a shipped recipe or the path of a TOML file; "full" unless given.
        precision: "auto", "fp32" or "bf16", instead of the recipe's.
        repeats: seeds; 1 unless given.
        epochs: length; the recipe's unless given.
        dataset: "auto", "cifar10", "cifar100", "digits", "digits-hard", or the path of an .npz file or an image folder.
        data_dir: where downloaded data sets live; `data` unless given.
        subset: images of each class to keep in each split.
        image_size: side in pixels to resize an image folder to.
        test_share: share of each class of own images that becomes the test split, where there is none.
        out: folder of all runs.
        name: of this run; made of network and seed unless given.
        seed: of everything random; 0 unless given.
        device: "auto", "cpu", "cuda" or "mps".
        workers: trainings side by side; one per GPU or CPU core unless given.
        threads: CPU threads of each training; 1 unless given.
        max_minutes: after which no epoch starts.
        settings: keys of `[data]` with their values, such as {"data.flip": False}.
        listener: hears progress and every epoch; nothing is printed.

    Raises:
        BudgetNASError: something that its user can act on; whatever was finished is kept.
    """
    arguments = locals()
    from budgetnas.pipeline.declare import declare_training

    spec = network_of(network, blocks, widths, stem_width)
    options = _options(arguments, name=name or f"train-{spec.id}-s{seed or 0}")
    asked = declare_training(spec, options, recipe=TRAIN_RECIPE, dataset=TRAIN_DATA)
    named = {key: value for key, value in arguments.items() if key not in FIELDS} | {"network": spec.id}
    return _done(asked, command("train", named), listener)


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
    listener: Listener | None = None,
) -> TrainingsResult:
    """Train the models of Pei et al. as they did: on all training images, the test set watched after every epoch.

    Args:
        models: numbers or names.
        recipe: a shipped recipe or the path of a TOML file; "paper200" on CIFAR-10, "full" on other data, unless given.
        precision: "auto", "fp32" or "bf16", instead of the recipe's.
        repeats: seeds of each; 1 unless given.
        epochs: where to stop; every number is partial then.
        dataset: "cifar10" unless given; also a path of own images.
        data_dir: where downloaded data sets live; `data` unless given.
        subset: images of each class to keep in each split.
        image_size: side in pixels to resize an image folder to.
        test_share: share of each class of own images that becomes the test split, where there is none.
        out: folder of all runs.
        name: of this run.
        seed: of everything random; 0 unless given.
        device: "auto", "cpu", "cuda" or "mps".
        workers: trainings side by side; one per GPU or CPU core unless given.
        threads: CPU threads of each training; 1 unless given.
        max_minutes: after which no epoch starts.
        settings: keys of `[data]` with their values, such as {"data.flip": False}.
        listener: hears progress and every epoch; nothing is printed.

    Raises:
        BudgetNASError: something that its user can act on; whatever was finished is kept.
    """
    arguments = locals()
    from budgetnas.pipeline.declare import declare_reproduction

    words = str(models).split(",") if isinstance(models, int | str) else list(map(str, models))
    options, chosen = _options(arguments, name=name), reported_models(words)
    asked = declare_reproduction(chosen, options, recipe=PAPER_RECIPE, other_recipe=OTHER_RECIPE, dataset=CIFAR10)
    return _done(asked, command("reproduce", arguments), listener)


def _options(arguments: Mapping[str, Any], *, name: str) -> TrainOptions:
    from budgetnas.pipeline.train_request import read_train_options

    plainly = {key: plain(value) for key, value in arguments.items()}
    return read_train_options(plainly, name=name, keys=study_keys({"settings": arguments["settings"]}))


def _done(asked: DeclaredTrainings, words: Sequence[str], listener: Listener | None) -> TrainingsResult:
    """Run the trainings, interrupted only where nothing is half-written."""
    from budgetnas.pipeline.train import train

    return driven(partial(train, asked), words, listener, notes=asked.notes)
