"""Loading a data set by the `[data]` keys of a study file, and warnings about doubtful ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

import numpy as np

from budgetnas.config.sections import DataConfig
from budgetnas.data.dataset import Dataset, RawData, Split, hold_out, hold_out_validation, subset
from budgetnas.data.folder import load_folder
from budgetnas.data.known import KNOWN, load_cifar, load_digits, load_digits_hard, load_shapes
from budgetnas.data.npz import load_npz
from budgetnas.exceptions import DataError, UsageError
from budgetnas.system import phase
from budgetnas.text import is_text, listed, plural

_DARK = 1  # the brightest pixel of images in 0..1 that were cast to integers


def doubts(data: Dataset) -> tuple[str, ...]:
    """Return a warning for each likely defect of the user's own data set; none for sets known by name."""
    return tuple(_doubts(data)) if data.is_own else ()


def _doubts(data: Dataset) -> Iterator[str]:
    train, validation, test = (_digests(split) for split in (data.train, data.validation, data.test))
    for images, others, leak in (
        (validation, {*train}, "validation images are also training images"),
        (test, {*train, *validation}, "test images are also training or validation images"),
    ):
        if again := sum(image in others for image in images):
            yield f"{again:,} of {len(images):,} {leak}, pixel for pixel: a score on them is no score on new images."
    for name, split in (("validation", data.validation), ("test", data.test)):
        there = set(split.labels.tolist())
        if absent := [label for place, label in enumerate(data.classes) if place not in there]:
            yield f"No {name} image is of class {listed(absent)}."
    splits = (data.train, data.validation, data.test)
    if (brightest := max(int(split.images.max()) for split in splits)) <= _DARK:
        yield f"No pixel is above {brightest} of 255: were images of 0..1 saved as whole numbers?"
    if plain := sum(_one_colour(split) for split in splits):
        yield f"{plural(plain, 'image')} of {sum(map(len, splits)):,} show a single colour."


def _digests(split: Split) -> list[bytes]:
    return [blake2b(image.tobytes(), digest_size=16).digest() for image in split.images]


def _one_colour(split: Split) -> int:
    return int((np.ptp(split.images, axis=(1, 2)) == 0).all(axis=1).sum())


FEWEST_PER_CLASS = 2
SHAPES = "shapes of "  # prefix of a data set's name that asks for a stand-in of its shape, to plan with


def resolve(config: DataConfig, *, has_gpu: bool) -> DataConfig:
    """Replace "auto" by the data set for this device: CIFAR-10 with a GPU, digits-hard without."""
    if config.dataset != "auto":
        return config
    return replace(config, dataset="cifar10" if has_gpu else "digits-hard")


def is_known(config: DataConfig) -> bool:
    """Return whether a data set is known by name, not the user's own."""
    return config.dataset.removeprefix(SHAPES) in KNOWN


@lru_cache(maxsize=1)
def load_dataset(config: DataConfig, channels: int | None = None) -> Dataset:
    """Load, check, cut down and split a data set; the last one is cached.

    Args:
        config: the `[data]` keys.
        channels: channels in which to read an image folder, 1 or 3; default: decided by its images.

    Raises:
        DataError: the data set is missing, damaged, of another form, or too large for memory.
    """
    with phase(f"reading the data set {config.dataset}"):
        raw = _load_raw(config, channels)
    _check_names(raw)
    train, validation, test, notes = raw.train, raw.validation, raw.test, raw.notes
    if test is None:
        assert config.test_share is not None, "only a share that was asked for leaves a set without a test split"
        train, test = hold_out(train, config.test_share)
        notes = (*notes, f"{config.test_share:.4g} of each class is the test split")
    if config.subset is not None:
        train, test = subset(train, config.subset), subset(test, config.subset)
        validation = None if validation is None else subset(validation, config.subset)
    _check_classes(config, raw.classes, train, fewest=FEWEST_PER_CLASS if validation is None else 1)
    side = min(train.images.shape[1:3])
    if config.shift is not None and config.shift >= side:
        raise UsageError(
            f"is {config.shift}, but must be below the {side} pixels of an image's side.", argument="data.shift"
        )
    if validation is None:
        train, validation = hold_out_validation(train, config.validation)
    elif isinstance(config.validation, int):
        raise UsageError(
            f"is {config.validation}, but {raw.name} has a validation split of its own: leave it out.",
            argument="data.validation",
        )
    return Dataset(
        name=raw.name,
        classes=raw.classes,
        train=train,
        validation=validation,
        test=test,
        traits=replace(
            raw.traits,
            shift=raw.traits.shift if config.shift is None else config.shift,
            flip=raw.traits.flip if config.flip is None else config.flip,
        ),
        notes=notes,
        is_own=not is_known(config),
    )


def _load_raw(config: DataConfig, channels: int | None) -> RawData:
    name, path = config.dataset, Path(config.dataset)
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except (OSError, ValueError):  # too long for a path, or with a null character in it
        is_folder = exists = False
    known = name in KNOWN
    if config.image_size is not None and (known or not is_folder):
        raise UsageError(
            f"is {config.image_size}, but only image folders are resized: leave it out.", argument="data.image_size"
        )
    if config.test_share is not None and known:
        raise UsageError(
            f"is {config.test_share:g}, but {name} has a test split: leave it out.", argument="data.test_share"
        )
    if name.startswith(SHAPES) and name.removeprefix(SHAPES) in ("cifar10", "cifar100"):
        return load_shapes(name.removeprefix(SHAPES))
    if name == "digits":
        return load_digits()
    if name == "digits-hard":
        return load_digits_hard()
    if known:
        return load_cifar(name, Path(config.dir))
    if is_folder:
        return load_folder(path, config.image_size, channels, has_test_share=config.test_share is not None)
    if not exists:
        raise DataError(
            f"is {name[:200]!r}, but must be {', '.join(KNOWN)}, or the path of an .npz file or an image folder that "
            "exists.",
            argument="data.dataset",
        )
    return load_npz(path, has_test_share=config.test_share is not None)


def _check_classes(config: DataConfig, classes: tuple[str, ...], train: Split, *, fewest: int) -> None:
    counts = np.bincount(train.labels, minlength=len(classes))
    few = [f"{name} ({count})" for name, count in zip(classes, counts, strict=True) if count < fewest]
    if few:
        needs = "one to learn from" + (" and one to validate on" if fewest > 1 else "")
        raise DataError(
            f"`{config.dataset}` has classes with fewer than {plural(fewest, 'training image')} ({listed(few)}), but "
            f"each needs {needs}: add images or drop the class."
        )


def _check_names(raw: RawData) -> None:
    """Refuse names that a report cannot hold: file names may have bytes that are not UTF-8."""
    for name in (raw.name, *raw.classes):
        if not is_text(name):
            raise DataError(
                f"{name!r} names the data set or a class, but must be valid UTF-8 without null characters: rename it."
            )
