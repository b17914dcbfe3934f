"""The exact index of a space whose chains are too many or too large to keep: it goes through one stratum at a time.

Of a stratum nothing is kept but its answers: counts, extremes, and uniform draws from the bands that were asked for. So
a question that is new costs a pass through the space; the extremes cost less, since bounds tell where they can be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from budgetnas.arrays import Array, IntArray
from budgetnas.budget import cap_number
from budgetnas.space.answers import Answers, Question
from budgetnas.space.chain import Chain
from budgetnas.space.halves import Halves
from budgetnas.space.kept import KEPT, Reservoir, StreamedBand
from budgetnas.space.listing import Listing
from budgetnas.space.meeting import Meeting, Window
from budgetnas.space.members import BandCost, Member, Members
from budgetnas.space.outline import NEVER, least_params, most_macs, most_params
from budgetnas.space.protocol import Space

VERSION = 1  # of the draws; another one makes stored indexes foreign
_SMALLEST, _LARGEST, _MOST_MACS = range(3)
_Find = Callable[[Meeting, int, int], tuple[int, int] | None]


class StreamedIndex:
    """A whole space, gone through stratum by stratum; every answer is remembered.

    Args:
        space: a space with chains.
        max_macs: cap on MACs for one image; None for no cap.
        max_params: a threshold that every pass answers, too.
        seed: seed of the draws.
        progress: called after each stratum of a pass with the number of strata done, and of all.

    Attributes:
        has_news: whether it has found answers that were not restored.
    """

    cost: BandCost = "params"
    is_exact = True
    method = "exact, by meeting in the middle, one stratum at a time"

    def __init__(
        self,
        space: Space,
        *,
        max_macs: int | None,
        max_params: int | None = None,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        chains = space.chains()
        assert chains is not None
        self.space, self.max_macs = space, max_macs
        self._chains: Mapping[int, Chain] = chains
        self._cap = min(cap_number(max_macs), NEVER)
        self._always = [] if max_params is None else [max_params]
        self._seed, self._progress = seed, progress
        self._sizes = {stratum: chain.size() for stratum, chain in chains.items()}
        self._answers = Answers(strata=[*chains])
        self.has_news = False

    def size(self) -> int:
        """Count the whole space, without caps."""
        return sum(self._sizes.values())

    def counts(self, at_most: IntArray, *, ignore_macs: bool = False) -> dict[int, IntArray]:
        """Count the members up to each threshold by stratum, as `SpaceIndex.counts` defines."""
        thresholds = at_most.tolist()
        known = [self._count(one, ignore_macs) for one in thresholds]
        if any(one is None for one in known):
            self._pass(thresholds)
            known = [self._count(one, ignore_macs) for one in thresholds]
        table = np.array(known, dtype=np.int64).reshape(len(thresholds), -1)
        return dict(zip(self._answers.strata, table.T, strict=True))

    def _count(self, at_most: int, ignore_macs: bool) -> IntArray | None:
        """Return the known counts up to a threshold by stratum, [S], or None."""
        counts = self._answers.counts
        same = (
            at_most if ignore_macs else next((one for one in counts if self._key(one) == self._key(at_most)), at_most)
        )
        return counts[same][int(ignore_macs)] if same in counts else None

    def _key(self, at_most: int) -> int:
        """Return the least threshold that is known to count the same members under the cap on MACs."""
        for (kind, _, high), member in self._answers.extremes.items():
            if kind == _LARGEST and at_most <= high and (member is None or member.params <= at_most):
                return -1 if member is None else member.params
        return at_most

    def margin(self, count: int, stratum: int) -> int:
        """Return 0: the counts are exact."""
        return 0

    def smallest(self) -> Member | None:
        """Return the member of fewest params under the cap on MACs, or None."""
        return self._extreme(
            (_SMALLEST, 0, 0),
            lambda chain, position: -least_params(chain, position, max_macs=self._cap),
            lambda meeting, above, enough: meeting.smallest(self._cap),
        )

    def largest(self, at_most: int) -> Member | None:
        """Return the member of most params up to `at_most` under the cap on MACs, or None."""
        return self._extreme(
            (_LARGEST, 0, at_most),
            lambda chain, position: most_params(chain, position, at_most=at_most, max_macs=self._cap),
            lambda meeting, above, enough: meeting.largest(at_most, self._cap, above=above),
        )

    def most_macs(self, low: int, high: int) -> Member | None:
        """Return the member of most MACs within their cap, with params from `low` to `high`, or None."""
        return self._extreme(
            (_MOST_MACS, low, high),
            lambda chain, position: most_macs(chain, position, low=low, high=high, max_macs=self._cap),
            lambda meeting, above, enough: meeting.most_macs(low, high, self._cap, above=above, enough=enough),
        )

    def _extreme(self, question: Question, bounds: Callable[[Chain, int], IntArray], find: _Find) -> Member | None:
        if question not in self._answers.extremes:
            self._answers.extremes[question], self.has_news = self._search(question, bounds, find), True
        return self._answers.extremes[question]

    def _search(self, question: Question, bounds: Callable[[Chain, int], IntArray], find: _Find) -> Member | None:
        """Look where the bounds are highest, until the best found reaches those of all that is left."""
        places = [
            (-int(bound), -self._sizes[stratum], stratum, link)
            for stratum, chain in self._chains.items()
            for link, bound in enumerate(bounds(chain, position_of(chain)))
            if bound > -NEVER
        ]
        kind, _, high = question
        max_params = NEVER if kind == _SMALLEST else high
        best, above, halves, at = None, -NEVER, None, None
        for bound, _, stratum, link in sorted(places):
            if -bound <= above:
                break
            if halves is None or stratum != at:
                chain, at = self._chains[stratum], stratum
                halves = Halves(chain, position_of(chain), max_params=max_params, max_macs=self._cap)
            meeting = halves.meet(link)
            pair = None if meeting is None else find(meeting, above, -bound)
            if meeting is not None and pair is not None:
                found = halves.member(meeting, *pair)
                value = {_SMALLEST: -found.params, _LARGEST: found.params, _MOST_MACS: found.macs}[kind]
                if value > above:
                    best, above = found, value
        return best

    def band(self, low: int, high: int, *, also: Sequence[int] = ()) -> StreamedBand:
        """Return the members with params from `low` to `high`, both included; `also` as `SpaceIndex.band` says."""
        if (low, high) not in self._answers.kept:
            self._pass([low - 1, high, *also], band=(low, high))
        below, upto = (self._count(one, False) for one in (low - 1, high))
        assert below is not None
        assert upto is not None
        return StreamedBand(
            low,
            high,
            max_macs=self.max_macs,
            counts=dict(zip(self._answers.strata, (upto - below).tolist(), strict=True)),
            kept=self._answers.kept[low, high],
        )

    def _pass(self, thresholds: Sequence[int], *, band: tuple[int, int] | None = None) -> None:
        """Go through the whole space once: count up to all thresholds, and draw from a band."""
        asked = sorted({*thresholds, *self._always})
        counts = np.zeros((len(asked), 2, len(self._chains)), dtype=np.int64)
        kept: list[tuple[int, Members]] = []
        for number, (stratum, chain) in enumerate(self._chains.items()):
            draws = Reservoir(np.random.default_rng([self._seed, number, *(max(0, one) for one in band or ())]))
            counts[:, :, number] = self._stratum(chain, asked, band, draws)
            kept.append((stratum, draws.members(len(self.space.dimensions))))
            if self._progress is not None:
                self._progress(number + 1, len(self._chains))
        self._answers.counts |= dict(zip(asked, counts, strict=True))
        self.has_news = True
        if band is not None:
            strata = np.repeat([stratum for stratum, _ in kept], [len(members) for _, members in kept])
            self._answers.kept[band] = Listing(Members.join([members for _, members in kept]), strata)

    def _stratum(self, chain: Chain, asked: Sequence[int], band: tuple[int, int] | None, draws: Reservoir) -> IntArray:
        """Count the members of a stratum up to each threshold, under the cap on MACs and without: [T, 2]."""
        counts = np.zeros((len(asked), 2), dtype=np.int64)
        keys = {most: self._key(most) for most in asked}
        halves = Halves(chain, position_of(chain), max_params=asked[-1])
        for link in range(len(chain.end[0])):
            meeting = halves.meet(link)
            if meeting is None:
                continue
            fits: dict[int, IntArray] = {}
            for row, (most, key) in zip(counts, keys.items(), strict=True):
                upto = meeting.upto(most)
                if key not in fits:
                    fits[key] = meeting.within(upto, self._cap)
                row += (fits[key].sum(), upto.sum())
            if band is not None:
                below, upto = fits[keys[band[0] - 1]], fits[keys[band[1]]]
                window = Window(meeting, *band, self._cap, below=below, upto=upto)
                draws.add(chain.versions * len(window), partial(_members, halves, window))
        return chain.versions * counts

    def state(self) -> dict[str, Array]:
        """Return all answers as arrays, from which `restore` makes an index that knows them."""
        return self._answers.state(self._identity())

    @classmethod
    def restore(
        cls,
        state: Mapping[str, Array],
        space: Space,
        *,
        max_macs: int | None,
        max_params: int | None = None,
        seed: int = 0,
        progress: Callable[[int, int], None] | None = None,
    ) -> StreamedIndex:
        """Return the index whose `state` this is; the other arguments are as it had them.

        Raises:
            ValueError: the state is of another space, cap on MACs, seed or version, or it is damaged.
        """
        index = cls(space, max_macs=max_macs, max_params=max_params, seed=seed, progress=progress)
        index.recall(state)
        return index

    def recall(self, state: Mapping[str, Array]) -> None:
        """Know the answers of the index whose `state` this is.

        Raises:
            ValueError: as `restore` does.
        """
        self._answers = Answers.read(state, self._identity())

    def _identity(self) -> bytes:
        """Return a hash of all that the answers depend on."""
        digest = hashlib.blake2b(repr((VERSION, KEPT, self._seed, self.max_macs)).encode(), digest_size=16)
        for stratum, chain in self._chains.items():
            digest.update(repr((stratum, len(chain), chain.states.shape, chain.base.shape)).encode())
            parts = [
                chain.states,
                chain.columns,
                chain.base,
                chain.link,
                *chain.end,
                *(one for step in chain.steps for one in step),
            ]
            for part in (*parts, *(chain.may_follow(position) for position in range(len(chain)))):
                digest.update(part.tobytes())
        return digest.digest()


def position_of(chain: Chain) -> int:
    """Return the position at which a streamed chain's halves meet."""
    return -(-len(chain) // 2)


def streamed_size(chain: Chain) -> int:
    """Count the halves that a pass lists and sorts of a chain."""
    return sum(max(sizes) for sizes in chain.sizes(position_of(chain)))


def _members(halves: Halves, window: Window, ranks: IntArray) -> Members:
    """Return members at the given ranks of a window, version by version."""
    versions, ranks = np.divmod(ranks, len(window))
    few, many = window.pick(ranks)
    return halves.members(window.meeting, few, many, versions)
