"""An estimate with its interval: by the bootstrap over networks, or by Welch's test between two sets of repeats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import hypot, sqrt
from statistics import mean, variance

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

Interval = tuple[float, float] | tuple[None, None]

LEVEL = 0.95
RESAMPLES = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """An estimated number.

    Attributes:
        value: the estimate; NaN where undefined.
        low: lower end of its interval at `LEVEL`; None without an interval.
        high: upper end; None without an interval.
        n: number of networks or repeats behind it.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int

    @property
    def is_above_zero(self) -> bool:
        """Whether the whole interval is above 0; False without an interval."""
        return self.low is not None and self.low > 0

    @property
    def is_below_zero(self) -> bool:
        """Whether the whole interval is below 0; False without an interval."""
        return self.high is not None and self.high < 0

    def write(self, places: int = 2) -> str:
        """Write the estimate: `0.62 [0.31, 0.84]`, or `0.62` without an interval or with one of width 0."""
        if np.isnan(self.value):
            return "undefined"
        value = f"{self.value:z.{places}f}"
        return value if self.low == self.high else f"{value} [{self.low:z.{places}f}, {self.high:z.{places}f}]"

    def __str__(self) -> str:
        return self.write()


def bootstrap(
    statistic: Callable[..., npt.ArrayLike], *columns: npt.ArrayLike, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Return the percentile interval of a statistic at `LEVEL`, with networks drawn with replacement.

    Efron, "Bootstrap methods: another look at the jackknife" (Annals of Statistics 7, 1979). A network's values in all
    columns are drawn together, so comparisons within one call use the same resamples.

    Args:
        statistic: function of one array [R, N] per column, a resample per row, to [R]. Within a resample the networks
            keep their order in the columns.
        columns: [N] each, one value per network.
        seed: seed of the resamples.
        resamples: R.

    Returns:
        Low and high. Resamples in which the statistic is not finite (all networks alike) are left out; (None, None)
        where none is left. An interval of width 0 shows only that all resamples agree.
    """
    arrays = [np.asarray(column) for column in columns]
    n = len(arrays[0])
    assert n > 0, "nothing to draw from"
    assert all(array.shape == (n,) for array in arrays), "the columns differ in length"
    rows = np.sort(np.random.default_rng(seed).integers(n, size=(resamples, n)), axis=1)
    values = np.asarray(statistic(*(array[rows] for array in arrays)), dtype=np.float64)
    assert values.shape == (resamples,), "the statistic must return one value a resample"
    values = values[np.isfinite(values)]
    if not len(values):
        return None, None
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


FEWEST_REPEATS = 2  # on each side, for an interval


def welch(left: Sequence[float], right: Sequence[float], *, level: float = LEVEL) -> Estimate:
    """Estimate mean(left) - mean(right) of independent repeats whose variances may differ.

    >>> print(welch([0.953, 0.956, 0.955], [0.951, 0.949, 0.952]).write(places=4))
    0.0040 [0.0005, 0.0075]

    Welch, "The generalization of 'Student's' problem when several different population variances are involved"
    (Biometrika 34, 1947).

    Args:
        left: scores of the first side's repeats, at least one.
        right: scores of the second side's repeats, at least one.
        level: of the interval, in (0, 1).

    Returns:
        The difference; its `n` is the smaller number of repeats. It has no interval if that is 1, or if the repeats do
        not differ on either side, since an interval of width 0 would claim certainty.
    """
    assert len(left), "the first has no repeats"
    assert len(right), "the second has no repeats"
    n = min(len(left), len(right))
    value = float(mean(left) - mean(right))
    parts = [variance(repeats) / len(repeats) if n >= FEWEST_REPEATS else 0.0 for repeats in (left, right)]
    total = float(sum(parts))  # the squared standard error
    if total == 0:
        return Estimate(value=value, n=n)
    shares = [(part / total) ** 2 / (len(repeats) - 1) for part, repeats in zip(parts, (left, right), strict=True)]
    reach = float(stdtrit(1 / sum(shares), (1 + level) / 2)) * sqrt(total)
    return Estimate(value=value, low=value - reach, high=value + reach, n=n)


def welch_on_images(left: npt.ArrayLike, right: npt.ArrayLike, *, level: float = LEVEL) -> Estimate:
    """Estimate the difference of two accuracies for other seeds and for other test images of the same kind.

    The interval reaches as far as Welch's over the seeds and that over the images together, as the sides of a right
    angle do: the second from the variance over images of their mean difference. The luck of single seeds with single
    images is in both, so the interval is somewhat wide.

    Args:
        left: [n, images] whether each training of the first network was right, image by image, or the part of each
            image in another score, which is their mean.
        right: [m, images] likewise of the second network, on the same images.
        level: of the interval, in (0, 1).

    Returns:
        The difference of scores, without an interval where `welch` has none.
    """
    one, other = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    assert one.shape[1] == other.shape[1], "the images differ"
    seeds = welch(list(one.mean(axis=1)), list(other.mean(axis=1)), level=level)
    images = one.shape[1]
    if seeds.high is None or images < FEWEST_REPEATS:
        return replace(seeds, low=None, high=None)
    spread = float((one.mean(axis=0) - other.mean(axis=0)).std(ddof=1)) / sqrt(images)
    reach = hypot(seeds.high - seeds.value, float(stdtrit(images - 1, (1 + level) / 2)) * spread)
    return replace(seeds, low=seeds.value - reach, high=seeds.value + reach)


ON_THIS_SET = " on this test set"


def judge(difference: Estimate, wider: Estimate | None = None) -> str:
    """Return in a few words what a difference of `welch` shows: a gain or a loss of the first side, or neither.

    >>> judge(welch([0.953, 0.956, 0.955], [0.951, 0.949, 0.952]))
    'gain shown'
    >>> judge(welch([0.953], [0.951]))
    'no interval: one repeat'

    Args:
        difference: over seeds.
        wider: over seeds and test images, where these are known: what it does not show is shown "on this test set".
    """
    if difference.low is None:
        return "no interval: one repeat" if difference.n < FEWEST_REPEATS else "no interval: repeats do not differ"
    if not (difference.is_above_zero or difference.is_below_zero):
        return "no gain shown"
    words = "gain shown" if difference.is_above_zero else "loss shown"
    is_general = wider is None or (wider.is_above_zero if difference.is_above_zero else wider.is_below_zero)
    return words if is_general else words + ON_THIS_SET
