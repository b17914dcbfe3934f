"""The space of residual networks: number of stages, blocks and width per stage, and the choices of a wider space."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from budgetnas.arch import pools
from budgetnas.arch.device import Precision
from budgetnas.arch.peak_memory import element_bytes
from budgetnas.arch.pool_bytes import bytes_of
from budgetnas.arch.pool_memory import peaks_of
from budgetnas.arch.rules import SHORTCUTS
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.arrays import FloatArray, IntArray
from budgetnas.space import columns, features
from budgetnas.space.chain import Chain, Prices
from budgetnas.space.columns import BLOCKS, COLUMN, KERNELS, STRATUM, WIDTHS
from budgetnas.space.keys import PLAIN, SLOTS, WIDE_KEYS, SpaceKeys
from budgetnas.space.limits import check_size, check_strata, most_halvings
from budgetnas.space.parameters import STAGES, Ranges
from budgetnas.space.protocol import Dimension, Space
from budgetnas.space.strata import Stratum, group_label, other_ranges, strata_of, unhalved_label, word_label
from budgetnas.space.tables import chain_of
from budgetnas.text import plural


@dataclass(frozen=True, kw_only=True)
class ResNetSpace(SpaceKeys, Space):
    """Residual networks; by default of basic blocks behind a stem as wide as stage 1.

    `columns` says what a point holds. The number of stages is unordered, since a network of three stages is not close
    to one of four; so are the other choices of which a network has one. A combination of these is a stratum.

    >>> space = ResNetSpace(kinds=("basic", "bottleneck"), kernels=(3, 5), widths=(16, 64), width_grid="geometric")
    >>> sum(chain.size() for chain in space.chains().values())
    66255648

    Attributes:
        shape: shape of images, and number of classes. Stages that would work below 2x2 pixels are not in the space.
    """

    shape: DataShape = field(default_factory=DataShape)

    def __post_init__(self) -> None:
        self.check_keys()
        check_strata(self, self.shape, self._strata)
        check_size(self, self.shape, self._strata)

    @cached_property
    def is_plain(self) -> bool:
        """Whether its networks are of blocks and widths alone, by the grid of `width_step` or another."""
        return not self.wider

    @property
    def most_halvings(self) -> int:
        """How often the images can be halved, at most three times, and keep 2x2 pixels."""
        return most_halvings(self.shape)

    @cached_property
    def _strata(self) -> tuple[Stratum, ...]:
        return strata_of(self, self.most_halvings)

    @property
    def depth_range(self) -> tuple[int, int]:
        """Fewest and most stages that the image size allows."""
        return self._strata[0].stages, self._strata[-1].stages

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The choices; with a single value for a stage that the space never has."""
        most = self.depth_range[1]
        stages = sorted({one.stages for one in self._strata})

        def each(name: str, values: list[int]) -> list[Dimension]:
            return [Dimension(name=f"{name}_{i + 1}", values=values if i < most else values[:1]) for i in range(SLOTS)]

        plain = (
            Dimension(name=STAGES, values=stages, ordered=False),
            *each("blocks", list(range(self.blocks[0], self.blocks[1] + 1))),
            *each("width", self.grid.tolist()),
        )
        if self.is_plain:
            return plain
        shortcuts = self._shortcuts
        return (
            *plain,
            *each("mid_eighths", list(self.eighths)),
            *each("expansion", sorted(self.expansions)),
            *each("kernel", sorted(self.kernels)),
            *(self._choice(name) for name in COLUMN if name != STAGES),
            Dimension(name="shortcut", values=shortcuts, ordered=False, labels=[SHORTCUTS[i] for i in shortcuts]),
        )

    def _choice(self, name: str) -> Dimension:
        """Return the dimension of a choice of which a network has one."""
        values = sorted({getattr(one, name) for one in self._strata})
        words: dict[str, Any] = {
            "unhalved": unhalved_label,
            "kind": self.all_kinds.__getitem__,
            "group_width": group_label,
        }
        label = words.get(name, lambda value: word_label(value, is_stem=name == "stem"))
        called = "downsampling" if name == "unhalved" else name
        return Dimension(name=called, values=values, ordered=False, labels=[label(value) for value in values])

    @property
    def _shortcuts(self) -> list[int]:
        """The shortcuts that members have, as indices of `SHORTCUTS`; where none could pool, that is "conv"."""
        chosen = {SHORTCUTS.index(word) for word in self.shortcuts}
        return sorted(chosen if all(one.can_pool for one in self._strata) else chosen | {0})

    @property
    def ranges(self) -> Ranges:
        """The ranges of the dimensions, as the parameters of trials have them."""
        narrow = Ranges(stages=self.stages, blocks=self.blocks, widths=self.widths)
        if self.is_plain:
            return narrow
        return replace(narrow, others=tuple(other_ranges(self, self._strata)))

    @property
    def in_words(self) -> str:
        """The dimensions in words.

        >>> ResNetSpace(widths=(16, 64)).in_words
        '1-4 stages, 1-8 blocks, widths 16-64 by 8, not falling'
        """
        stages, blocks, widths = (f"{low}-{high}" for low, high in (self.depth_range, self.blocks, self.widths))
        grid = f" by {self.width_step}" if self.width_grid == PLAIN.width_grid else f" in {len(self.grid)} sizes"
        order = ", not falling" if self.monotone else ""
        others = "".join(
            f", {name.replace('_', ' ')} {' or '.join(map(str, values))}" for name, values in self.wider.items()
        )
        return f"{stages} stages, {blocks} blocks, widths {widths}{grid}{order}{others}"

    def to_json(self) -> dict[str, Any]:
        """Return the dimensions as JSON values; choices of a wider space only where there is one."""
        found = {
            "stages": list(self.depth_range),
            "blocks": list(self.blocks),
            "widths": list(self.widths),
            "width_step": self.width_step,
            "monotone": self.monotone,
        }
        values = {name: getattr(self, name) for name in WIDE_KEYS}
        wider = {name: value for name, value in values.items() if value != getattr(PLAIN, name)}
        return found | {name: value if isinstance(value, str) else list(value) for name, value in wider.items()}

    def params(self, points: IntArray) -> IntArray:
        """Count the trainable parameters: [N]."""
        return self._cost(points)[0]

    def macs(self, points: IntArray) -> IntArray:
        """Count multiply-accumulates for one image: [N]."""
        return self._cost(points)[1]

    def _cost(self, points: IntArray) -> tuple[IntArray, IntArray]:
        params, macs = np.empty(len(points), np.int64), np.empty(len(points), np.int64)
        for rows, nets in columns.networks(self._all_columns(points), self.all_kinds):
            params[rows], macs[rows] = pools.total_of(nets, self.shape)
        return params, macs

    def bytes(self, points: IntArray, weights: Precision) -> IntArray:
        """Count the bytes of the exported file, from above: [N]."""
        found = np.empty(len(points), dtype=np.int64)
        for rows, nets in columns.networks(self._all_columns(points), self.all_kinds):
            found[rows] = bytes_of(nets, self.shape, weights)
        return found

    def memory(self, points: IntArray, weights: Precision) -> IntArray:
        """Count the bytes of the peak memory for one image: [N]."""
        found = np.empty(len(points), dtype=np.int64)
        for rows, nets in columns.networks(self._all_columns(points), self.all_kinds):
            found[rows] = element_bytes(weights) * peaks_of(nets, self.shape)
        return found

    def _all_columns(self, points: IntArray) -> IntArray:
        """Return points with all columns [N, 28]; those that a plain space has not are the same in all its networks."""
        if not self.is_plain:
            return points
        rest = np.zeros((len(points), columns.WIDE - columns.PLAIN_COLUMNS), dtype=np.int64)
        rest[:, KERNELS.start - columns.PLAIN_COLUMNS : KERNELS.stop - columns.PLAIN_COLUMNS] = self.kernels[0]
        rest[:, : KERNELS.start - columns.PLAIN_COLUMNS] = [*[self.eighths[0]] * SLOTS, *[min(self.expansions)] * SLOTS]
        return np.concatenate([points, rest], axis=1)

    def canonical(self, points: IntArray) -> IntArray:
        """Return members: what a network does not have at its lowest value, widths sorted if they may not fall."""
        exists = columns.present(points)
        found = np.array(points, dtype=np.int64)
        found[:, BLOCKS] = np.where(exists, points[:, BLOCKS], self.blocks[0])
        widths = points[:, WIDTHS]
        if self.monotone:
            widths = np.sort(np.where(exists, widths, np.iinfo(np.int64).max), axis=1)
        found[:, WIDTHS] = np.where(exists, widths, self.grid[0])
        if not self.is_plain:
            columns.settle(found, self, self._kept)
        return found

    @cached_property
    def _kept(self) -> dict[int, tuple[int, ...]]:
        """The transitions that may not halve, by number of stages."""
        return {one.stages: self.unhalved(one.stages, self.most_halvings) for one in self._strata}

    def strata(self, points: IntArray) -> IntArray:
        """Return the number of stages, [N]; in a wider space, the number of the combination of choices, -1 for none."""
        if self.is_plain:
            return points[:, 0]
        known = np.array([[getattr(one, name) for name in COLUMN] for one in self._strata])
        places = [np.unique(known[:, i]) for i in range(known.shape[1])]

        def key(rows: IntArray) -> IntArray:
            found, inside = np.zeros(len(rows), dtype=np.int64), np.ones(len(rows), dtype=bool)
            for i, values in enumerate(places):
                place = np.minimum(np.searchsorted(values, rows[:, i]), len(values) - 1)
                inside &= values[place] == rows[:, i]
                found = found * len(values) + place
            return np.where(inside, found, -1)

        keys, wanted = key(known), key(points[:, STRATUM])
        order = np.argsort(keys)
        place = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
        found: IntArray = np.where(keys[order[place]] == wanted, order[place], -1)
        return found

    def name_stratum(self, stratum: int) -> str:
        """Name a stratum by its number of stages, and its other choices where the space has some."""
        return plural(stratum, "stage") if self.is_plain else self._strata[stratum].name

    def kind_of(self, stratum: int) -> int:
        """Return a number for the kind of blocks, with its groups."""
        if self.is_plain:
            return 0
        kinds = sorted({(one.kind, one.group_width) for one in self._strata})
        return kinds.index((self._strata[stratum].kind, self._strata[stratum].group_width))

    def part_of(self, stratum: int) -> str:
        """Name the part of the space that a stratum is in: its stages in a plain space, else its kind of blocks."""
        return self.name_stratum(stratum) if self.is_plain else self._strata[stratum].kind_name

    def features(self, points: IntArray) -> FloatArray:
        """Return the features of points: [N, F]; see `space.features`."""
        params, macs = self._cost(points)
        if self.is_plain:
            return features.by_stage(points, params, macs)
        return features.by_resolution(points, params, macs, self.dimensions, self.shape, self.all_kinds)

    def chains(self) -> dict[int, Chain]:
        """Return cost tables by stratum; only neighbouring stages share costs."""
        return self.chains_of(Prices())

    def chains_of(self, prices: Prices) -> dict[int, Chain]:
        """Return the tables of other costs, of networks that fit a cap on memory."""
        return {
            one.stages if self.is_plain else i: chain_of(one, self, self.shape, is_plain=self.is_plain, prices=prices)
            for i, one in enumerate(self._strata)
        }

    def decode(self, point: IntArray) -> ResNetSpec:
        """Return the spec of a point [D]."""
        return columns.spec_of(self._all_columns(point[None])[0], self.all_kinds)

    def encode(self, spec: ResNetSpec) -> IntArray:
        """Return the point [D] of a spec of at most 4 stages, on the grid or off it; `has_point` says if it is that."""
        point = columns.point_of(spec, self)
        return point[: columns.PLAIN_COLUMNS] if self.is_plain else point

    def has_point(self, spec: ResNetSpec) -> bool:
        """Return whether a network has a point, on the grid or off it, from which it is read back."""
        return spec.depth <= SLOTS and self.decode(self.encode(spec)) == spec

    @property
    def known(self) -> str:
        """The networks that have a point, in words."""
        stages = f"networks of up to {SLOTS} stages"
        if self.is_plain:
            return f"{stages} whose stem is as wide as stage 1, of blocks and widths alone (2x64-3x128)"
        return f"{stages} whose mid channels are eighths of the widths, in groups as wide in all stages"
