"""The keys of `[space]` that say which networks a search chooses from, and their rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from budgetnas.arch.kinds import KINDS, is_name, required
from budgetnas.arch.rules import MAX_EXPANSION, MAX_KERNEL, MAX_WIDTH, SHORTCUTS
from budgetnas.arrays import IntArray
from budgetnas.exceptions import UsageError

SLOTS = 4  # stages at most
EIGHTHS = 8  # mid ratios are eighths
NONE, AS_STAGE_1 = "none", "stage_1"
ALL, ALL_BUT_ONE = "all", "all_but_one"
STEP, GEOMETRIC = "step", "geometric"
_MIDDLE = "mid"
_GROUP = re.compile(r"mid/(?:[2-9]|[1-9][0-9]{1,3})")
_MOST_WIDTHS = 8_192


@dataclass(frozen=True, kw_only=True)
class SpaceKeys:
    """The choices that the networks of a space have.

    Attributes:
        stages: fewest and most stages, within 1 to 4.
        blocks: fewest and most blocks per stage.
        widths: narrowest and widest stage, in channels.
        width_step: grid of the widths, in channels, from the narrowest on.
        monotone: whether widths may not fall from one stage to the next.
        kinds: kinds of blocks, of which a network has one: "basic", "bottleneck", "inverted", or an own kind.
        groups: groups of the middle convolution of bottlenecks, the same choice in all stages: 1, "mid/4" for groups of
            4 channels (or another number), "mid" for a depthwise convolution. Grouped ones have at least two groups.
        mid_ratios: channels of that convolution as shares of the width, per stage: eighths, rounded up to whole groups.
        expansions: how many times wider than its input an inverted block is inside, per stage.
        kernels: odd side of the kernels above 1x1, per stage.
        shortcuts: where the shape changes: "conv" (a 1x1 convolution) or "pool" (with a mean of 2x2 pixels before it).
        squeeze: "none", or the reduction of squeeze-excitation, like 16.
        downsampling: which stages halve the image: "all" but the first, "all_but_one" of these, or the joints between
            the stages as in an id, like "=--", where the stage behind a "=" does not, and is of another width.
        stems: channels of the stem, "stage_1" for as many as stage 1.
        necks: "none", or the channels of a 1x1 convolution before the head.
        width_grid: "step" for the grid of `width_step`, "geometric" for multiples of 4 up to 32 and four widths in each
            doubling above, or a list of widths.
    """

    stages: tuple[int, int] = (1, SLOTS)
    blocks: tuple[int, int] = (1, 8)
    widths: tuple[int, int] = (16, 512)
    width_step: int = 8
    monotone: bool = True
    kinds: tuple[str, ...] = ("basic",)
    groups: tuple[int | str, ...] = (1,)
    mid_ratios: tuple[float, ...] = (0.25,)
    expansions: tuple[int, ...] = (6,)
    kernels: tuple[int, ...] = (3,)
    shortcuts: tuple[str, ...] = ("conv",)
    squeeze: tuple[int | str, ...] = (NONE,)
    downsampling: tuple[str, ...] = (ALL,)
    stems: tuple[int | str, ...] = (AS_STAGE_1,)
    necks: tuple[int | str, ...] = (NONE,)
    width_grid: str | tuple[int, ...] = STEP

    def check_keys(self) -> None:
        """Check every rule that does not depend on the images.

        Raises:
            UsageError: a value breaks its rule; the message has the key.
        """
        for name, (low, high), top in (
            ("stages", self.stages, SLOTS),
            ("blocks", self.blocks, 64),
            ("widths", self.widths, _MOST_WIDTHS),
        ):
            if not 1 <= low <= high <= top:
                raise _wrong(name, f"[{low}, {high}]", f"must be a range [low, high] within 1 to {top}")
        if self.width_step < 1:
            raise _wrong("width_step", self.width_step, "must be 1 or more channels")
        for kind in filter(is_name, self.kinds):
            required(kind, argument="space.kinds")
        self._check("kinds", self.all_kinds.__contains__, f"of {', '.join(self.all_kinds)}")
        self._check("groups", _is_group, 'of 1, "mid" and "mid/N" with N of 2 or more')
        self._check("mid_ratios", _is_ratio, "of the multiples of 0.125 up to 1")
        self._check("expansions", _within(1, MAX_EXPANSION), f"of the whole numbers from 1 to {MAX_EXPANSION}")
        self._check("kernels", _is_kernel, f"of the odd numbers from 1 to {MAX_KERNEL}")
        self._check("shortcuts", SHORTCUTS.__contains__, f"of {', '.join(SHORTCUTS)}")
        for name, word in (("squeeze", NONE), ("stems", AS_STAGE_1), ("necks", NONE)):
            inside = _within(1, MAX_WIDTH)
            rule = f'of "{word}" and the whole numbers from 1 to {MAX_WIDTH:,}'
            self._check(name, lambda value, word=word, inside=inside: value == word or inside(value), rule)
        if len(set(self.squeeze) - {NONE}) > 1:
            raise _wrong("squeeze", list(self.squeeze), 'must be "none", one reduction, or both: leave one out')
        self._check("downsampling", _is_mask, 'of "all", "all_but_one" and joints like "=--"')
        self._check_grid()

    def _check(self, name: str, rule: Any, in_words: str) -> None:
        values = getattr(self, name)
        if not values or len(set(values)) < len(values) or not all(map(rule, values)):
            raise _wrong(name, list(values), f"must be one or more {in_words}, each once")

    def _check_grid(self) -> None:
        grid, (low, high) = self.width_grid, self.widths
        if isinstance(grid, str):
            if grid not in (STEP, GEOMETRIC):
                raise _wrong("width_grid", repr(grid), f'must be "{STEP}", "{GEOMETRIC}", or a list of widths')
            if not len(self.grid):
                raise _wrong(
                    "width_grid", repr(grid), f"no such width lies within {low} to {high}: widen `space.widths`"
                )
        elif not grid or list(grid) != sorted(set(grid)) or not low <= grid[0] <= grid[-1] <= high:
            raise _wrong("width_grid", list(grid), f"must be widths that rise, within `space.widths`, {low} to {high}")

    @property
    def grid(self) -> IntArray:
        """The widths of proposals, ascending."""
        low, high = self.widths
        if self.width_grid == STEP:
            return np.arange(low, high + 1, self.width_step, dtype=np.int64)
        if self.width_grid == GEOMETRIC:
            return np.array([width for width in _geometric() if low <= width <= high], dtype=np.int64)
        return np.array(self.width_grid, dtype=np.int64)

    @property
    def all_kinds(self) -> tuple[str, ...]:
        """The kinds by the number that points have for them: ours, then the own ones of the space."""
        return (*KINDS, *filter(is_name, self.kinds))

    @property
    def eighths(self) -> tuple[int, ...]:
        """The mid ratios in eighths, ascending."""
        return tuple(sorted(round(EIGHTHS * ratio) for ratio in self.mid_ratios))

    @property
    def group_widths(self) -> tuple[int, ...]:
        """The channels per group of bottlenecks, ascending; 0 for a single group."""
        return tuple(sorted(_group_width(word) for word in self.groups))

    def numbers(self, name: str) -> tuple[int, ...]:
        """Return the values of `squeeze`, `stems` or `necks`, ascending; 0 for their word."""
        return tuple(sorted(0 if isinstance(value, str) else value for value in getattr(self, name)))

    def unhalved(self, stages: int, most_halvings: int) -> tuple[int, ...]:
        """Return which transitions of networks of so many stages do not halve the image, ascending.

        Each is a number whose bit i stands for stage i + 2. Those that halve more often than the images allow are
        left out, and those that need more widths than there are: a stage that does not halve has another width than
        the one before it.
        """
        transitions = stages - 1
        found: set[int] = set()
        for word in self.downsampling:
            if word == ALL:
                found.add(0)
            elif word == ALL_BUT_ONE:
                found |= {1 << i for i in range(transitions)}
            elif len(word) == transitions:
                found.add(sum(1 << i for i, joint in enumerate(word) if joint == "="))
        distinct = len(self.grid) - 1 if self.monotone else transitions * (len(self.grid) > 1)
        return tuple(
            sorted(
                bits
                for bits in found
                if transitions - bits.bit_count() <= most_halvings and bits.bit_count() <= distinct
            )
        )

    @property
    def wider(self) -> dict[str, Any]:
        """The keys that make a space wider than one of blocks and widths alone, where their kind of blocks is in it."""
        needed = {"groups": "bottleneck", "mid_ratios": "bottleneck", "expansions": "inverted"}
        if not set(self.kinds) & set(KINDS):  # kinds of a person's own have only their own layers
            needed |= {"squeeze": "basic", "shortcuts": "basic"}
        values = {name: getattr(self, name) for name in WIDE_KEYS if name != "width_grid"}
        return {
            name: value
            for name, value in values.items()
            if value != getattr(PLAIN, name) and needed.get(name, self.kinds[0]) in self.kinds
        }

    def masks(self) -> list[str]:
        """Return the joints that `downsampling` has."""
        return [word for word in self.downsampling if word not in (ALL, ALL_BUT_ONE)]


PLAIN = SpaceKeys()
WIDE_KEYS = (
    "kinds",
    "groups",
    "mid_ratios",
    "expansions",
    "kernels",
    "shortcuts",
    "squeeze",
    "downsampling",
    "stems",
    "necks",
    "width_grid",
)


def mid_channels(width: Any, eighths: Any, group_width: Any) -> Any:
    """Return the channels of the middle convolution of bottlenecks; arrays or ints that broadcast.

    They are the share of the width, rounded up to whole groups, of which a grouped convolution has at least two.
    """
    least = -(-width * eighths // EIGHTHS)
    size = np.maximum(group_width, 1)
    return np.where(group_width > 0, np.maximum(2, -(-least // size)) * size, least)


def _wrong(name: str, value: Any, rule: str) -> UsageError:
    return UsageError(f"is {value}, but {rule}.", argument=f"space.{name}")


def _within(low: int, high: int) -> Any:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_group(value: Any) -> bool:
    if isinstance(value, str):
        return value == _MIDDLE or _GROUP.fullmatch(value) is not None
    return value == 1 and value is not True


def _group_width(word: int | str) -> int:
    if isinstance(word, int):
        return 0
    return 1 if word == _MIDDLE else int(word.removeprefix(f"{_MIDDLE}/"))


def _is_ratio(value: Any) -> bool:
    return 0 < value <= 1 and float(EIGHTHS * value).is_integer()


def _is_kernel(value: Any) -> bool:
    return bool(_within(1, MAX_KERNEL)(value)) and value % 2 == 1


def _is_mask(value: Any) -> bool:
    return value in (ALL, ALL_BUT_ONE) or (0 < len(value) < SLOTS and set(value) <= set("-="))


def _geometric() -> Sequence[int]:
    fine = range(4, 32, 4)
    return [*fine, *(mantissa << octave for octave in range(3, 11) for mantissa in (4, 5, 6, 7))]
