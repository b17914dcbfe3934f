"""Accuracy: the share of correctly classified images, its interval, and a test against guessing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from statistics import NormalDist, mean, stdev

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrc, stdtrit

from budgetnas.evidence.estimate import LEVEL
from budgetnas.exceptions import BudgetNASError
from budgetnas.text import write_percent

BRACKETS = "In brackets: 95 % interval over the images (Wilson), of the mean where there are several seeds."
Interval = tuple[float, float]


def wilson(correct: float, images: float) -> Interval:
    """Return Wilson's score interval of a share at `LEVEL`, both ends in [0, 1].

    >>> [round(end, 4) for end in wilson(15, 148)]
    [0.0624, 0.1605]

    Wilson, "Probable inference, the law of succession, and statistical inference" (Journal of the American Statistical
    Association 22, 1927). Its width is above 0 even if no image or every image is correct.

    Args:
        correct: number of correct images, from 0 to `images`; a mean over seeds need not be an integer.
        images: number of images, at least 1; the number that a variance is worth need not be an integer.

    Raises:
        BudgetNASError: `correct` is out of range, as in a study that was edited by hand.
    """
    if images < 1 or not 0 <= correct <= images:
        raise BudgetNASError(
            f"is {correct:g} of {images:,} `images`, but must be from 0 to all of them.", argument="correct"
        )
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)

    def lowest(right: float) -> float:
        spread = right * (images - right) / images
        return (right + z * z / 2 - z * sqrt(spread + z * z / 4)) / (images + z * z)

    return lowest(correct), 1 - lowest(images - correct)


@dataclass(frozen=True, kw_only=True, slots=True)
class Accuracy:
    """The accuracy of a network on a split, over its training seeds.

    Attributes:
        shares: share of correct images per seed, in [0, 1]; at least one.
        images: number of images, the same for all seeds.
    """

    shares: Sequence[float]
    images: int

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return mean(self.shares)

    @property
    def spread(self) -> float | None:
        """Standard deviation over seeds; None with one seed."""
        return stdev(self.shares) if len(self.shares) > 1 else None

    @property
    def interval(self) -> Interval:
        """Wilson's interval of the mean over the images; more seeds do not narrow it."""
        return wilson(self.mean * self.images, self.images)

    def write(self, unit: str = "") -> str:
        """Write it in percent: `98.33 [96.1, 99.3]`, over seeds `98.33 +- 0.12 [96.1, 99.3]`.

        Args:
            unit: text between the number and its interval.
        """
        return write_percent(self.mean, self.spread, self.interval, unit=unit)

    def __str__(self) -> str:
        return self.write()


def over_seeds(shares: Sequence[float]) -> Interval | None:
    """Return Student's interval at `LEVEL` of a mean accuracy over seeds, within [0, 1].

    None with one seed, and where the seeds do not differ, since an interval of width 0 would claim certainty.
    """
    spread = stdev(shares) if len(shares) > 1 else 0.0
    return _around(mean(shares), _reach(spread, len(shares))) if spread else None


def over_seeds_and_images(right: npt.ArrayLike) -> Interval | None:
    """Return the interval at `LEVEL` of a mean accuracy for other seeds and for other images of the same kind.

    It reaches as far as that over seeds and that over images together, as the sides of a right angle do.

    Args:
        right: [seeds, images] whether each training was right, image by image.

    Returns:
        The interval within [0, 1]; None where `over_seeds` has none.
    """
    correct = np.asarray(right, dtype=np.float64)
    shares = correct.mean(axis=1)
    if over_seeds(shares.tolist()) is None:
        return None
    seeds = _reach(float(shares.std(ddof=1)), len(shares))
    images = _reach(float(correct.mean(axis=0).std(ddof=1)), correct.shape[1])
    return _around(float(shares.mean()), hypot(seeds, images))


def _reach(spread: float, n: int) -> float:
    return float(stdtrit(n - 1, (1 + LEVEL) / 2)) * spread / sqrt(n)


def _around(value: float, reach: float) -> Interval:
    return max(0.0, value - reach), min(1.0, value + reach)


RARE = 0.0005  # once in 2,000: a search has a hundred scores, and predictions for similar images are not independent


def is_luck(right: int, images: int, *, chance: float) -> bool:
    """Return whether guessing explains a number of correct images: a one-sided binomial test at the level `RARE`.

    >>> is_luck(560, 5000, chance=0.1), is_luck(600, 5000, chance=0.1)
    (True, False)

    Args:
        right: number of correct images.
        images: number of images.
        chance: probability that a guess is correct, in (0, 1].
    """
    return right == 0 or float(bdtrc(right - 1, images, chance)) > RARE
