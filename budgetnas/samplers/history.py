"""The history that a proposal may use, and the pool of networks that are new to it.

A proposal may use all points before it, and the results of batches up to the last but one. So the trials depend neither
on the number of workers nor on the order in which they finish.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from budgetnas.arch.spec import ResNetSpec
from budgetnas.arrays import BoolArray, FloatArray, IntArray, Stream, generator
from budgetnas.space.members import Band, Members, cost
from budgetnas.space.protocol import Space, on_grid
from budgetnas.space.repair import repair
from budgetnas.trials.trial import Trial, TrialState

LAG = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """The view of one proposal, by trial number.

    Attributes:
        number: number of the trial to be proposed.
        points: [N, D] every point before it, proposed or seeded.
        scores: [N] their scores, higher is better; NaN where unknown (not finished, failed, pruned).
        pruned: [N] whether they were over the budget.
        seeded: number of seeded models among them.
        longer: [N] per longer length of training, ascending: their mean scores there; NaN where unknown.
    """

    number: int
    points: IntArray
    scores: FloatArray
    pruned: BoolArray
    seeded: int = 0
    longer: tuple[FloatArray, ...] = ()

    @property
    def observed(self) -> tuple[IntArray, FloatArray]:
        """Points [K, D] and scores [K] of the trials with a known score."""
        known = ~np.isnan(self.scores)
        return self.points[known], self.scores[known]

    @property
    def levels(self) -> list[FloatArray]:
        """Scores [K] of the same trials by length of training, the shortest first; lengths without a score left out."""
        known = ~np.isnan(self.scores)
        longer = [column[known] for column in self.longer]
        return [self.scores[known], *(column for column in longer if not np.isnan(column).all())]


def is_ready(trials: Sequence[Trial], number: int, batch: int) -> bool:
    """Return whether all results that proposal `number` depends on are known."""
    return all(trial.state.is_finished for trial in trials[: _known(number, batch)])


def history(
    trials: Sequence[Trial],
    number: int,
    batch: int,
    *,
    encode: Callable[[ResNetSpec], IntArray],
    full: Mapping[int, float] | None = None,
) -> History:
    """Return the history for proposal `number`.

    Args:
        trials: all trials of the first rung.
        number: of the trial to be proposed.
        batch: trials per batch.
        encode: maps a spec to its point.
        full: scores of full trainings that it may use, by number of the trial; None in a study without them.
    """
    known = _known(number, batch)
    before = trials[:number]
    scores = [trial.score if trial.number < known and trial.score is not None else np.nan for trial in before]
    points = [encode(trial.candidate.spec) for trial in before]
    return History(
        number=number,
        points=np.array(points, dtype=np.int64).reshape(len(before), -1 if before else 0),
        scores=np.array(scores, dtype=np.float64),
        pruned=np.array([trial.state is TrialState.PRUNED for trial in before], dtype=bool),
        seeded=sum(bool(trial.facts.seeded) for trial in before),
        longer=() if full is None else (np.array([full.get(trial.number, np.nan) for trial in before]),),
    )


def _known(number: int, batch: int) -> int:
    return max(0, (number // batch - LAG + 1) * batch)


START = 10  # proposals of `Pool.start` before a sampler learns from scores, at least
OF_EACH_KIND = 3  # and at least so many of each kind of network
LISTABLE = 20_000
QUARTILES = 4
_TRIES = 100
_DRAWS_PER_QUARTILE = 25


class Pool:
    """The members of a band that may still be proposed: all of a small band, fresh draws from a large one.

    Draws depend only on the study's seed and the trial's number.
    """

    def __init__(self, space: Space, band: Band, *, seed: int, start: int = START) -> None:
        self.space, self.band, self._seed = space, band, seed
        self.listed = band.members() if band.is_exact and len(band) <= LISTABLE else None
        self.turns = _turns(space, band, seed)
        self.starts = starts(space, band, start)
        self._has_kinds = len(_by_kind(space, band)) > 1
        self._repaired = lru_cache(maxsize=4_096)(self._repair)  # in a small space the same points come again and again
        self._rows = {} if self.listed is None else {key: i for i, key in enumerate(row_keys(self.listed.points))}

    def rng(self, history: History, use: Stream) -> np.random.Generator:
        """Return the random generator for one use in one proposal."""
        return generator(self._seed, history.number, use)

    def unseen_rows(self, history: History) -> IntArray:
        """Return the indices of new members in `listed`, ascending."""
        assert self.listed is not None
        is_unseen = np.ones(len(self.listed), dtype=bool)
        is_unseen[[row for key in row_keys(history.points) if (row := self._rows.get(key)) is not None]] = False
        return np.flatnonzero(is_unseen)

    def unseen(self, history: History, number: int) -> Members:
        """Return `number` distinct new members, or all of fewer, in random order; strata have equal weight."""
        rng = self.rng(history, Stream.UNSEEN)
        if self.listed is not None:
            found = self.listed.take(self.unseen_rows(history))
            strata = self.space.strata(found.points)
            # Random keys, smaller on average in small strata, so that a prefix weighs strata equally.
            sizes = dict(zip(*np.unique(strata, return_counts=True), strict=True))
            keys = rng.exponential(size=len(found)) * np.array([sizes[stratum] for stratum in strata])
            return found.take(np.argsort(keys)[:number])
        found = self.fresh(self.band.draw(number, rng=rng), history)
        for _ in range(_TRIES):
            if len(found):
                break
            found = self.fresh(self.band.draw(number, rng=rng), history)
        return found

    def fresh(self, members: Members, history: History) -> Members:
        """Return the distinct members of the band among `members` that are new to the history."""
        seen = set(row_keys(history.points))
        inside = (members.by(self.band.cost) >= self.band.low) & self.band.budget.mask(members)
        inside &= on_grid(self.space, members.points)
        keep = []
        for i, key in enumerate(row_keys(members.points)):
            if inside[i] and key not in seen:
                seen.add(key)
                keep.append(i)
        return members.take(np.array(keep, dtype=np.int64))

    def cost(self, points: IntArray) -> Members:
        """Count the params and MACs of points [N, D], and what else the band's budget caps."""
        return cost(self.space, points, self.band.budget)

    def repaired(self, point: IntArray, history: History) -> IntArray | None:
        """Repair any point into the band; None where that fails, or gives what the history has seen."""
        found = self._repaired(tuple(point.tolist()))
        return None if found is None else first(self.fresh(found, history))

    def _repair(self, point: tuple[int, ...]) -> Members | None:
        member = repair(self.space, np.array(point), self.band.budget, min_params=self.band.low, by=self.band.cost)
        return None if member is None else self.cost(member.point[None])

    def parts(self, points: IntArray) -> IntArray:
        """Return the stratum of each point, or its kind where the band has several: [N]."""
        strata = self.space.strata(points)
        if not self._has_kinds:
            return strata
        found, place = np.unique(strata, return_inverse=True)
        return np.array([self.space.kind_of(stratum) if stratum >= 0 else -1 for stratum in found.tolist()])[place]

    def start(self, history: History) -> IntArray | None:
        """Return a new point from the next stratum and quartile of MACs in turn; None when none is left.

        In a space of several kinds of networks it is the kinds' turn, each with its strata in random order.
        It is the one of 25 draws that is farthest from all earlier points, in standardised features: the first ten
        networks teach more the more they differ. In a space without MACs the quartiles are of params.
        """
        turn = history.number - history.seeded
        if not self.turns:
            return None
        rng = self.rng(history, Stream.FRESH)
        played, place = divmod(turn, len(self.turns))
        strata = self.turns[place]
        draws = self.band.draw(_DRAWS_PER_QUARTILE * QUARTILES, rng=rng, stratum=strata[played % len(strata)])
        quartile = (place + played) % QUARTILES
        order = np.lexsort((draws.params, draws.macs))
        inside = order[quartile * _DRAWS_PER_QUARTILE : (quartile + 1) * _DRAWS_PER_QUARTILE]
        found = self.fresh(draws.take(rng.permutation(inside)), history)
        if not len(found) or not len(history.points):
            return first(found) if len(found) else first(self.unseen(history, 1))
        std = self.space.features(draws.points).std(axis=0)
        scale = np.where(std < 1e-9, 1.0, std)
        new, old = self.space.features(found.points) / scale, self.space.features(history.points) / scale
        distances = ((new[:, None] - old[None]) ** 2).sum(axis=2).min(axis=1)
        return first(found.take(np.argsort(-distances, kind="stable")[:1]))


def starts(space: Space, band: Band, start: int = START) -> int:
    """Return how many proposals a sampler makes before it learns from scores: `start`, or three of each kind."""
    return max(start, OF_EACH_KIND * len(_by_kind(space, band)))


def _by_kind(space: Space, band: Band) -> list[list[int]]:
    found: dict[int, list[int]] = {}
    for stratum in sorted(band.counts):
        found.setdefault(space.kind_of(stratum), []).append(stratum)
    return list(found.values())


def _turns(space: Space, band: Band, seed: int) -> list[list[int]]:
    """Return the strata that each turn of the start goes through."""
    kinds = _by_kind(space, band)
    rng = generator(seed, 0, Stream.STRATA)
    if len(kinds) != 1:
        return [rng.permutation(strata).tolist() for strata in kinds]
    strata = kinds[0] if len(kinds[0]) <= START else rng.permutation(kinds[0]).tolist()
    return [[stratum] for stratum in strata]


def first(members: Members) -> IntArray | None:
    """Return the first point, or None."""
    return members.at(0).point if len(members) else None


def row_keys(points: IntArray) -> Sequence[bytes]:
    """Return each row as bytes, for look-ups in sets."""
    rows = np.ascontiguousarray(points, dtype=np.int64)
    width = rows.shape[1] * rows.itemsize
    data = rows.tobytes()
    return [data[i * width : (i + 1) * width] for i in range(len(rows))]
