"""Fixed, stratified choices among images: the validation split, and subsets of each class."""

from __future__ import annotations

import numpy as np

from budgetnas.data.dataset import Labels, Split

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
