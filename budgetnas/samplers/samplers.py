"""The samplers by name. Each proposes a point that fits and is new, as a function of the history only.

Random draws, regularised evolution and tiers of several samplers are here; the others have modules of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np

from budgetnas.arrays import IntArray, Stream, generator
from budgetnas.samplers.history import START, History, Pool, first
from budgetnas.samplers.joint_thompson import JointThompsonSampler
from budgetnas.samplers.repaired import FreeSampler, RepairedSampler, optuna_sampler
from budgetnas.samplers.rules import Rule
from budgetnas.samplers.thompson import ThompsonSampler
from budgetnas.space.members import Band
from budgetnas.space.protocol import Space

SamplerName = Literal["thompson", "evolution", "random", "tpe"]
OverBudget = Literal["exclude", "prune"]
FREE: tuple[SamplerName, ...] = ("random", "tpe")
POPULATION = 40
TOURNAMENT = 10
_TRIES = 50


class Sampler(Protocol):
    """A function from a history to the next point."""

    def propose(self, history: History) -> IntArray | None:
        """Return a point [D] of the band that is new to `history`; None when none is left."""
        ...


class RandomSampler:
    """Draws a stratum uniformly, then one of its new members uniformly."""

    def __init__(self, space: Space, band: Band, *, seed: int) -> None:
        self._pool = Pool(space, band, seed=seed)

    def propose(self, history: History) -> IntArray | None:
        """Return the first new draw."""
        return first(self._pool.unseen(history, 1))


class EvolutionSampler:
    """Mutates one value of the best of ten random networks among the latest forty, and repairs the child into the band.

    This is regularised evolution under a budget: Real, Aggarwal, Huang and Le, "Regularized evolution for image
    classifier architecture search" (AAAI 2019). The first proposals are stratified as in `ThompsonSampler`.
    """

    def __init__(self, space: Space, band: Band, *, seed: int, start: int = START) -> None:
        self._space, self._pool = space, Pool(space, band, seed=seed, start=start)
        self._free = [i for i, dimension in enumerate(space.dimensions) if len(dimension.values) > 1]

    def propose(self, history: History) -> IntArray | None:
        """Return the first new child, or a random member after fifty children that are not new."""
        points, scores = history.observed
        if history.number - history.seeded < self._pool.starts or not len(points) or not self._free:
            return self._pool.start(history)
        rng = self._pool.rng(history, Stream.PROPOSAL)
        points, scores = points[-POPULATION:], scores[-POPULATION:]
        for _ in range(_TRIES):
            rivals = rng.choice(len(points), size=min(TOURNAMENT, len(points)), replace=False)
            child = self._mutate(points[rivals[scores[rivals].argmax()]], rng)
            if (found := self._pool.repaired(child, history)) is not None:
                return found
        return first(self._pool.unseen(history, 1))

    def _mutate(self, point: IntArray, rng: np.random.Generator) -> IntArray:
        """Return a member that differs from `point` in one value, drawn uniformly from its grid."""
        child = point.copy()
        i = int(rng.choice(self._free))
        child[i] = rng.choice([value for value in self._space.dimensions[i].values if value != point[i]])
        mutated: IntArray = self._space.canonical(child[None])[0]
        return mutated


class TieredSampler:
    """Gives each tier's sampler one proposal per round, in a new random order every round.

    A tier is one of several budgets in a study. Each proposal belongs to one tier, and all tiers share one history.
    """

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


def make_sampler(
    name: SamplerName,
    space: Space,
    band: Band,
    *,
    seed: int,
    over_budget: OverBudget = "exclude",
    rule: Rule | None = None,
) -> Sampler:
    """Make a sampler by its name.

    Args:
        name: "thompson", "evolution", "random" or "tpe".
        space: the search space.
        band: the members that may be proposed.
        seed: the study's seed.
        over_budget: "exclude" proposes only networks that fit; "prune" lets Optuna's sampler of that name ("random" or
            "tpe") propose freely, including over-budget and repeated points.
        rule: how "thompson" learns from scores, and how many networks a start has; default: one process over all
            lengths, without a prior on MACs.
    """
    rule = rule or Rule()
    if over_budget == "prune":
        assert name in FREE
        return FreeSampler(space, optuna_sampler(name), seed=seed)
    if name == "thompson" and rule.model == "joint":
        return JointThompsonSampler(space, band, seed=seed, prior=rule.prior)
    if name == "thompson":
        return ThompsonSampler(space, band, seed=seed)
    if name == "evolution":
        return EvolutionSampler(space, band, seed=seed, start=rule.start)
    if name == "tpe":
        return RepairedSampler(space, band, optuna_sampler("tpe"), seed=seed)
    return RandomSampler(space, band, seed=seed)
