"""The cost tables of one stratum of residual networks, as a chain of stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from budgetnas.arch.pools import Stages, pixels
from budgetnas.arch.rules import SHORTCUTS
from budgetnas.arch.spec import DataShape
from budgetnas.arrays import BoolArray, IntArray
from budgetnas.space import columns
from budgetnas.space.chain import Chain, Prices
from budgetnas.space.columns import BLOCKS, COLUMN, EXPANSIONS, KERNELS, MIDS, SHORTCUT, STRATUM, WIDTHS
from budgetnas.space.keys import SpaceKeys, mid_channels
from budgetnas.space.pricing import Pricing
from budgetnas.space.strata import BOTTLENECK, INVERTED, Stratum

PLAIN = Prices()


def chain_of(one: Stratum, keys: SpaceKeys, shape: DataShape, *, is_plain: bool, prices: Prices = PLAIN) -> Chain:
    """Return the chain of a stratum.

    A state is blocks, width, mid ratio or expansion, and kernel of a stage. Its link, the part that affects the next
    stage, is the width's index. Where shortcuts differ in what the chain counts, they are a part of states and links,
    else versions.

    Args:
        one: the stratum.
        keys: the choices of the space.
        shape: shape of images, and number of classes.
        is_plain: whether points have the columns of a plain space only.
        prices: the costs that it counts.
    """
    states, link = _states(one, keys)
    has_inner = one.kind in (BOTTLENECK, INVERTED)
    parts = [BLOCKS, WIDTHS, MIDS if one.kind == BOTTLENECK else EXPANSIONS, KERNELS]
    used = [0, 1] if is_plain else [0, 1, 2, 3] if has_inner else [0, 1, 3]
    base = base_of(one, keys, is_plain=is_plain)
    pools = [False] if is_plain else [SHORTCUTS[i] == "pool" for i in base[:, SHORTCUT].tolist()]
    if prices.max_memory is None and {prices.main, prices.second} <= {"params", "macs"}:
        pools = pools[:1]  # on which these do not depend
    pricings = [Pricing(prices=prices, family=replace(one.family, pools=pool), shape=shape) for pool in pools]
    tables = [_tables(one, keys, pricing, states, link) for pricing in pricings]
    chain = Chain(
        states=states[:, used],
        columns=np.array([[parts[k].start + i for k in used] for i in range(one.stages)]),
        base=base,
        link=link,
        steps=tables[0].steps,
        allowed=tables[0].allowed,
        end=tables[0].end,
    )
    return chain if all(table.same(tables[0]) for table in tables) else _side_by_side(chain, tables)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tables:
    """What the chain of one shortcut counts and allows, as in `Chain`."""

    steps: list[tuple[IntArray, IntArray]]
    allowed: list[BoolArray | None]
    end: tuple[IntArray, IntArray]

    def same(self, other: _Tables) -> bool:
        """Return whether another chain counts and allows the same."""
        both = ([*sum(one.steps, ()), *one.end, *one.allowed] for one in (self, other))
        return all(np.array_equal(one, two) for one, two in zip(*both, strict=True))


def _tables(one: Stratum, keys: SpaceKeys, pricing: Pricing, states: IntArray, link: IntArray) -> _Tables:
    grid, widths, shape = keys.grid, keys.grid[link], pricing.shape
    inner = mid_channels(widths, states[:, 2], one.group_width) if one.kind == BOTTLENECK else states[:, 2]
    groups = inner // one.group_width if one.group_width else 1
    steps: list[tuple[IntArray, IntArray]] = []
    allowed: list[BoolArray | None] = []
    halvings, on = 0, pixels(shape, 0)
    for number, halving in enumerate(one.halves):
        done, on_before = halvings, on
        halvings += halving
        on = pixels(shape, halvings)
        first = np.full(1, one.stem) if one.stem else widths
        before = grid[:, None] if steps else first
        stage = Stages(
            blocks=states[:, 0],
            width=widths,
            before=before,
            inner=inner,
            kernel=states[:, 3],
            groups=groups,
            halves=halving,
            pixels=on,
            pixels_before=on_before,
        )
        costs, may = (
            pricing.stage(stage, done, is_first=not steps),
            _both(_allowed(one, keys, widths, number), pricing.stage_runs(stage, done)),
        )
        if not steps:
            main, second = pricing.joined(costs, pricing.stem(first))
            costs = main[None], second[None]
            may = _both(may, pricing.stem_runs(first))
        steps.append(costs)
        allowed.append(may)
    allowed[-1] = _both(allowed[-1], pricing.head_runs(widths, on))
    return _Tables(steps=steps, allowed=allowed, end=pricing.head(grid, on))


def _both(one: BoolArray | None, other: BoolArray | None) -> BoolArray | None:
    """Return where both allow a state, rows by link; None allows every state."""
    if one is None or other is None:
        return one if other is None else np.atleast_2d(other)
    return np.atleast_2d(one) & np.atleast_2d(other)


def _side_by_side(chain: Chain, tables: Sequence[_Tables]) -> Chain:
    """Return the chain of all versions, whose tables differ: a state follows the links of its own version only."""
    number, links, states = len(tables), len(chain.end[0]), len(chain.link)
    shortcut = np.repeat(chain.base[:, SHORTCUT], states)

    def beside(parts: Sequence[Any], position: int) -> Any:
        if not position:
            return np.concatenate([np.broadcast_to(part, (1, states)) for part in parts], axis=1)
        found = np.zeros((number * links, number * states), dtype=parts[0].dtype)
        for i, part in enumerate(parts):
            found[i * links : (i + 1) * links, i * states : (i + 1) * states] = part
        return found

    def may(table: _Tables, position: int) -> BoolArray:
        rule = table.allowed[position]
        return np.ones((links if position else 1, states), dtype=bool) if rule is None else rule

    return Chain(
        states=np.concatenate([np.tile(chain.states, (number, 1)), shortcut[:, None]], axis=1),
        columns=np.concatenate([chain.columns, np.full((len(chain), 1), SHORTCUT)], axis=1),
        base=chain.base[:1],
        link=np.concatenate([chain.link + i * links for i in range(number)]),
        steps=[
            (beside([table.steps[at][0] for table in tables], at), beside([table.steps[at][1] for table in tables], at))
            for at in range(len(chain))
        ],
        allowed=[beside([may(table, at) for table in tables], at) for at in range(len(chain))],
        end=(np.concatenate([table.end[0] for table in tables]), np.concatenate([table.end[1] for table in tables])),
    )


def _allowed(one: Stratum, keys: SpaceKeys, widths: IntArray, stage: int) -> BoolArray | None:
    """Return which states may stand at a stage: not the same network as another stratum's, nor against the order."""
    if not stage:
        return widths[None] != one.stem if one.stem and 0 in keys.numbers("stems") else None
    before = keys.grid[:, None]
    if one.halves[stage]:
        return widths >= before if keys.monotone else None
    return widths > before if keys.monotone else widths != before


def _states(one: Stratum, keys: SpaceKeys) -> tuple[IntArray, IntArray]:
    """Return blocks, width, mid ratio or expansion (0 for none) and kernel of every state, [K, 4], and its link [K].

    Of mid ratios that give a width the same channels, only the smallest is a state.
    """
    grid = keys.grid
    inner = {BOTTLENECK: keys.eighths, INVERTED: sorted(keys.expansions)}.get(one.kind, (0,))
    blocks = range(keys.blocks[0], keys.blocks[1] + 1)
    rows = np.array(list(product(blocks, range(len(grid)), inner, sorted(keys.kernels))), dtype=np.int64)
    link = rows[:, 1].copy()
    rows[:, 1] = grid[link]
    if one.kind == BOTTLENECK:
        ratios = np.array(keys.eighths)
        channels = mid_channels(rows[:, 1, None], ratios, one.group_width)
        own = mid_channels(rows[:, 1], rows[:, 2], one.group_width)
        is_smallest = ratios[(channels == own[:, None]).argmax(axis=1)] == rows[:, 2]
        return rows[is_smallest], link[is_smallest]
    return rows, link


def base_of(one: Stratum, keys: SpaceKeys, *, is_plain: bool) -> IntArray:
    """Return the values of the other columns, once per shortcut: [V, D]."""
    base = np.zeros(columns.WIDE, dtype=np.int64)
    for part, lowest, _ in columns.limits(keys):
        base[part] = lowest
    base[STRATUM] = [getattr(one, name) for name in COLUMN]
    if is_plain:
        return base[None, : columns.PLAIN_COLUMNS]
    shortcuts = sorted(SHORTCUTS.index(word) for word in keys.shortcuts) if one.can_pool else [0]
    found = np.tile(base, (len(shortcuts), 1))
    found[:, SHORTCUT] = shortcuts
    return found
