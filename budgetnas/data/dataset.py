"""A data set for the rest of the package: three splits of uint8 images, fixed stratified subsets, mean and spread."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from budgetnas.arch.spec import DataShape
from budgetnas.config.recipe import Recipe
from budgetnas.exceptions import UsageError

_SMALL = 10_000


def hold_out(split: Split, share: float) -> tuple[Split, Split]:
    """Divide `split` in two, taking `share` of each class (at least one image) for the second part.

    The choice depends on nothing but the number of images of each class, so it is the same on every machine.
    """
    rng = np.random.default_rng(0)
    out = np.zeros(len(split), dtype=bool)
    for label in np.unique(split.labels):
        members = np.flatnonzero(split.labels == label)
        out[rng.permutation(members)[: max(1, round(len(members) * share))]] = True
    return _take(split, ~out), _take(split, out)


def validation_share(images: int) -> float:
    """Return the share of training images held out: a tenth, or a fifth of fewer than 10,000."""
    return 0.2 if images < _SMALL else 0.1


def subset(split: Split, per_class: int) -> Split:
    """Keep `per_class` images of each class, or all where there are fewer; the choice is fixed."""
    return choose(split, per_class)[0]


def choose(split: Split, per_class: int) -> tuple[Split, Split]:
    """Divide `split` in two: `per_class` images of each class, or all where there are fewer, and the others.

    The choice depends on nothing but the number of images of each class.
    """
    rng = np.random.default_rng(1)
    chosen = np.zeros(len(split), dtype=bool)
    for label in np.unique(split.labels):
        chosen[rng.permutation(np.flatnonzero(split.labels == label))[:per_class]] = True
    return _take(split, chosen), _take(split, ~chosen)


def largest_share(labels: Labels) -> float:
    """Return the share of the most frequent class."""
    return float(np.bincount(labels).max() / len(labels))


def _take(split: Split, mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Split:
    return Split(images=split.images[mask], labels=split.labels[mask])


Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
VALIDATION = ("valid", "val", "validation")  # what a person may call that split


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Split:
    """Images [N, H, W, C] uint8 and their labels [N] int64 in 0..classes-1."""

    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """What a data set declares about its own training.

    Attributes:
        shift: pixels by which training moves an image at random, zero-padded.
        flip: whether training mirrors an image at random.
        proxy_recipe: recipe of short trainings, where a study does not name one.
        proxy_epochs: length of a short training; None for the recipe's.
        full_epochs: length of a full training; None for the recipe's.
        notice: what a reader of any result on this set must know; "" for nothing.
    """

    shift: int
    flip: bool
    proxy_recipe: str = "proxy"
    proxy_epochs: int | None = None
    full_epochs: int | None = None
    notice: str = ""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RawData:
    """What a source delivers.

    Attributes:
        name: what to call it.
        classes: names of the classes.
        train: what networks learn from.
        test: None where the source has no split for it, and a share of `train` is asked for.
        traits: what the set declares.
        validation: None where the source has no split for it; it is held out of `train` then.
        notes: what a person may not expect of how it was read, as `Dataset` has them.
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
        name: what to call it.
        classes: names of the classes.
        train: what networks learn from.
        validation: what candidates are scored on.
        test: in quarantine until a winner is chosen.
        traits: what the set declares.
        notes: what a person may not expect of how the set was read, such as "12 images turned by EXIF orientation".
        is_own: whether it is a person's own, and not one known by name.
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
        """What a network must take in and give out."""
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
    """Return mean and standard deviation per channel of raw [0, 255] pixels, by which images are normalised.

    They are the recipe's own where it has any, else those of the train split.

    Raises:
        UsageError: the recipe's are for another number of channels.
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
    """Return mean and standard deviation per channel of the raw [0, 255] train split; a spread of 0 becomes 1.

    The answer for the last data set stays in memory: every training asks for it.
    """
    pixels = data.train.images.reshape(-1, data.train.images.shape[3])
    # By channel and chunk, so that the doubles of a large set never stand in memory at once.
    total = np.zeros(pixels.shape[1])
    squares = np.zeros(pixels.shape[1])
    for chunk in np.array_split(pixels, max(1, len(pixels) // _CHUNK)):
        wide = chunk.astype(np.float64)
        total += wide.sum(axis=0)
        squares += (wide**2).sum(axis=0)
    mean = total / len(pixels)
    std = np.sqrt(np.maximum(squares / len(pixels) - mean**2, 0))
    return tuple(mean.tolist()), tuple(np.where(std < 1e-6, 1.0, std).tolist())
