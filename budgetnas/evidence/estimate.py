"""An estimate with its interval, and the bootstrap over networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
