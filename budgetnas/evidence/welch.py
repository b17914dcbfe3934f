"""The comparison of two sets of repeats: the difference of their means with Welch's interval."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import mean, variance

from scipy.stats import t as student

from budgetnas.evidence.estimate import LEVEL, Estimate

FEWEST_REPEATS = 2  # on each side, for an interval


def welch(left: Sequence[float], right: Sequence[float]) -> Estimate:
    """Estimate mean(left) - mean(right) of independent repeats whose variances may differ.

    >>> print(welch([0.953, 0.956, 0.955], [0.951, 0.949, 0.952]).write(places=4))
    0.0040 [0.0005, 0.0075]

    Welch, "The generalization of 'Student's' problem when several different population variances are involved"
    (Biometrika 34, 1947).

    Args:
        left: scores of the first side's repeats, at least one.
        right: scores of the second side's repeats, at least one.

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
    reach = float(student.ppf((1 + LEVEL) / 2, 1 / sum(shares))) * sqrt(total)
    return Estimate(value=value, low=value - reach, high=value + reach, n=n)


def judge(difference: Estimate) -> str:
    """Return in a few words what a difference of `welch` shows: a gain or a loss of the first side, or neither.

    >>> judge(welch([0.953, 0.956, 0.955], [0.951, 0.949, 0.952]))
    'gain shown'
    >>> judge(welch([0.953], [0.951]))
    'no interval: one repeat'
    """
    if difference.low is None:
        return "no interval: one repeat" if difference.n < FEWEST_REPEATS else "no interval: repeats do not differ"
    if difference.is_above_zero:
        return "gain shown"
    return "loss shown" if difference.is_below_zero else "no gain shown"
