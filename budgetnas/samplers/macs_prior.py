"""What is known of a network's score before any training: up to a point, more MACs help.

Among networks of 80 to 100 % of a cap, a doubling of the MACs raised the mean of three trainings by 2.4 to 3.3 standard
deviations in the table of Channel-Bench-Macro (straight lines through log2 MACs, caps of 2M, 3M, 5M and 8M), and by
about 2 in the study `studies/results/resnet20_budget`. That study trained no network of more MACs than ResNet-20. So
the prior is weak, rises up to the median MACs of the band, and levels off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from budgetnas.arrays import FloatArray, IntArray
from budgetnas.space.members import Band

SLOPE = 2.0  # standard scores for a doubling of the MACs
SLOPE_SD = 1.0
LEVELS_OFF = 0.5  # doublings above the median within which most of the rise ends
_DRAWS = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class MacsPrior:
    """A prior mean that rises with MACs and levels off.

    Attributes:
        middles: of each tier, ascending: its most params, and the median MACs of its band.
    """

    middles: tuple[tuple[int, float], ...]

    def rises(self, params: IntArray, macs: IntArray) -> FloatArray:
        """Return how far each network has risen, in doublings of MACs below its band's median, negative: [N]."""
        most, medians = np.array(self.middles, dtype=np.float64).T
        tier = np.minimum(np.searchsorted(most, params), len(most) - 1)
        doublings = np.log2(np.maximum(macs, 1) / medians[tier])
        above = LEVELS_OFF * -np.expm1(-np.maximum(doublings, 0) / LEVELS_OFF)
        risen: FloatArray = np.where(doublings < 0, doublings, above)
        return risen


def usual_macs(band: Band) -> float:
    """Return the median MACs of a band, from uniform draws; 0 in a space without MACs."""
    draws = band.draw(_DRAWS, rng=np.random.default_rng(0), stratified=False)
    return float(np.median(draws.macs)) if len(draws) else 0.0


def prior_of(middles: Sequence[tuple[int, float]]) -> MacsPrior | None:
    """Return the prior of these tiers, (most params, median MACs) each; None in a space without MACs."""
    return MacsPrior(middles=tuple(middles)) if all(macs > 0 for _, macs in middles) else None
