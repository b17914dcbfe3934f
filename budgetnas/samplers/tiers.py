"""Several budgets in one study: each proposal belongs to one budget, and all share one history."""

from __future__ import annotations

from collections.abc import Sequence

from budgetnas.arrays import IntArray
from budgetnas.samplers.history import History
from budgetnas.samplers.samplers import Sampler
from budgetnas.trials.streams import Stream, generator


class TieredSampler:
    """Gives each tier's sampler one proposal per round, in a new random order every round."""

    def __init__(self, samplers: Sequence[Sampler], *, seed: int) -> None:
        self._samplers, self._seed = samplers, seed

    def propose(self, history: History) -> IntArray | None:
        """Return the proposal of the tier in turn, or of the next tier that has one left."""
        tiers = len(self._samplers)
        played, place = divmod(history.number - history.seeded, tiers)
        order = generator(self._seed, played, Stream.TIERS).permutation(tiers)
        for i in range(tiers):
            point: IntArray | None = self._samplers[order[(place + i) % tiers]].propose(history)
            if point is not None:
                return point
        return None
