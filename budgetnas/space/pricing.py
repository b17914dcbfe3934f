"""The costs of the parts of a stratum's networks, and whether these run within a cap on memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from budgetnas.arch import pool_bytes, pool_memory, pools
from budgetnas.arch.peak_memory import element_bytes
from budgetnas.arch.pools import Family, Ints, Stages
from budgetnas.arch.spec import DataShape
from budgetnas.arrays import BoolArray, IntArray
from budgetnas.space.chain import Prices


@dataclass(frozen=True, kw_only=True, slots=True)
class Pricing:
    """The two costs of parts of networks, as `Prices` names them, and which parts fit the memory (None for all).

    Attributes:
        prices: the costs, and the cap.
        family: of the networks.
        shape: shape of images, and number of classes.
    """

    prices: Prices
    family: Family
    shape: DataShape

    def stem(self, width: IntArray) -> pools.Cost:
        """Return the costs of stems."""
        return self._two(
            lambda: pools.stem(width, self.shape),
            lambda: pool_bytes.stem(width, self.shape, self.prices.weights),
            lambda: pool_memory.stem(width, self.shape),
        )

    def stage(self, one: Stages, halvings: int, *, is_first: bool) -> pools.Cost:
        """Return the costs of stages, behind so many halvings; the first are behind the stem."""
        return self._two(
            lambda: pools.stage(one, self.family),
            lambda: pool_bytes.stage(one, self.family, self.prices.weights, is_first=is_first),
            lambda: pool_memory.stage(one, self.family, self.shape, halvings),
        )

    def head(self, width: IntArray, on: Ints) -> pools.Cost:
        """Return the costs of heads, on maps of `on` pixels."""
        neck = self.family.neck
        return self._two(
            lambda: pools.head(width, self.shape, neck=neck, on=on),
            lambda: pool_bytes.head(width, self.shape, self.prices.weights, neck=neck),
            lambda: pool_memory.head(width, self.shape, neck=neck, on=on),
        )

    def joined(self, one: pools.Cost, other: pools.Cost) -> pools.Cost:
        """Return the costs of two parts of the same networks."""
        main = np.maximum(one[0], other[0]) if self.prices.main == "memory" else one[0] + other[0]
        return main, one[1] + other[1]

    def stem_runs(self, width: IntArray) -> BoolArray | None:
        """Return which stems fit the memory."""
        return self._fits(lambda: pool_memory.stem(width, self.shape))

    def stage_runs(self, one: Stages, halvings: int) -> BoolArray | None:
        """Return which stages, behind so many halvings, fit the memory."""
        return self._fits(lambda: pool_memory.stage(one, self.family, self.shape, halvings))

    def head_runs(self, width: IntArray, on: Ints) -> BoolArray | None:
        """Return which heads, on maps of `on` pixels, fit the memory."""
        return self._fits(lambda: pool_memory.head(width, self.shape, neck=self.family.neck, on=on))

    def _two(
        self, cost: Callable[[], pools.Cost], size: Callable[[], IntArray], peak: Callable[[], IntArray]
    ) -> pools.Cost:
        names = self.prices.main, self.prices.second
        found = {}
        if {"params", "macs"} & set(names):
            found["params"], found["macs"] = cost()
        if "bytes" in names:
            found["bytes"] = size()
        if "memory" in names:
            found["memory"] = peak() * element_bytes(self.prices.weights)
        return found[names[0]], found[names[1]]

    def _fits(self, peak: Callable[[], IntArray]) -> BoolArray | None:
        cap = self.prices.max_memory
        return None if cap is None else peak() <= cap // element_bytes(self.prices.weights)
