from __future__ import annotations

import numpy as np
import pytest

from budgetnas.data.dataset import Split, hold_out_validation
from budgetnas.exceptions import UsageError


def numbered(counts):
    """Make one pixel an image, in which its number stands, with so many of each class, shuffled."""
    labels = np.random.default_rng(3).permutation(np.repeat(np.arange(len(counts)), counts))
    numbers = np.arange(len(labels), dtype=np.uint32)
    return Split(images=numbers.view(np.uint8).reshape(-1, 1, 1, 4), labels=labels)


def numbers(split):
    return np.ascontiguousarray(split.images).view(np.uint32).flatten().tolist()


@pytest.mark.parametrize(
    ("counts", "asked", "held_out"),
    [
        ([25_000, 24_999], "auto", [2_500, 2_500]),
        ([25_000, 25_000], "auto", [5_000, 5_000]),
        ([5_000] * 10, "auto", [1_000] * 10),
        ([500] * 100, "auto", [100] * 100),
        ([5_000] * 10, "share", [500] * 10),
        ([90_000, 10_000], "auto", [9_000, 1_000]),
        ([300_000, 4], "auto", [9_999, 1]),
        ([2] * 25_000, "auto", [1] * 25_000),
        ([5_000, 5_000], "auto", [500, 500]),
        ([5_000, 4_999], "auto", [1_000, 1_000]),
        ([50, 30, 20], 10, [5, 3, 2]),
        ([50, 30, 20], 50, [25, 15, 10]),
        ([50, 30, 20], 3, [1, 1, 1]),
        ([94, 3, 3], 10, [8, 1, 1]),
        ([7, 7, 7], 10, [4, 3, 3]),
        ([3, 3], 3, [2, 1]),
        ([10, 0, 10], 4, [2, 0, 2]),
    ],
)
def test_so_many_of_each_class_are_held_out_for_validation(counts, asked, held_out):
    images = numbered(counts)
    train, validation = hold_out_validation(images, asked)
    assert np.bincount(validation.labels, minlength=len(counts)).tolist() == held_out
    assert sorted(numbers(train) + numbers(validation)) == numbers(images), "each image is in one of them"
    for split in (train, validation):
        assert (split.labels == images.labels[numbers(split)]).all()
    assert numbers(hold_out_validation(images, asked)[1]) == numbers(validation), "always the same ones"


def test_the_10000_of_cifar_hold_the_5000_of_the_share():
    images = numbered([5_000] * 10)
    many, few = (set(numbers(hold_out_validation(images, asked)[1])) for asked in ("auto", "share"))
    assert (len(many), len(few)) == (10_000, 5_000)
    assert few < many
    assert set(numbers(hold_out_validation(images, 10_000)[1])) == many


@pytest.mark.parametrize("asked", [2, 51, 10_000])
def test_a_number_without_an_image_of_each_class_or_above_half_is_refused(asked):
    with pytest.raises(UsageError) as caught:
        hold_out_validation(numbered([50, 30, 20]), asked)
    assert str(caught.value) == (
        f"`data.validation` is {asked}, but must be from 3 (an image of each class) to 50 (half of the 100 training "
        "images): give such a number, or leave it out."
    )
