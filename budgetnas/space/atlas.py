"""The survey of a space under a cap, before any training: sizes, extremes, and the distribution of MACs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from budgetnas.budget import Budget
from budgetnas.space.band import cap_of, largest_fitting, over_memory
from budgetnas.space.members import BandCost, Member, SpaceIndex
from budgetnas.space.outline import NEVER
from budgetnas.space.priced import PricedIndex, with_cap

SHARES = (0.9, 0.95, 0.99)
DRAWS = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Atlas:
    """The atlas of a space under a cap.

    Attributes:
        budget: the caps.
        size: number of architectures without caps; exact unless the space has no chains and is too large to list.
        method: how the numbers below were found, in words.
        is_exact: whether they are exact, not estimates.
        fitting: number of architectures that fit, by stratum.
        near: number between a share of the cap and the cap, by share and stratum.
        margins: half widths of the 95 % intervals of `near`; of `fitting` under share 0.
        cost: the cost that is surveyed: params or bytes.
        over_memory: number of architectures that the cap on memory alone keeps out.
        smallest: the architecture of least cost.
        largest: the architecture of most cost within the cap.
        most_macs: the architecture of most MACs with at least 0.9 of the cap; None without any.
        draws_low: least cost of the draws: 0.9 of the cap, or 0 where nothing is that near.
        draws: (stratum, params, macs) of 2,000 uniform draws.
    """

    budget: Budget
    size: int
    method: str
    is_exact: bool
    fitting: Mapping[int, int]
    near: Mapping[float, Mapping[int, int]]
    margins: Mapping[float, Mapping[int, int]]
    cost: BandCost
    over_memory: int
    smallest: Member
    largest: Member
    most_macs: Member | None
    draws_low: int
    draws: tuple[tuple[int, int, int], ...]

    def macs_quantiles(self) -> dict[float, int]:
        """Return quantiles of the draws' MACs, an estimate of the band's quantiles."""
        macs = np.array([draw[2] for draw in self.draws])
        return {q: int(np.quantile(macs, q)) for q in (0.05, 0.25, 0.5, 0.75, 0.95)}


def make_atlas(index: SpaceIndex, cap: int | Budget, *, seed: int = 0) -> Atlas:
    """Survey a space under a cap on params, or on bytes, whichever the index is of, and the caps of its index.

    Args:
        index: of the space.
        cap: the cap, or a budget with it.
        seed: of the draws.

    Raises:
        InfeasibleBudgetError: nothing of the space fits.
    """
    largest = largest_fitting(index, cap)
    smallest = index.smallest()
    assert smallest is not None
    budget = cap if isinstance(cap, Budget) else _budget_of(index, cap)
    most = int(getattr(largest, index.cost))
    cap = most if (capped := cap_of(index, cap)) == NEVER else capped
    floors = [-(-round(share * 100) * cap // 100) for share in SHARES]
    thresholds = (cap, *(floor - 1 for floor in floors))
    band = index.band(floors[0] if most >= floors[0] else 0, cap, also=thresholds)
    below = index.counts(np.array(thresholds, dtype=np.int64))
    fitting = {stratum: int(counts[0]) for stratum, counts in below.items()}
    near = {
        share: {stratum: int(counts[0] - counts[i + 1]) for stratum, counts in below.items()}
        for i, share in enumerate(SHARES)
    }
    if not len(band):  # an estimate
        band = index.band(0, cap)
    drawn = band.draw(DRAWS, rng=np.random.default_rng(seed), stratified=False)
    strata = index.space.strata(drawn.points)
    return Atlas(
        budget=budget,
        cost=index.cost,
        over_memory=over_memory(index, budget),
        size=index.size(),
        method=index.method,
        is_exact=index.is_exact,
        fitting=fitting,
        near=near,
        margins={
            share: {stratum: index.margin(count, stratum) for stratum, count in counts.items()}
            for share, counts in ((0.0, fitting), *near.items())
        },
        smallest=smallest,
        largest=largest,
        most_macs=index.most_macs(floors[0], cap),
        draws_low=band.low,
        draws=tuple(zip(strata.tolist(), drawn.params.tolist(), drawn.macs.tolist(), strict=True)),
    )


def _budget_of(index: SpaceIndex, cap: int) -> Budget:
    if isinstance(index, PricedIndex):
        return with_cap(index.budget, index.cost, cap)
    return Budget(max_params=cap, max_macs=index.max_macs)
