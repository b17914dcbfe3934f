"""The cost tables of one stratum of residual networks, as a chain of stages."""

from __future__ import annotations

from itertools import product

import numpy as np

from budgetnas.arch import pools
from budgetnas.arch.rules import SHORTCUTS
from budgetnas.arch.spec import DataShape
from budgetnas.arrays import BoolArray, IntArray
from budgetnas.space import columns
from budgetnas.space.chain import Chain
from budgetnas.space.columns import BLOCKS, COLUMN, EXPANSIONS, KERNELS, MIDS, SHORTCUT, STRATUM, WIDTHS
from budgetnas.space.keys import SpaceKeys, mid_channels
from budgetnas.space.strata import BOTTLENECK, INVERTED, Stratum


def chain_of(one: Stratum, keys: SpaceKeys, shape: DataShape, *, is_plain: bool) -> Chain:
    """Return the chain of a stratum.

    A state is blocks, width, mid ratio or expansion, and kernel of a stage. Its link, the part that affects the next
    stage, is the width's index.

    Args:
        one: the stratum.
        keys: the choices of the space.
        shape: shape of images, and number of classes.
        is_plain: whether points have the columns of a plain space only.
    """
    grid = keys.grid
    states, link = _states(one, keys)
    widths = grid[link]
    inner = mid_channels(widths, states[:, 2], one.group_width) if one.kind == BOTTLENECK else states[:, 2]
    groups = inner // one.group_width if one.group_width else 1
    steps: list[tuple[IntArray, IntArray]] = []
    halvings, on = 0, pools.pixels(shape, 0)
    for halving in one.halves:
        on_before, halvings = on, halvings + halving
        on = pools.pixels(shape, halvings)
        first = np.full(1, one.stem) if one.stem else widths
        before = grid[:, None] if steps else first
        stage = pools.Stages(
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
        params, macs = pools.stage(stage, one.family)
        if not steps:
            stem_params, stem_macs = pools.stem(first, shape)
            params, macs = (params + stem_params)[None], (macs + stem_macs)[None]
        steps.append((params, macs))
    has_inner = one.kind in (BOTTLENECK, INVERTED)
    parts = [BLOCKS, WIDTHS, MIDS if one.kind == BOTTLENECK else EXPANSIONS, KERNELS]
    used = [0, 1] if is_plain else [0, 1, 2, 3] if has_inner else [0, 1, 3]
    return Chain(
        states=states[:, used],
        columns=np.array([[parts[k].start + i for k in used] for i in range(one.stages)]),
        base=base_of(one, keys, is_plain=is_plain),
        link=link,
        steps=steps,
        allowed=[_allowed(one, keys, widths, stage) for stage in range(one.stages)],
        end=pools.head(grid, shape, neck=one.neck or None, on=on),
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
