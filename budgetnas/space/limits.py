"""The limits of a space of residual networks: what its images allow, and what can be counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from budgetnas.arch.counter import count
from budgetnas.arch.kinds import find
from budgetnas.arch.own_check import check_cost
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.exceptions import UsageError
from budgetnas.space.keys import SLOTS, SpaceKeys
from budgetnas.space.strata import Stratum

SMALLEST_SIDE = 2
LARGEST_TABLE = 4_000_000
MOST_STRATA = 2_000
_CHECKED = 32  # widths for which the cost of an own kind is compared with its layers


def most_halvings(shape: DataShape) -> int:
    """Return how often images can be halved, at most three times, and keep 2x2 pixels."""
    side, found = min(shape.height, shape.width), 0
    while found < SLOTS - 1 and -(-side // 2 ** (found + 1)) >= SMALLEST_SIDE:
        found += 1
    return found


def check_strata(keys: SpaceKeys, shape: DataShape, strata: Sequence[Stratum]) -> None:
    """Check that a space has networks for its images, and not too many combinations of choices.

    Raises:
        UsageError: it has not; the message has the key.
    """
    most = most_halvings(shape)
    for mask in keys.masks():
        if mask.count("-") > most:
            raise UsageError(
                f"has {mask!r}, which halves images of {shape.height}x{shape.width} below "
                f"{SMALLEST_SIDE}x{SMALLEST_SIDE} pixels: write {most} '-' at most.",
                argument="space.downsampling",
            )
    low, high = keys.stages
    if not any(keys.unhalved(stages, SLOTS) for stages in range(low, high + 1)):
        stages = f"{low}" if low == high else f"{low} to {high}"
        raise UsageError(
            f"is {list(keys.downsampling)}, but no network of {stages} stages has such joints, with another width "
            "behind each '=': write \"all\", one joint less than stages, or more widths.",
            argument="space.downsampling",
        )
    if not strata:
        raise UsageError(
            f"starts at {low}, but images of {shape.height}x{shape.width} allow {most + 1} stages at most before a "
            f"stage works below {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels: lower it or resize the images.",
            argument="space.stages",
        )
    if len(strata) > MOST_STRATA:
        raise UsageError(
            f"makes {len(strata):,} combinations of choices per network, but at most {MOST_STRATA:,} are counted one "
            "by one: leave values of kinds, groups, squeeze, downsampling, stems or necks out.",
            argument="space.kinds",
        )


def check_size(keys: SpaceKeys, shape: DataShape, strata: Sequence[Stratum]) -> None:
    """Check that the largest networks can be counted, that own kinds cost what their layers do, and the tables' size.

    Raises:
        UsageError: it is not so; the message has the key.
    """
    deepest, widest = strata[-1].stages, int(keys.grid[-1])
    for kind in keys.kinds:
        others: dict[str, Any] = {"kernels": (max(keys.kernels),) * deepest}
        own = find(kind)
        if own is not None and own.cost is None:
            continue  # its code is not there: only networks that were counted once are looked at
        if own is not None:
            some = np.unique(np.linspace(0, len(keys.grid) - 1, _CHECKED).astype(np.int64))
            check_cost(own, tuple(keys.grid[some].tolist()), tuple(keys.kernels))
        if kind == "inverted":
            others["expansions"] = (max(keys.expansions),) * deepest
        largest = ResNetSpec(blocks=(keys.blocks[1],) * deepest, widths=(widest,) * deepest, kind=kind, **others)
        count(largest, shape)
    states = (keys.blocks[1] - keys.blocks[0] + 1) * len(keys.kernels)
    inside = len(keys.mid_ratios) * ("bottleneck" in keys.kinds), len(keys.expansions) * ("inverted" in keys.kinds)
    states *= max(*inside, 1)
    table = len(keys.grid) ** 2 * states
    if table > LARGEST_TABLE:
        raise UsageError(
            f"is {keys.width_step}, which makes {table:,} pairs of a width and a next stage, "
            f"but at most {LARGEST_TABLE:,} are searched: take a coarser step, or narrower widths or blocks.",
            argument="space.width_step",
        )
