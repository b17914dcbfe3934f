"""Immutable descriptions of a residual network and of its images."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from budgetnas.exceptions import UsageError
from budgetnas.text import plural

MAX_STAGES = 8
MAX_BLOCKS = 1_000
MAX_WIDTH = 65_536
MAX_SIDE = 65_536
_ID = re.compile(r"(s(?P<stem>[0-9]{1,9})-)?(?P<stages>[0-9]{1,9}x[0-9]{1,9}(-[0-9]{1,9}x[0-9]{1,9})*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class DataShape:
    """The input and output shape of an architecture.

    Attributes:
        channels: input channels, 1 for grey and 3 for colour.
        height: image height in pixels.
        width: image width in pixels.
        classes: number of classes.
    """

    channels: int = 3
    height: int = 32
    width: int = 32
    classes: int = 10

    def __post_init__(self) -> None:
        for name, high in (
            ("channels", 4_096),
            ("height", MAX_SIDE),
            ("width", MAX_SIDE),
            ("classes", 1_000_000),
        ):
            _check(name, getattr(self, name), 1, high)

    @property
    def values(self) -> int:
        """Number of values in an image: channels times pixels."""
        return self.channels * self.height * self.width


@dataclass(frozen=True, kw_only=True, slots=True)
class ResNetSpec:
    """A residual network of basic blocks, as kuangliu/pytorch-cifar builds them (He et al., arXiv:1512.03385).

    The first block of every stage except the first halves the image. A spec has no empty stages: `from_stages` drops
    them, so that no network has two specs.

    Attributes:
        blocks: basic blocks per stage, each at least 1.
        widths: channels per stage.
        stem_width: channels of the 3x3 stem; default: as in stage 1.

    Raises:
        UsageError: a number is out of range, or the number of widths is not that of stages.
    """

    blocks: tuple[int, ...] = field(
        metadata={"per_stage": True, "metavar": "B,B,..", "help": "basic blocks per stage; 0 for an empty stage"}
    )
    widths: tuple[int, ...] = field(
        metadata={"per_stage": True, "metavar": "W,W,..", "help": "channels, one per stage or one per non-empty stage"}
    )
    stem_width: int = field(
        default=0,
        metadata={"per_stage": False, "metavar": "W", "help": "channels of the stem (default: as in stage 1)"},
    )

    def __post_init__(self) -> None:
        if not 1 <= len(self.blocks) <= MAX_STAGES:
            raise UsageError(f"has {len(self.blocks)} stages, but must have 1 to {MAX_STAGES}.", argument="blocks")
        if len(self.widths) != len(self.blocks):
            raise UsageError(
                f"has {len(self.widths)} values for {len(self.blocks)} stages: give one width per stage.",
                argument="widths",
            )
        for blocks, width in zip(self.blocks, self.widths, strict=True):
            _check("blocks", blocks, 1, MAX_BLOCKS)
            _check("widths", width, 1, MAX_WIDTH)
        object.__setattr__(self, "stem_width", self.stem_width or self.widths[0])
        _check("stem_width", self.stem_width, 1, MAX_WIDTH)

    @classmethod
    def from_stages(cls, blocks: Sequence[int], widths: Sequence[int], *, stem_width: int = 0) -> ResNetSpec:
        """Return the canonical spec of `blocks` per stage, where 0 marks an empty stage.

        >>> ResNetSpec.from_stages([4, 0, 3, 0], [64, 128, 250, 512])
        ResNetSpec(blocks=(4, 3), widths=(64, 250), stem_width=64)

        Args:
            blocks: basic blocks per stage, 0 or more.
            widths: one width per stage, or one per non-empty stage.
            stem_width: channels of the stem; 0 means the width of the first stage.

        Raises:
            UsageError: every stage is empty, a value is out of range, or the number of widths fits neither form.
        """
        for count in blocks:
            _check("blocks", count, 0, MAX_BLOCKS)
        filled = [i for i, count in enumerate(blocks) if count > 0]
        if not filled:
            raise UsageError(
                "has no block in any stage: give at least one stage with 1 block or more.", argument="blocks"
            )
        if len(widths) == len(blocks):
            for width in widths:
                _check("widths", width, 1, MAX_WIDTH)
            widths = [widths[i] for i in filled]
        elif len(widths) != len(filled):
            raise UsageError(
                f"has {plural(len(widths), 'value')}, but `blocks` has {plural(len(blocks), 'stage')}, {len(filled)} "
                "of them non-empty: give one width per stage or one per non-empty stage.",
                argument="widths",
            )
        return cls(blocks=tuple(blocks[i] for i in filled), widths=tuple(widths), stem_width=stem_width)

    @classmethod
    def from_id(cls, text: str) -> ResNetSpec | None:
        """Parse an `id`; return None for text of another form.

        >>> ResNetSpec.from_id("4x64-5x128-3x256").widths
        (64, 128, 256)

        Raises:
            UsageError: a number is out of range.
        """
        found = _ID.fullmatch(text)
        if found is None:
            return None
        stages = [stage.split("x") for stage in found["stages"].split("-")]
        blocks, widths = (tuple(int(pair[i]) for pair in stages) for i in (0, 1))
        spec = cls(blocks=blocks, widths=widths, stem_width=int(found["stem"] or 0))
        return spec if spec.id == text else None

    @property
    def id(self) -> str:
        """The unique name of the architecture; it starts with `s32-` where a stem of 32 channels differs from stage 1.

        >>> ResNetSpec(blocks=(4, 5, 3), widths=(64, 128, 256)).id
        '4x64-5x128-3x256'
        """
        stem = "" if self.stem_width == self.widths[0] else f"s{self.stem_width}-"
        return stem + "-".join(f"{b}x{w}" for b, w in zip(self.blocks, self.widths, strict=True))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ResNetSpec:
        """Read what `to_json` wrote; other keys are ignored.

        Raises:
            KeyError: a key is missing.
            UsageError: a number is out of range.
        """
        blocks, widths = tuple(content["blocks"]), tuple(content["widths"])
        return cls(blocks=blocks, widths=widths, stem_width=content["stem_width"])

    def to_json(self) -> dict[str, Any]:
        """Return the spec as JSON values.

        >>> ResNetSpec(blocks=(4, 3), widths=(64, 250)).to_json()
        {'blocks': [4, 3], 'widths': [64, 250], 'stem_width': 64}
        """
        return {"blocks": list(self.blocks), "widths": list(self.widths), "stem_width": self.stem_width}

    @property
    def depth(self) -> int:
        """Number of stages."""
        return len(self.blocks)

    @property
    def per_stage(self) -> dict[str, tuple[int, ...]]:
        """The fields that have a value per stage, as tables and JSON show them beside the id.

        >>> ResNetSpec(blocks=(4, 3), widths=(64, 250)).per_stage
        {'blocks': (4, 3), 'widths': (64, 250)}
        """
        return {"blocks": self.blocks, "widths": self.widths}

    @property
    def in_words(self) -> str:
        """The stages in words.

        >>> ResNetSpec(blocks=(4, 1), widths=(64, 250)).in_words
        '4 blocks of 64, 1 block of 250'
        """
        return ", ".join(f"{b} block{'s' * (b > 1)} of {w}" for b, w in zip(self.blocks, self.widths, strict=True))

    def first(self, stages: int) -> ResNetSpec:
        """Return the network of the first stages, at most all."""
        return ResNetSpec(blocks=self.blocks[:stages], widths=self.widths[:stages], stem_width=self.stem_width)

    def __str__(self) -> str:
        return self.id


# The fields by name, for what spells them: an option has `metavar` and `help`, and a list if `per_stage`.
FIELDS = {one.name: one for one in fields(ResNetSpec)}
NEEDED = tuple(name for name, one in FIELDS.items() if one.default is MISSING)


def _check(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise UsageError(f"holds {value!r}, but must be a whole number from {low:,} to {high:,}.", argument=name)
