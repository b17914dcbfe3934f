"""A data set: three splits of uint8 images, fixed stratified subsets, mean and standard deviation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from budgetnas.arch.spec import DataShape
from budgetnas.config.recipe import Recipe
from budgetnas.exceptions import UsageError

_SMALL, _LARGE = 10_000, 50_000
_OF_LARGE = 10_000


def hold_out(split: Split, share: float) -> tuple[Split, Split]:
    """Divide `split` in two; the second part has `share` of each class, at least one image.

    The choice depends only on the number of images per class, so it is the same on every machine.
    """
    return _divide(split, [max(1, round(count * share)) for count in np.bincount(split.labels).tolist()])


def hold_out_validation(split: Split, asked: int | Literal["auto", "share"]) -> tuple[Split, Split]:
    """Divide training images in two; the second part is for validation.

    Args:
        split: the images, at least two of each class.
        asked: as `data.validation`.

    Raises:
        UsageError: the number is below one for each class, or above half of the images.
    """
    images = len(split)
    if asked == "share" or (asked == "auto" and images < _LARGE):
        return hold_out(split, 0.2 if images < _SMALL else 0.1)
    counts = np.bincount(split.labels)
    classes = int(np.count_nonzero(counts))
    number = max(_OF_LARGE, classes) if asked == "auto" else asked
    if not classes <= number <= images // 2:
        raise UsageError(
            f"is {number}, but must be from {classes} (an image of each class) to {images // 2:,} (half of the "
            f"{images:,} training images): give such a number, or leave it out.",
            argument="data.validation",
        )
    return _divide(split, _apportioned(counts, number))


def _apportioned(counts: npt.NDArray[np.int64], number: int) -> list[int]:
    """Return how many of each class to hold out: `number` in all, in proportion, at least one of each that has any."""
    exact = counts * (number / counts.sum())
    parts = np.maximum(np.floor(exact).astype(np.int64), counts > 0)
    while (left := number - parts.sum()) != 0:
        step = 1 if left > 0 else -1
        distance = np.where((counts > 0) & ((left > 0) | (parts > 1)), step * (exact - parts), -np.inf)
        parts[distance.argmax()] += step
    return [int(part) for part in parts]


def _divide(split: Split, numbers: Sequence[int]) -> tuple[Split, Split]:
    """Divide `split` in two; the second part has so many images of each class, always the same ones."""
    rng = np.random.default_rng(0)
    out = np.zeros(len(split), dtype=bool)
    for label in np.unique(split.labels):
        out[rng.permutation(np.flatnonzero(split.labels == label))[: numbers[label]]] = True
    return _take(split, ~out), _take(split, out)


def subset(split: Split, per_class: int) -> Split:
    """Keep `per_class` images of each class, or all of a smaller class; the choice is fixed."""
    return choose(split, per_class)[0]


def choose(split: Split, per_class: int) -> tuple[Split, Split]:
    """Divide `split` in two: `per_class` images of each class, or all of a smaller class, and the others.

    The choice depends only on the number of images per class.
    """
    rng = np.random.default_rng(1)
    chosen = np.zeros(len(split), dtype=bool)
    for label in np.unique(split.labels):
        chosen[rng.permutation(np.flatnonzero(split.labels == label))[:per_class]] = True
    return _take(split, chosen), _take(split, ~chosen)


def largest_share(labels: Labels) -> float:
    """Return the share of the most frequent class."""
    return float(np.bincount(labels).max() / len(labels))


UNEVEN = 3  # times the images of the smallest class


def uneven(data: Dataset) -> tuple[str, int, str, int] | None:
    """Return largest and smallest class of the training images with their numbers, where one has over three times more.

    Returns:
        Name and images of the largest class, then of the smallest; None where they differ less.
    """
    numbers = np.bincount(data.train.labels, minlength=len(data.classes))
    most, fewest = int(numbers.argmax()), int(numbers.argmin())
    if numbers[most] <= UNEVEN * numbers[fewest]:
        return None
    return data.classes[most], int(numbers[most]), data.classes[fewest], int(numbers[fewest])


def _take(split: Split, mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Split:
    return Split(images=split.images[mask], labels=split.labels[mask])


Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
VALIDATION = ("valid", "val", "validation")  # accepted names of the validation split


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Split:
    """Images [N, H, W, C] uint8 and their labels [N] int64 in 0..classes-1."""

    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """The training defaults of a data set.

    Attributes:
        shift: largest shift of a random crop in pixels, zero-padded.
        flip: whether training images are flipped horizontally at random.
        proxy_recipe: recipe of short trainings, where a study does not name one.
        proxy_epochs: length of a short training; None for the recipe's.
        full_epochs: length of a full training; None for the recipe's.
        notice: a warning to print beside every result on this set; "" for none.
    """

    shift: int
    flip: bool
    proxy_recipe: str = "proxy"
    proxy_epochs: int | None = None
    full_epochs: int | None = None
    notice: str = ""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RawData:
    """A data set as its source has it, before splits are held out.

    Attributes:
        name: name in reports.
        classes: class names, by label.
        train: training images.
        test: None where the source has no test split; it is then taken out of `train`.
        traits: training defaults.
        validation: None where the source has no validation split; it is then held out of `train`.
        notes: surprises in how it was read, as in `Dataset`.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    test: Split | None
    traits: Traits
    validation: Split | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Dataset:
    """A data set ready for a study.

    Attributes:
        name: name in reports.
        classes: class names, by label.
        train: training images.
        validation: images on which candidates are scored.
        test: images that are read only after the winner is chosen.
        traits: training defaults.
        notes: surprises in how the set was read, such as "12 images turned by EXIF orientation".
        is_own: whether it is the user's own, not one known by name.
        fingerprint: SHA-256 of every image, label and class name in every split.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    traits: Traits
    notes: tuple[str, ...] = ()
    is_own: bool = False
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", _fingerprint(self))

    @property
    def shape(self) -> DataShape:
        """The shape of a network's input and output."""
        _, height, width, channels = self.train.images.shape
        return DataShape(channels=channels, height=height, width=width, classes=len(self.classes))


def _fingerprint(data: Dataset) -> str:
    digest = hashlib.sha256("\0".join(data.classes).encode())
    for split in (data.train, data.validation, data.test):
        digest.update(repr(split.images.shape).encode())
        digest.update(np.ascontiguousarray(split.images).data)
        digest.update(np.ascontiguousarray(split.labels).data)
    return digest.hexdigest()


_CHUNK = 1_000_000


def normalisation(data: Dataset, recipe: Recipe) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and standard deviation per channel that normalise raw [0, 255] pixels.

    The recipe's values come first; without them, the statistics of the train split are used.

    Raises:
        UsageError: the recipe has values for another number of channels.
    """
    if recipe.mean is None or recipe.std is None:
        return statistics(data)
    channels = data.shape.channels
    if not len(recipe.mean) == len(recipe.std) == channels:
        raise UsageError(
            f"`recipe.mean` and `recipe.std` have {len(recipe.mean)} and {len(recipe.std)} values, but images of "
            f"{data.name} have {channels} channel{'s' * (channels > 1)}: give one for each, or leave both out for "
            "those of the training images."
        )
    return tuple(255 * value for value in recipe.mean), tuple(255 * value for value in recipe.std)


@lru_cache(maxsize=1)
def statistics(data: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation per channel of the raw [0, 255] train split; a deviation of 0 becomes 1.

    The result for the last data set is cached, since every training asks for it.
    """
    pixels = data.train.images.reshape(-1, data.train.images.shape[3])
    # In chunks: a large set as doubles would not fit into memory.
    total = np.zeros(pixels.shape[1])
    squares = np.zeros(pixels.shape[1])
    for chunk in np.array_split(pixels, max(1, len(pixels) // _CHUNK)):
        wide = chunk.astype(np.float64)
        total += wide.sum(axis=0)
        squares += (wide**2).sum(axis=0)
    mean = total / len(pixels)
    std = np.sqrt(np.maximum(squares / len(pixels) - mean**2, 0))
    return tuple(mean.tolist()), tuple(np.where(std < 1e-6, 1.0, std).tolist())
