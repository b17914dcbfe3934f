"""Power: the smallest gain that a comparison of fresh seeds can show, from the spread of seeds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import sqrt
from statistics import variance

import numpy as np

from budgetnas.evidence.estimate import FEWEST_REPEATS, LEVEL
from budgetnas.evidence.looks import level_per_look

POWER = 0.8
_REPEATS = 20_000

# Of the variance over seeds in points^2, _SEED + _IMAGE / images. The first is that of whole networks, the second of
# single images. Source: ResNet-20 after 15 epochs of CIFAR-10, 85 % correct (studies/results/resnet20_budget).
_SEED, _IMAGE = 0.025, 300.0


def smallest_gain(sd: float, looks: Sequence[int], *, power: float = POWER) -> float:
    """Return the smallest true gain that is shown with a power, in the unit of `sd`.

    >>> round(smallest_gain(0.23, [5]), 2), round(smallest_gain(0.23, [3, 5, 8, 12]), 2)
    (0.47, 0.32)

    One look by the noncentral t distribution, several by simulation with a fixed seed.

    Args:
        sd: standard deviation over seeds, the same for both networks.
        looks: seeds of each network at every look, rising, the first at least 2; one where there are no others.
        power: chance to show the gain, in (0, 1).
    """
    assert looks[0] >= FEWEST_REPEATS, "one seed has no interval"
    return sd * (_of_one(looks[0], power) if len(looks) == 1 else _of_several(tuple(looks), power))


def _of_one(seeds: int, power: float) -> float:
    """Return the gain in standard deviations that one look shows by the upper end of its interval."""
    from scipy.special import nctdtrinc, stdtrit

    free = 2 * seeds - 2
    return float(nctdtrinc(free, 1 - power, stdtrit(free, (1 + LEVEL) / 2))) * sqrt(2 / seeds)


@cache
def _of_several(looks: tuple[int, ...], power: float) -> float:
    """Return the gain in standard deviations that some look shows: a repeat has one above which it does."""
    from scipy.special import stdtrit

    quantile = (1 + level_per_look(looks)) / 2
    one, other = np.random.default_rng(0).standard_normal((2, _REPEATS, looks[-1]))
    needed = np.full(_REPEATS, np.inf)
    for n in looks:
        parts = [side[:, :n].var(axis=1, ddof=1) / n for side in (one, other)]
        total = parts[0] + parts[1]
        free = (n - 1) * total**2 / (parts[0] ** 2 + parts[1] ** 2)
        difference = one[:, :n].mean(axis=1) - other[:, :n].mean(axis=1)
        needed = np.minimum(needed, stdtrit(free, quantile) * np.sqrt(total) - difference)
    return float(np.quantile(needed, power))


def assumed_sd(images: int) -> float:
    """Return the standard deviation over seeds of an accuracy on so many images, in points, where none is known.

    >>> round(assumed_sd(10_000), 2), round(assumed_sd(5_000), 2)
    (0.23, 0.29)
    """
    return sqrt(_SEED + _IMAGE / images)


def pooled_sd(groups: Sequence[Sequence[float]]) -> tuple[float, int] | None:
    """Return the standard deviation within groups of repeats and its degrees of freedom; None without repeats.

    >>> pooled_sd([[1.0, 3.0], [5.0], [2.0, 2.0, 2.0]])
    (0.816496580927726, 3)
    """
    repeated = [group for group in groups if len(group) >= FEWEST_REPEATS]
    free = sum(len(group) - 1 for group in repeated)
    if not free:
        return None
    return sqrt(sum(variance(group) * (len(group) - 1) for group in repeated) / free), free
