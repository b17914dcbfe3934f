"""The space of the widths of one network, and its network that fills a cap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from budgetnas.arch import pools
from budgetnas.arch.costs import costs_of
from budgetnas.arch.device import Precision
from budgetnas.arch.peak_memory import element_bytes
from budgetnas.arch.pool_bytes import bytes_of
from budgetnas.arch.pool_memory import peaks_of
from budgetnas.arch.rules import MAX_BLOCKS, MAX_WIDTH
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.arrays import IntArray
from budgetnas.budget import Budget, write_cost
from budgetnas.exceptions import InfeasibleBudgetError, UsageError
from budgetnas.space.infeasible import write_value
from budgetnas.space.parameters import width_name
from budgetnas.space.protocol import Dimension, Space
from budgetnas.space.repair import repair

WIDEST = 8192


@dataclass(frozen=True, kw_only=True, slots=True)
class WidthSpace(Space):
    """A network at all widths; what else it has follows by the rule of `scaled`.

    Attributes:
        given: the network.
        widths: grid of every stage's width, in channels.
        shape: shape of images, and number of classes.
    """

    given: ResNetSpec
    widths: range
    shape: DataShape

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """One width per stage."""
        return tuple(Dimension(name=width_name(i + 1), values=self.widths) for i in range(self.given.depth))

    def params(self, points: IntArray) -> IntArray:
        """Count the trainable parameters: [N]."""
        return self._cost(points)[0]

    def macs(self, points: IntArray) -> IntArray:
        """Count multiply-accumulates for one image: [N]."""
        return self._cost(points)[1]

    def bytes(self, points: IntArray, weights: Precision) -> IntArray:
        """Count the bytes of the exported file, from above: [N]."""
        return bytes_of(self._networks(points), self.shape, weights)

    def memory(self, points: IntArray, weights: Precision) -> IntArray:
        """Count the bytes of the peak memory for one image: [N]."""
        return element_bytes(weights) * peaks_of(self._networks(points), self.shape)

    def decode(self, point: IntArray) -> ResNetSpec:
        """Return the spec of a point [D]."""
        return scaled(self.given, tuple(map(int, point)))

    def _cost(self, points: IntArray) -> pools.Cost:
        return pools.total_of(self._networks(points), self.shape)

    def _networks(self, points: IntArray) -> pools.Networks:
        given, middles = self.given, _middles(self.given, points)
        others = {
            "inner": middles.get("mids", given.expansions or (0,)),
            "kernel": given.kernels,
            "groups": middles.get("groups", (1,)),
            "halves": [stride - 1 for stride in given.strides],
        }
        family = pools.Family(kind=given.kind, squeeze=given.squeeze, neck=given.neck, pools=given.shortcut == "pool")
        return pools.Networks(
            blocks=np.broadcast_to(given.blocks, points.shape),
            widths=points,
            stem_widths=_stems(given, points),
            others={name: np.broadcast_to(values, points.shape) for name, values in others.items()},
            family=family,
        )


def scaled(given: ResNetSpec, widths: tuple[int, ...]) -> ResNetSpec:
    """Return a network at other widths, in channels, one per stage.

    >>> scaled(ResNetSpec.from_id("s16-2x64m16-2x128m32"), (96, 190)).id
    's24-2x96m24-2x190m48'

    Sizes follow the widths, rounded to whole channels, a half up; everything else stays.

    - The stem keeps its ratio to the width of stage 1.
    - The middle convolutions of bottlenecks keep their ratio to the width of their stage.
    - Groups keep their number, as the 8 groups of ResNeXt-29 8x64d, and middle channels become a multiple of it. Only
      where all groups of a network are equally wide, such as the single channels of depthwise convolutions, they
      keep that width, middle channels become a multiple of it, and the number of groups follows.
    """
    points = np.array([widths])
    middles: dict[str, Any] = {name: tuple(values[0].tolist()) for name, values in _middles(given, points).items()}
    return replace(given, widths=widths, stem_width=int(_stems(given, points)[0]), **middles)


def _stems(given: ResNetSpec, widths: IntArray) -> IntArray:
    """Return the channels [N] of the stems that follow widths [N, S]."""
    return _follow(given.stem_width, widths[:, 0], given.widths[0], 1)


def _middles(given: ResNetSpec, widths: IntArray) -> dict[str, IntArray]:
    """Return the sizes [N, S] of middle convolutions that follow widths [N, S], by the names of a spec."""
    if given.kind != "bottleneck":
        return {}
    mids, groups = np.array(given.mids), np.array(given.groups)
    channels = mids // groups
    keeps_channels = (groups > 1).any() and (channels == channels[0]).all()
    units = channels if keeps_channels else groups
    scaled_mids = _follow(mids, widths, np.array(given.widths), units)
    return {
        "mids": scaled_mids,
        "groups": scaled_mids // units if keeps_channels else np.broadcast_to(units, widths.shape),
    }


def _follow(size: IntArray | int, widths: IntArray, width: IntArray | int, unit: IntArray | int) -> IntArray:
    """Scale a size from one width to others, to a multiple of a unit: at least the unit, at most `MAX_WIDTH`."""
    nearest = (2 * size * widths + width * unit) // (2 * width * unit)
    return np.asarray(np.clip(nearest, 1, MAX_WIDTH // unit) * unit)


def fit(given: ResNetSpec, shape: DataShape, budget: Budget, *, step: int = 1) -> ResNetSpec:
    """Return the network whose widths fill a budget, by the rule of `space.repair`; the rest follows as in `scaled`.

    >>> fit(ResNetSpec(blocks=(2, 2, 4), widths=(64, 128, 256)), DataShape(), Budget(max_params=5_000_000)).id
    '2x64-2x127-4x252'

    Args:
        given: a network of any kind; the ratios of its widths are kept as closely as the grid allows.
        shape: shape of images, and number of classes.
        budget: the caps that the network must fit.
        step: grid of the widths, in channels; other sizes are not on it.

    Raises:
        UsageError: the step is out of range.
        InfeasibleBudgetError: not even the narrowest network of this form fits.
    """
    if not 1 <= step <= WIDEST:
        raise UsageError(f"is {step}, but must be from 1 to {WIDEST}.", argument="step")
    space = WidthSpace(given=given, widths=range(step, widest(given, step) + 1, step), shape=shape)
    found = repair(space, np.array(given.widths), budget)
    if found is None:
        least = costs_of(narrowest(given, step), shape, budget.weights)
        name = next(iter(budget.excess(least))).removeprefix("max_")
        blocks = ",".join(map(str, given.blocks))
        neck = "" if given.neck is None else "the neck or "
        raise InfeasibleBudgetError(
            f"is {write_value(budget.caps()[name], name)}, but with blocks {blocks} the narrowest network has "
            f"{write_cost(getattr(least, name), name)}: raise the cap, take away {neck}blocks, or make the step of the "
            "widths smaller.",
            argument=f"max_{name}",
        )
    return space.decode(found.point)


def narrowest(given: ResNetSpec, step: int = 1) -> ResNetSpec:
    """Return the network at the least width in every stage, in channels."""
    return scaled(given, (step,) * given.depth)


def widest(given: ResNetSpec, step: int) -> int:
    """Return the largest width, in channels, that `fit` considers for a network."""
    return max(WIDEST, *given.widths) // step * step


def wider(given: ResNetSpec, found: ResNetSpec, step: int) -> list[ResNetSpec]:
    """Return the networks one step wider than `found`, `given` at other widths, in one stage that may be that wide."""
    given = _form(given, found)
    grown = [(i, width + step) for i, width in enumerate(found.widths) if width + step <= MAX_WIDTH]
    return [scaled(given, _with(found.widths, i, width)) for i, width in grown]


def deeper(given: ResNetSpec, found: ResNetSpec) -> dict[int, ResNetSpec]:
    """Return the networks of one more block than `found`, `given` at other widths, by the stage that has it, from 1."""
    given = _form(given, found)
    grown = {i: number + 1 for i, number in enumerate(given.blocks) if number < MAX_BLOCKS}
    return {
        i + 1: scaled(replace(given, blocks=_with(given.blocks, i, number)), found.widths)
        for i, number in grown.items()
    }


def _form(given: ResNetSpec, found: ResNetSpec) -> ResNetSpec:
    """Return what a fitted network is scaled from; stages whose widths have met are one, and then it is its own."""
    return given if found.depth == given.depth else found


def _with(values: tuple[int, ...], i: int, value: int) -> tuple[int, ...]:
    return (*values[:i], value, *values[i + 1 :])
