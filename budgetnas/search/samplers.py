"""The samplers: each proposes a candidate that fits and was not tried, from a history and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from budgetnas.records.trial import Candidate
from budgetnas.search.history import History
from budgetnas.search.surrogate import FEWEST, Surrogate
from budgetnas.space.members import Band, Member
from budgetnas.space.resnet import ResNetSpace

ENUMERABLE = 2_000
POOL = 1_000
STRATIFIED = 10
QUARTILES = 4
_TRIES = 100


class Sampler(Protocol):
    """Proposes architectures."""

    def propose(self, history: History) -> Candidate | None:
        """Return a candidate inside the band that `history` has not seen; None when there is none left."""


class RandomSampler:
    """Draws a number of stages, each alike, then uniformly among the feasible networks that have it.

    Args:
        space: decodes the members.
        feasible: what may be proposed.
        seed: of the study.
    """

    def __init__(self, space: ResNetSpace, feasible: Band, *, seed: int) -> None:
        self._pool = CandidatePool(space, feasible, seed=seed, origin="random")

    def propose(self, history: History) -> Candidate | None:
        """Return the first unseen draw."""
        return next(iter(self._pool.unseen(history, 1)), None)


class ThompsonSampler:
    """Draws one function from the posterior of a Gaussian process and proposes where it is highest.

    The first ten proposals are stratified: over the numbers of stages, and over the quartiles of MACs inside each.
    Thompson, "On the likelihood that one unknown probability exceeds another" (Biometrika 25, 1933).

    Args:
        space: decodes the members.
        feasible: what may be proposed.
        seed: of the study.
    """

    def __init__(self, space: ResNetSpace, feasible: Band, *, seed: int) -> None:
        self._pool = CandidatePool(space, feasible, seed=seed, origin="thompson")
        self._seed = seed
        self._model: tuple[tuple[float, ...], Surrogate] | None = None

    def propose(self, history: History) -> Candidate | None:
        """Return the next of the stratified start, then the best of a pool under one posterior draw."""
        proposals = history.number - history.seeded
        if proposals < STRATIFIED or len(history.scores) < FEWEST:
            return next(iter(self._pool.stratum(history, proposals)), None)
        pool = self._pool.unseen(history, POOL)
        if not pool:
            return None
        drawn = self._surrogate(history).sample(pool, _seed(self._seed, history.number, 1))
        return pool[int(drawn.argmax())]

    def _surrogate(self, history: History) -> Surrogate:
        if self._model is None or self._model[0] != history.scores:
            self._model = (history.scores, Surrogate(history.observed, history.scores))
        return self._model[1]


class CandidatePool:
    """Unseen members of a feasible set, as candidates: all of a small set, fresh draws from a large one."""

    def __init__(self, space: ResNetSpace, feasible: Band, *, seed: int, origin: str) -> None:
        self._space, self._feasible, self._seed, self._origin = space, feasible, seed, origin
        self._all = list(feasible.members()) if feasible.is_exact and len(feasible) <= ENUMERABLE else None

    def unseen(self, history: History, number: int) -> list[Candidate]:
        """Return `number` distinct unseen candidates or as many as there are, in an order drawn for this trial."""
        rng = np.random.default_rng(_seed(self._seed, history.number, 0))
        if self._all is not None:
            members = [self._all[i] for i in rng.permutation(len(self._all))]
            return self._fresh(members, history)[:number]
        for _ in range(_TRIES):
            found = self._fresh(self._feasible.draw(number, rng=rng), history)
            if found:
                return found
        return self._fresh(list(self._feasible.members()), history)[:number]

    def stratum(self, history: History, proposals: int) -> list[Candidate]:
        """Return unseen candidates of the number of stages and the quartile of MACs whose turn it is."""
        if self._all is not None:
            return self.unseen(history, 1)
        rng = np.random.default_rng(_seed(self._seed, history.number, 0))
        depths = sorted(self._feasible.counts)
        stages = depths[proposals % len(depths)]
        quartile = (proposals + proposals // len(depths)) % QUARTILES
        draws = sorted(self._feasible.draw(25 * QUARTILES, rng=rng, stages=stages), key=lambda member: member.macs)
        share = len(draws) // QUARTILES
        inside = draws[quartile * share : (quartile + 1) * share]
        chosen = self._fresh([inside[i] for i in rng.permutation(share)], history)
        return chosen or self.unseen(history, 1)

    def _fresh(self, members: Sequence[Member], history: History) -> list[Candidate]:
        seen = set(history.seen)
        found = []
        for member in members:
            spec = self._space.decode(member.states)
            if spec.id not in seen:
                seen.add(spec.id)
                found.append(Candidate(spec=spec, params=member.params, macs=member.macs, origin=self._origin))
        return found


SAMPLERS: dict[str, type[RandomSampler] | type[ThompsonSampler]] = {
    "thompson": ThompsonSampler,
    "random": RandomSampler,
}


def recommend(candidates: Sequence[Candidate], scores: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the score to trust for each trained candidate, [N].

    The posterior mean over what was trained, which discounts lucky trainings; the score itself where there are too
    few to learn from.
    """
    if len(scores) < FEWEST:
        return np.array(scores, dtype=np.float64)
    return Surrogate(candidates, scores).posterior(candidates)[0]


def _seed(study: int, number: int, use: int) -> int:
    return int(np.random.SeedSequence([study, number, use]).generate_state(1)[0])
