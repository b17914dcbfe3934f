"""Fit the widths of a network to a cap: scale all of them, then fill up what is left one step at a time.

The rule, in order:

1. *Scale.* Every width is multiplied by one factor and rounded down to the grid (never below its lowest value, never
   above its highest); the largest factor whose network fits is taken. So the ratios of the widths stay as near to the
   given ones as the grid allows. The factor may be above 1: a network that is too small grows.
2. *Fill.* As long as any single width can rise by one step and the network still fits, the one that lags most behind
   its ratio rises; of equals, the later stage.

What results never exceeds the cap, and no single step of growth of it fits.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from fractions import Fraction

Widths = tuple[int, ...]


def fit_widths(
    widths: Sequence[int],
    *,
    fits: Callable[[Widths], bool],
    step: int = 1,
    low: int = 1,
    high: int = 8192,
    monotone: bool = False,
) -> Widths | None:
    """Return the widths that fill a cap, by the rule above.

    Args:
        widths: the shape to keep, one positive width per stage.
        fits: tells whether a network of such widths is within the cap; must hold for every narrower network of one
            for which it holds.
        step: grid of the widths, starting at `low`.
        low: narrowest width.
        high: widest width.
        monotone: whether widths may not fall from stage to stage (the given ones must not).

    Returns:
        The widths, or None where not even the narrowest network fits.
    """
    top = low + (high - low) // step * step

    def scaled(factor: Fraction) -> Widths:
        return tuple(min(top, max(low, low + (int(factor * width) - low) // step * step)) for width in widths)

    # Scaled widths change only at the factors where one of them reaches a grid point.
    points = {Fraction(point, width) for width in widths for point in range(low, top + 1, step)}
    factors = sorted(points, key=float)
    fitting = bisect_left(factors, True, key=lambda factor: not fits(scaled(factor)))
    if fitting == 0:
        return None
    return _fill(scaled(factors[fitting - 1]), widths, fits=fits, step=step, top=top, monotone=monotone)


def _fill(
    found: Widths, ratios: Sequence[int], *, fits: Callable[[Widths], bool], step: int, top: int, monotone: bool
) -> Widths:
    while True:
        order = sorted(range(len(found)), key=lambda i: (Fraction(found[i], ratios[i]), -i))
        for i in order:
            wider = (*found[:i], found[i] + step, *found[i + 1 :])
            falls = monotone and i + 1 < len(found) and wider[i] > wider[i + 1]
            if wider[i] <= top and not falls and fits(wider):
                found = wider
                break
        else:
            return found
