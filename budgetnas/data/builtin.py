"""Data sets that need no download: scikit-learn's digits in two splits."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from budgetnas.arrays import Array
from budgetnas.data.dataset import RawData, Split, Traits, choose, hold_out

DIGITS_NOTICE = "digits is a smoke test: 1,797 images of 8x8 pixels. Its ranking does not carry over to CIFAR-10."
HARD_NOTICE = (
    "digits-hard is a smoke test: 1,797 images of 8x8 pixels, 240 of them to learn from. Its ranking does not carry "
    "over to CIFAR-10."
)
KNOWN = ("cifar10", "cifar100", "digits", "digits-hard")
HARD_TRAIN, HARD_VALIDATION = 24, 20  # images per class; the other 130 or so are the test split
_DIGITS = tuple(str(digit) for digit in range(10))


def load_digits() -> RawData:
    """Return scikit-learn's digits at their native 8x8 pixels, with a fifth of each class as the test split."""
    train, test = hold_out(_all_digits(), 0.2)
    return RawData(
        name="digits",
        classes=_DIGITS,
        train=train,
        test=test,
        traits=Traits(shift=1, flip=False, proxy_epochs=3, full_epochs=10, notice=DIGITS_NOTICE),
    )


def load_digits_hard() -> RawData:
    """Return the digits in a split that separates networks: few training images, many test images."""
    train, others = choose(_all_digits(), HARD_TRAIN)
    validation, test = choose(others, HARD_VALIDATION)
    return RawData(
        name="digits-hard",
        classes=_DIGITS,
        train=train,
        validation=validation,
        test=test,
        traits=Traits(shift=1, flip=False, proxy_recipe="proxy16", proxy_epochs=3, full_epochs=12, notice=HARD_NOTICE),
    )


def _all_digits() -> Split:
    """Read the file that scikit-learn ships; importing `sklearn.datasets` would take seconds in every worker."""
    package = find_spec("sklearn")
    for folder in (package and package.submodule_search_locations) or ():
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        if path.is_file():
            table = np.loadtxt(path, delimiter=",", dtype=np.int64)
            return _as_split(table[:, :-1].reshape(-1, 8, 8), table[:, -1])
    from sklearn import datasets  # this version keeps the file in another place

    bunch = datasets.load_digits()
    return _as_split(bunch.images, bunch.target)


def _as_split(images: Array, labels: Array) -> Split:
    return Split(images=(images * 15).astype(np.uint8)[..., None], labels=labels.astype(np.int64))
