"""Small chains with made-up costs, drawn over every field, with every member by brute force."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from hypothesis import strategies as st

from budgetnas.space.chain import Chain
from budgetnas.space.protocol import Dimension, Space

SLOTS = 4


@st.composite
def chains(draw: st.DrawFn, positions: tuple[int, int] = (1, SLOTS)) -> Chain:
    """Draw a chain of a few states, some of which may have no member at all."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    length, links, states = draw(st.integers(*positions)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    return made_up(
        rng,
        length=length,
        links=links,
        states=states,
        versions=draw(st.integers(1, 3)),
        step=draw(st.sampled_from((1, 4, 7))),
        has_allowed=draw(st.booleans()),
        has_starts=draw(st.booleans()),
    )


def made_up(
    rng: np.random.Generator,
    *,
    length: int,
    links: int,
    states: int,
    versions: int,
    step: int = 1,
    has_allowed: bool = False,
    has_starts: bool = False,
) -> Chain:
    """Make a chain whose costs are random multiples of `step`, and one more."""
    base = np.zeros((versions, 2 + SLOTS), dtype=np.int64)
    base[:, 1] = np.arange(versions)

    def costs(*shape: int) -> tuple[np.ndarray, np.ndarray]:
        return step * rng.integers(0, 30, shape), step * rng.integers(0, 50, shape)

    first = costs(1, states)
    return Chain(
        states=np.arange(10, 10 + states)[:, None],
        columns=np.arange(2, 2 + length)[:, None],
        base=base,
        link=rng.integers(0, links, states),
        steps=[(first[0] + 1, first[1] + 1), *(costs(links, states) for _ in range(length - 1))],
        allowed=[
            rng.random((links if position else 1, states)) < 0.7 if (has_allowed if position else has_starts) else None
            for position in range(length)
        ],
        end=costs(links),
    )


@dataclass(frozen=True)
class Every:
    """Every member of a chain in its order, [N] each: points as tuples, params and MACs."""

    points: list[tuple[int, ...]]
    params: np.ndarray
    macs: np.ndarray


def every(chain: Chain) -> Every:
    """List the members of a chain, version by version: every row of states is tried."""
    rows = np.array(list(product(range(len(chain.link)), repeat=len(chain))))
    link, costs, is_member = np.zeros(len(rows), dtype=np.int64), 0, np.ones(len(rows), dtype=bool)
    for state, rule, step in zip(rows.T, chain.allowed, chain.steps, strict=True):
        if rule is not None:
            is_member &= rule[link, state]
        costs = costs + np.stack([table[link, state] for table in step])
        link = chain.link[state]
    costs = (costs + np.stack([table[link] for table in chain.end]))[:, is_member]
    rows = rows[is_member]
    points = np.repeat(chain.base, len(rows), axis=0)
    for columns, state in zip(chain.columns, np.tile(rows.T, len(chain.base)), strict=True):
        points[:, columns] = chain.states[state]
    params, macs = np.tile(costs, len(chain.base))
    return Every([tuple(point) for point in points.tolist()], params, macs)


class ChainSpace(Space):
    """A space of chains; a stratum is its place in the list, and the first column of its points."""

    def __init__(self, *parts: Chain) -> None:
        self._chains = {}
        for stratum, chain in enumerate(parts):
            base = chain.base.copy()
            base[:, 0] = stratum
            self._chains[stratum] = replace(chain, base=base)
        self.every = {stratum: every(chain) for stratum, chain in self._chains.items()}

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        return tuple(Dimension(name=f"d{i}", values=range(20)) for i in range(2 + SLOTS))

    def params(self, points: np.ndarray) -> np.ndarray:
        raise NotImplementedError  # costs are those of the tables

    def chains(self) -> dict[int, Chain]:
        return self._chains
