"""A data set as the rest of the house sees it: three splits of uint8 images, and what the set declares."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from budgetnas.arch.spec import DataShape

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
