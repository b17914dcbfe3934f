"""The columns of a point of the space of residual networks, and the network that a point means.

A point has the stages, then blocks and widths of stages 1 to 4. In a space of other networks than those of basic blocks
it also has the mid ratios, expansions and kernels of these stages, and the choices of which a network has one. Absent
stages, and choices that a network does not have, are at their lowest values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from budgetnas.arch.kinds import KINDS
from budgetnas.arch.pools import Family, Networks
from budgetnas.arch.rules import SHORTCUTS
from budgetnas.arch.spec import ResNetSpec
from budgetnas.arrays import BoolArray, IntArray
from budgetnas.space.keys import EIGHTHS, SLOTS, SpaceKeys, mid_channels
from budgetnas.space.strata import BASIC, BOTTLENECK, COLUMNS, INVERTED

BLOCKS, WIDTHS, MIDS, EXPANSIONS, KERNELS = (slice(start, start + SLOTS) for start in range(1, 1 + 5 * SLOTS, SLOTS))
PLAIN_COLUMNS = WIDTHS.stop  # columns of a point where basic blocks are the only choice
STAGE_COLUMNS = KERNELS.stop
COLUMN = {"stages": 0, **{name: STAGE_COLUMNS + i for i, name in enumerate(COLUMNS[1:])}}
SHORTCUT = STAGE_COLUMNS + len(COLUMNS) - 1
WIDE = SHORTCUT + 1
STRATUM = [COLUMN[name] for name in COLUMNS]


def limits(keys: SpaceKeys) -> list[tuple[slice, int, int]]:
    """Return the columns of what each stage has, with their lowest value, which absent stages have, and the highest."""
    return [
        (BLOCKS, *keys.blocks),
        (WIDTHS, int(keys.grid[0]), int(keys.grid[-1])),
        (MIDS, keys.eighths[0], keys.eighths[-1]),
        (EXPANSIONS, min(keys.expansions), max(keys.expansions)),
        (KERNELS, min(keys.kernels), max(keys.kernels)),
    ]


def settle(found: IntArray, keys: SpaceKeys, unhalved: Mapping[int, tuple[int, ...]]) -> None:
    """Set the choices of a wider space to those of members, in place.

    Args:
        found: [N, D] points whose blocks and widths are those of members.
        keys: the choices of the space.
        unhalved: the transitions that may not halve, by number of stages.
    """
    exists = present(found)
    table = np.zeros((SLOTS + 1, 1 << (SLOTS - 1)), dtype=np.int64)
    for stages, known in unhalved.items():
        table[stages] = [bits if bits in known else known[0] for bits in range(table.shape[1])]
    joints, kind, group, stem = (COLUMN[name] for name in ("unhalved", "kind", "group_width", "stem"))
    found[:, joints] = table[found[:, 0], found[:, joints] & ((1 << (found[:, 0] - 1)) - 1)]
    _set_apart(found, exists, keys)
    is_bottleneck, is_inverted = found[:, kind] == BOTTLENECK, found[:, kind] == INVERTED
    found[:, group] = np.where(is_bottleneck, _one_of(found[:, group], keys.group_widths), 0)
    wanted = mid_channels(found[:, WIDTHS], found[:, MIDS], found[:, group, None])
    for eighths in reversed(keys.eighths):  # the smallest ratio that gives these channels
        same = mid_channels(found[:, WIDTHS], eighths, found[:, group, None]) == wanted
        found[:, MIDS] = np.where(same, eighths, found[:, MIDS])
    found[:, MIDS] = np.where(exists & is_bottleneck[:, None], found[:, MIDS], keys.eighths[0])
    found[:, EXPANSIONS] = np.where(exists & is_inverted[:, None], found[:, EXPANSIONS], min(keys.expansions))
    found[:, KERNELS] = np.where(exists, found[:, KERNELS], min(keys.kernels))
    if 0 in keys.numbers("stems"):
        found[:, stem] = np.where(found[:, stem] == found[:, WIDTHS.start], 0, found[:, stem])
    if len(keys.all_kinds) > len(KINDS):  # an own kind has no squeeze-excitation
        squeeze, is_own = COLUMN["squeeze"], found[:, kind] >= len(KINDS)
        found[:, squeeze] = np.where(is_own, 0, _one_of(found[:, squeeze], keys.numbers("squeeze")))
    can_pool = np.isin(found[:, kind], (BASIC, BOTTLENECK)) & (halves(found).sum(axis=1) > 0)
    shortcuts = [SHORTCUTS.index(word) for word in keys.shortcuts]
    found[:, SHORTCUT] = np.where(can_pool, _one_of(found[:, SHORTCUT], shortcuts), 0)


def _set_apart(found: IntArray, exists: BoolArray, keys: SpaceKeys) -> None:
    """Give stages that do not halve another width than the stage before them, one step away, in place."""
    grid = keys.grid
    rank = np.searchsorted(grid, found[:, WIDTHS])
    unhalved = np.zeros_like(exists)
    unhalved[:, 1:] = found[:, COLUMN["unhalved"], None] >> np.arange(SLOTS - 1) & 1 == 1
    for i in range(1, SLOTS):
        before = rank[:, i - 1]
        if keys.monotone:
            rank[:, i] = np.maximum(rank[:, i], before + unhalved[:, i])
        else:
            other = np.where(before + 1 < len(grid), before + 1, before - 1)
            rank[:, i] = np.where(unhalved[:, i] & (rank[:, i] == before), other, rank[:, i])
    room = np.full(len(found), len(grid) - 1)  # the highest rank that leaves enough for the stages behind
    for i in reversed(range(SLOTS)):
        rank[:, i] = np.where(exists[:, i], np.minimum(rank[:, i], room), 0)
        room = np.where(exists[:, i], rank[:, i] - (unhalved[:, i] if keys.monotone else 0), room)
        room = room if keys.monotone else np.full(len(found), len(grid) - 1)
    found[:, WIDTHS] = grid[rank]


def _one_of(values: IntArray, known: Sequence[int]) -> IntArray:
    """Return the values that are known; in place of others the smallest that is."""
    found: IntArray = np.where(np.isin(values, known), values, min(known))
    return found


def present(points: IntArray) -> BoolArray:
    """Return which stages exist: [N, 4]."""
    return np.arange(SLOTS) < points[:, :1]


def halves(points: IntArray) -> IntArray:
    """Return 1 for each stage that halves the image, else 0, of points of all columns: [N, 4]."""
    found = np.zeros((len(points), SLOTS), dtype=np.int64)
    found[:, 1:] = 1 - (points[:, COLUMN["unhalved"], None] >> np.arange(SLOTS - 1) & 1)
    return np.where(present(points), found, 0)


def inner(points: IntArray) -> IntArray:
    """Return mid channels of bottlenecks and expansions of inverted blocks, of points of all columns: [N, 4]."""
    kind = points[:, COLUMN["kind"], None]
    mids = mid_channels(points[:, WIDTHS], points[:, MIDS], points[:, COLUMN["group_width"], None])
    found: IntArray = np.where(kind == BOTTLENECK, mids, np.where(kind == INVERTED, points[:, EXPANSIONS], 0))
    return found


def spec_of(point: IntArray, kinds: Sequence[str] = KINDS) -> ResNetSpec:
    """Return the spec of a point of all columns [D]; `kinds` are those of its space."""
    row = point[None]
    stages = int(point[0])

    def each(values: IntArray) -> tuple[int, ...]:
        return tuple(int(value) for value in values[:stages])

    one = {name: int(point[column]) for name, column in COLUMN.items()}
    kind, mids = kinds[one["kind"]], each(inner(row)[0])
    size = one["group_width"]
    others: dict[str, Any] = {}
    if one["kind"] == BOTTLENECK:
        others = {"mids": mids, "groups": tuple(mid // size if size else 1 for mid in mids)}
    elif one["kind"] == INVERTED:
        others = {"expansions": mids}
    return ResNetSpec(
        blocks=each(point[BLOCKS]),
        widths=each(point[WIDTHS]),
        stem_width=one["stem"],
        kind=kind,
        kernels=each(point[KERNELS]),
        strides=tuple(1 + halving for halving in each(halves(row)[0])),
        shortcut=SHORTCUTS[int(point[SHORTCUT])],
        squeeze=one["squeeze"] or None,
        neck=one["neck"] or None,
        **others,
    )


def point_of(spec: ResNetSpec, keys: SpaceKeys) -> IntArray:
    """Return the point of all columns [D] of a spec of at most 4 stages, on the grid or off it.

    What no point can say, such as mid channels that are no eighths of the width, becomes something near.
    """
    stages, kind = spec.depth, keys.all_kinds.index(spec.kind) if spec.kind in keys.all_kinds else BASIC
    sizes = [mid // groups if groups > 1 else 0 for mid, groups in zip(spec.mids, spec.groups, strict=True)]
    group_width = sizes[0] if sizes else 0
    eighths = [_eighths(width, mid, group_width, keys) for width, mid in zip(spec.widths, spec.mids, strict=False)]
    point = np.empty(WIDE, dtype=np.int64)
    point[0] = stages
    each = (spec.blocks, spec.widths, eighths, spec.expansions, spec.kernels)
    for values, (part, least, _) in zip(each, limits(keys), strict=True):
        point[part] = [*values, *[least] * (SLOTS - len(values))]
    is_as_stage_1 = spec.stem_width == spec.widths[0] and 0 in keys.numbers("stems")
    point[COLUMN["unhalved"]] = sum(1 << i for i, stride in enumerate(spec.strides[1:]) if stride == 1)
    point[COLUMN["kind"]] = kind
    point[COLUMN["group_width"]] = group_width
    point[COLUMN["squeeze"]] = _squeeze(spec, keys)
    point[COLUMN["stem"]] = 0 if is_as_stage_1 else spec.stem_width
    point[COLUMN["neck"]] = spec.neck or 0
    point[SHORTCUT] = SHORTCUTS.index(spec.shortcut)
    return point


def _eighths(width: int, mid: int, group_width: int, keys: SpaceKeys) -> int:
    """Return the mid ratio in eighths that gives `mid`, one of the space if possible, or the nearest."""
    for eighths in (*keys.eighths, *range(1, EIGHTHS + 1)):
        if int(mid_channels(width, eighths, group_width)) == mid:
            return int(eighths)
    return max(1, round(EIGHTHS * mid / width))


def _squeeze(spec: ResNetSpec, keys: SpaceKeys) -> int:
    """Return the reduction of squeeze-excitation, as the space writes it where it has the same sizes; 0 for none."""
    if spec.squeeze is None:
        return 0
    for reduction in keys.numbers("squeeze"):
        if reduction and replace(spec, squeeze=reduction).squeeze == spec.squeeze:
            return reduction
    return spec.squeeze


def networks(points: IntArray, kinds: Sequence[str] = KINDS) -> Iterator[tuple[IntArray, Networks]]:
    """Yield the networks of points of all columns [N, D], one family after another, with their rows.

    Args:
        points: of one space.
        kinds: of the space.
    """
    others = {"inner": inner(points), "kernel": points[:, KERNELS], "halves": halves(points)}
    size = points[:, COLUMN["group_width"], None]
    others["groups"] = np.where(size > 0, others["inner"] // np.maximum(size, 1), 1)
    blocks = np.where(present(points), points[:, BLOCKS], 0)
    stems = points[:, COLUMN["stem"]]
    stem_widths = np.where(stems > 0, stems, points[:, WIDTHS.start])
    families, family_of = np.unique(points[:, _FAMILY], axis=0, return_inverse=True)
    for i, (kind, squeeze, neck, shortcut) in enumerate(families.tolist()):
        rows = np.flatnonzero(family_of.ravel() == i)
        yield (
            rows,
            Networks(
                blocks=blocks[rows],
                widths=points[rows, WIDTHS],
                stem_widths=stem_widths[rows],
                others={name: values[rows] for name, values in others.items()},
                family=Family(
                    kind=kinds[kind],
                    squeeze=squeeze or None,
                    neck=neck or None,
                    pools=SHORTCUTS[shortcut] == "pool",
                ),
            ),
        )


_FAMILY = [COLUMN["kind"], COLUMN["squeeze"], COLUMN["neck"], SHORTCUT]
