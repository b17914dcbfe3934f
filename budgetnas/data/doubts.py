"""What is doubtful about a person's own images once they are read: it stops no study, but its owner must know it."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np

from budgetnas.data.dataset import Dataset, Split
from budgetnas.records.numbers import plural
from budgetnas.records.text import listed

_DARK = 1  # the brightest pixel of images that were cast from 0..1


def doubts(data: Dataset) -> tuple[str, ...]:
    """Return a sentence for each doubt about a person's own data set; there is none about sets known by name."""
    return tuple(_doubts(data)) if data.is_own else ()


def _doubts(data: Dataset) -> Iterator[str]:
    train, validation, test = (_digests(split) for split in (data.train, data.validation, data.test))
    for images, others, told in (
        (validation, {*train}, "validation images are also training images"),
        (test, {*train, *validation}, "test images are also training or validation images"),
    ):
        if again := sum(image in others for image in images):
            yield f"{again:,} of {len(images):,} {told}, pixel for pixel: a score on them is no score on new images."
    for name, split in (("validation", data.validation), ("test", data.test)):
        there = set(split.labels.tolist())
        if absent := [label for place, label in enumerate(data.classes) if place not in there]:
            yield f"No {name} image is of class {listed(absent)}."
    splits = (data.train, data.validation, data.test)
    if (brightest := max(int(split.images.max()) for split in splits)) <= _DARK:
        yield f"No pixel is above {brightest} of 255: were images of 0..1 saved as whole numbers?"
    if plain := sum(_one_colour(split) for split in splits):
        yield f"{plural(plain, 'image')} of {sum(map(len, splits)):,} show one colour and nothing else."


def _digests(split: Split) -> list[bytes]:
    return [blake2b(image.tobytes(), digest_size=16).digest() for image in split.images]


def _one_colour(split: Split) -> int:
    return int((np.ptp(split.images, axis=(1, 2)) == 0).all(axis=1).sum())
