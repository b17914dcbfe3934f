"""The first view of an axis of scores: one rule for all figures.

A few bad values, such as failed trainings, do not squash the others. A double-click on a figure shows all values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from budgetnas.evidence.scores import ACCURACY, Score

_FENCE = 3.0  # interquartile ranges below the lower quartile: Tukey's outer fence
_SHARE = 1 / 3  # the view leaves values out where the others take at most this share of the whole range
_MARGIN = 0.06
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """The part of an axis that is shown first, as it is drawn: in percent, or as a loss.

    Attributes:
        low: lower end.
        high: upper end.
        outside: number of worse values, which are not in it.
        of_all: number of values.
        score: of the axis.
    """

    low: float
    high: float
    outside: int
    of_all: int
    score: Score = ACCURACY

    def words(self, noun: str) -> str:
        """Say how many values are outside, in a sentence that begins with a space.

        Args:
            noun: what the values are of, in the plural.
        """
        end = f"below {self.low:.1f} %" if self.score.is_share else f"above {self.high:.3f}"
        return f" Outside the first view: {self.outside:,} of {self.of_all:,} {noun}, {end}; double-click to show all."


def first_view(values: Iterable[float], score: Score = ACCURACY) -> View | None:
    """Return the first view of an axis; None where it is of all values.

    Values below Tukey's outer fence are left out where the others take at most a third of the whole range. The best
    is always shown.

    Args:
        values: shares in [0, 1], or negative losses: higher is better.
        score: that they are.
    """
    found = score.factor * np.array(list(values))
    if not len(found):
        return None
    lower, upper = np.quantile(found, [0.25, 0.75])
    kept = found[found >= lower - _FENCE * (upper - lower)]
    low, high, lowest = float(kept.min()), float(kept.max()), float(found.min())
    if low == lowest or high - low > _SHARE * (high - lowest):
        return None
    margin = _MARGIN * ((high - low) or (high - lowest) * _SHARE)
    below = int((found < low - margin).sum())
    if not below:
        return None
    low, high = (low - margin, high + margin) if score.is_share else (-high - margin, margin - low)
    return View(low=low, high=high, outside=below, of_all=len(found), score=score)


def ends(view: View | None) -> list[float] | None:
    """Return the range of an axis for plotly; None for a range of all values."""
    return None if view is None else [view.low, view.high]


def outside(view: View | None, noun: str) -> str:
    """Return `View.words`; "" where all values are shown."""
    return "" if view is None else view.words(noun)


def around(values: Sequence[float]) -> list[float]:
    """Return the range of an axis that holds one or more values with a margin."""
    margin = _MARGIN * (max(values) - min(values)) or 1.0
    return [min(values) - margin, max(values) + margin]


def round_step(low: float, high: float, parts: int) -> float:
    """Return the smallest round step, of 1, 2, 2.5 or 5 times a power of ten, that gives at most so many parts.

    >>> round_step(0, 10, 5), round_step(94.3, 94.36, 8)
    (2.0, 0.01)
    """
    rough = (high - low) / parts
    power = 10.0 ** float(np.floor(np.log10(rough)))
    return next(float(round(step * power, 12)) for step in _STEPS if step * power >= rough * (1 - 1e-9))
