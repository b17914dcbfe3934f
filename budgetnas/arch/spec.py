"""Immutable descriptions of a residual network and of its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any

from budgetnas.arch import kinds
from budgetnas.arch.blocks import Block, write_block
from budgetnas.arch.ids import least_reduction, merged, parse_id, write_id
from budgetnas.arch.rules import MAX_BLOCKS, MAX_SIDE, MAX_STAGES, MAX_WIDTH, check, check_choices, check_stages
from budgetnas.exceptions import UsageError
from budgetnas.text import plural

PER_STAGE = ("blocks", "widths", "mids", "expansions", "kernels", "groups", "strides")
LAYERS = "block_layers"  # the key of the JSON that has them


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
        for name, high in (("channels", 4_096), ("height", MAX_SIDE), ("width", MAX_SIDE), ("classes", 1_000_000)):
            check(name, getattr(self, name), 1, high)

    @property
    def values(self) -> int:
        """Number of values in an image: channels times pixels."""
        return self.channels * self.height * self.width


def _option(metavar: str, help: str) -> dict[str, str]:
    return {"metavar": metavar, "help": help}


@dataclass(frozen=True, kw_only=True, slots=True)
class ResNetSpec:
    """A residual network as kuangliu/pytorch-cifar builds them (He et al., arXiv:1512.03385), and its relatives.

    No network has two specs: there are no empty stages (`from_stages` drops them), stages that are one are merged, and
    every default is filled in.

    Attributes:
        blocks: blocks per stage, each at least 1.
        widths: channels per stage.
        stem_width: channels of the 3x3 stem; default: as in stage 1.
        kind: of all blocks: "basic" (two convolutions), "bottleneck" (a narrow one between two of 1x1), or "inverted"
            (a wide depthwise one between two of 1x1), or the name of a kind of a person's own code.
        mids: channels of the middle convolution of bottlenecks, per stage; default: a quarter of the width.
        expansions: how many times wider than its input an inverted block is inside, per stage; default: 6.
        kernels: odd side of the kernels above 1x1, per stage; default: 3.
        groups: groups of the middle convolution of bottlenecks, per stage; default: 1.
        strides: of the first block of each stage, 1 or 2; the first is 1, the default of the others 2.
        shortcut: where the shape changes: "conv" (a 1x1 convolution) or "pool" (with a mean of 2x2 pixels before it).
        squeeze: reduction of squeeze-excitation, like 16; the smallest that gives the same sizes. None for none.
        neck: channels of a 1x1 convolution before the head; None for none.
        block_layers: of an own kind, the layers of the first block of each stage, and of the later ones where there are
            some; () for our kinds, and where neither code nor record has them.

    Raises:
        UsageError: a value breaks its rule, or does not go with the kind of the blocks.
    """

    blocks: tuple[int, ...] = field(metadata=_option("B,B,..", "blocks per stage; 0 for an empty stage"))
    widths: tuple[int, ...] = field(metadata=_option("W,W,..", "channels, one per stage or one per non-empty stage"))
    stem_width: int = field(default=0, metadata=_option("W", "channels of the stem (default: as in stage 1)"))
    kind: str = field(default="basic", metadata=_option("KIND", "basic (default), bottleneck or inverted blocks"))
    mids: tuple[int, ...] = field(default=(), metadata=_option("M,M,..", "channels inside bottlenecks (default W/4)"))
    expansions: tuple[int, ...] = field(
        default=(), metadata=_option("T,T,..", "widening in inverted blocks (default 6)")
    )
    kernels: tuple[int, ...] = field(default=(), metadata=_option("K,K,..", "odd sides of the kernels (default 3)"))
    groups: tuple[int, ...] = field(default=(), metadata=_option("G,G,..", "groups in bottlenecks (default 1)"))
    strides: tuple[int, ...] = field(default=(), metadata=_option("1,S,..", "2 (default) to halve the image, or 1"))
    shortcut: str = field(default="conv", metadata=_option("NAME", "conv (default) or pool, where the shape changes"))
    squeeze: int | None = field(default=None, metadata=_option("R", "reduction of squeeze-excitation (default: none)"))
    neck: int | None = field(default=None, metadata=_option("N", "channels before the head (default: no neck)"))
    block_layers: tuple[tuple[Block, ...], ...] = field(default=(), init=False, compare=False)

    def __post_init__(self) -> None:
        for name in PER_STAGE:
            value = getattr(self, name)
            if not isinstance(value, list | tuple):
                raise UsageError(f"is {value!r}, but must be a list of whole numbers, one per stage.", argument=name)
            self._fill(name, tuple(value))
        if not 1 <= len(self.blocks) <= MAX_STAGES:
            raise UsageError(f"has {len(self.blocks)} stages, but must have 1 to {MAX_STAGES}.", argument="blocks")
        if len(self.widths) != len(self.blocks):
            rule = f"{len(self.blocks)} stages: give one width per stage"
            raise UsageError(f"has {len(self.widths)} values for {rule}.", argument="widths")
        for blocks, width in zip(self.blocks, self.widths, strict=True):
            check("blocks", blocks, 1, MAX_BLOCKS)
            check("widths", width, 1, MAX_WIDTH)
        self._fill("stem_width", self.stem_width or self.widths[0])
        check("stem_width", self.stem_width, 1, MAX_WIDTH)
        check_choices(self)
        for name, default in self._defaults().items():
            values = getattr(self, name) or default
            if len(values) != len(default):
                rule = f"must have {len(default) or 'none'} for {plural(self.depth, 'stage')} of {self.kind} blocks"
                raise UsageError(f"has {plural(len(values), 'value')}, but {rule}.", argument=name)
            self._fill(name, values)
        check_stages(self)
        self._merge()
        if self.kind not in ("basic", "bottleneck") or 2 not in self.strides:  # no shortcut could pool
            self._fill("shortcut", "conv")
        if self.squeeze is not None:
            self._fill("squeeze", least_reduction(self))
        self._fill(LAYERS, kinds.blocks_of(self) if kinds.find(self.kind) else ())

    def _merge(self) -> None:
        for name, values in merged(self).items():
            self._fill(name, values)
        check("blocks", max(self.blocks), 1, MAX_BLOCKS)

    def _fill(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _defaults(self) -> dict[str, tuple[int, ...]]:
        """Return the defaults of the fields that have a value per stage; nothing where the kind of block has none."""
        is_bottleneck, is_inverted = self.kind == "bottleneck", self.kind == "inverted"
        return {
            "mids": tuple(max(1, width // 4) for width in self.widths) if is_bottleneck else (),
            "expansions": (6,) * self.depth if is_inverted else (),
            "kernels": (3,) * self.depth,
            "groups": (1,) * self.depth if is_bottleneck else (),
            "strides": (1, *(2,) * (self.depth - 1)),
        }

    @classmethod
    def from_stages(cls, blocks: Sequence[int], widths: Sequence[int], **others: Any) -> ResNetSpec:
        """Return the canonical spec of `blocks` per stage, 0 for an empty one, and `widths`, which may leave these out.

        >>> ResNetSpec.from_stages([4, 0, 3, 0], [64, 128, 250, 512])
        ResNetSpec(blocks=(4, 3), widths=(64, 250), stem_width=64)

        The other fields that have a value per stage have one for each non-empty stage.

        Raises:
            UsageError: every stage is empty, a value is out of range, or the number of widths fits neither form.
        """
        for count in blocks:
            check("blocks", count, 0, MAX_BLOCKS)
        filled = [i for i, count in enumerate(blocks) if count > 0]
        if not filled:
            rule = "give at least one stage with 1 block or more"
            raise UsageError(f"has no block in any stage: {rule}.", argument="blocks")
        if len(widths) == len(blocks):
            for width in widths:
                check("widths", width, 1, MAX_WIDTH)
            widths = [widths[i] for i in filled]
        elif len(widths) != len(filled):
            raise UsageError(
                f"has {plural(len(widths), 'value')}, but `blocks` has {plural(len(blocks), 'stage')}, {len(filled)} "
                "of them non-empty: give one width per stage or one per non-empty stage.",
                argument="widths",
            )
        return cls(blocks=tuple(blocks[i] for i in filled), widths=tuple(widths), **others)

    @classmethod
    def from_id(cls, text: str) -> ResNetSpec | None:
        """Parse an `id`; return None for text of another form.

        >>> ResNetSpec.from_id("4x64-5x128-3x256").widths
        (64, 128, 256)
        >>> ResNetSpec.from_id("d-2x64m16=3x96m24k5-2x128m32").strides
        (1, 1, 2)

        Raises:
            UsageError: a number is out of range.
        """
        parsed = parse_id(text)
        spec = None if parsed is None else cls(**parsed)
        return spec if spec is not None and spec.id == text else None

    @property
    def id(self) -> str:
        """The unique name of the architecture: the stages, `B`x`W`, and what differs from the defaults.

        Before the stages: `s32-`, a stem of 32 channels that differs from stage 1; `n512-`, a neck; `d-`, pooled
        shortcuts; `e16-`, squeeze-excitation. In a stage: `m16`, middle channels of bottlenecks; `t6`, expansion of
        inverted blocks; `k5`, kernels; `g4`, groups. A stage that `=` joins to the one before does not halve the image.
        Before all of it, the name of an own kind and a dot.

        >>> ResNetSpec(blocks=(4, 5, 3), widths=(64, 128, 256)).id
        '4x64-5x128-3x256'
        >>> ResNetSpec(blocks=(3, 3), widths=(64, 128), kind="bottleneck", kernels=(5, 3), groups=(4, 1), neck=512).id
        'n512-3x64m16k5g4-3x128m32'
        """
        return write_id(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ResNetSpec:
        """Read the JSON values of `to_json`; other keys are ignored.

        Raises:
            KeyError: a key is missing.
            UsageError: a value breaks its rule.
        """
        names = [name for name in FIELDS if name in content or name in ("blocks", "widths", "stem_width")]
        values = {name: content[name] for name in names}
        given: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in values.items()}
        spec = cls(**given)
        if LAYERS in content:
            spec._fill(LAYERS, kinds.read_blocks(spec, content[LAYERS]))
        return spec

    def to_json(self) -> dict[str, Any]:
        """Return the spec as JSON values; of the fields after `stem_width`, those that differ from their defaults.

        An own kind also has the layers of its blocks, where they are known.

        >>> ResNetSpec(blocks=(4, 3), widths=(64, 250)).to_json()
        {'blocks': [4, 3], 'widths': [64, 250], 'stem_width': 64}
        """
        found = {name: list(value) if isinstance(value, tuple) else value for name, value in self._chosen().items()}
        if self.block_layers:
            found[LAYERS] = [list(map(write_block, stage)) for stage in self.block_layers]
        return found

    def _chosen(self) -> dict[str, Any]:
        """Return the fields up to `stem_width`, and those after it that differ from their defaults."""
        defaults = {"kind": "basic", "shortcut": "conv", "squeeze": None, "neck": None, **self._defaults()}
        values = {name: getattr(self, name) for name in FIELDS}
        return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}

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
        return {name: value for name, value in self._chosen().items() if isinstance(value, tuple)}

    @property
    def per_network(self) -> dict[str, str | int]:
        """The choices of which a network has one, where they are not the default, for tables beside `per_stage`.

        >>> ResNetSpec(blocks=(4, 3), widths=(64, 250), neck=512).per_network
        {'neck': 512}
        """
        found = {name: value for name, value in self._chosen().items() if not isinstance(value, tuple)}
        if self.stem_width == self.widths[0]:
            del found["stem_width"]
        return found

    @property
    def in_words(self) -> str:
        """The stages in words.

        >>> ResNetSpec(blocks=(4, 1), widths=(64, 250)).in_words
        '4 blocks of 64, 1 block of 250'
        """
        kind = "" if self.kind == "basic" else f"{self.kind} "
        return ", ".join(
            f"{b} {kind}block{'s' * (b > 1)} of {w}" for b, w in zip(self.blocks, self.widths, strict=True)
        )

    def first(self, stages: int) -> ResNetSpec:
        """Return the network of the first stages, at most all."""
        per_stage: dict[str, Any] = {
            name: value[:stages] for name in FIELDS if isinstance(value := getattr(self, name), tuple)
        }
        return replace(self, **per_stage)

    def __repr__(self) -> str:
        return f"ResNetSpec({', '.join(f'{name}={value!r}' for name, value in self._chosen().items())})"

    def __str__(self) -> str:
        return self.id


# The fields by name, for what spells them: one with `metavar` and `help` is an option, a list if in `PER_STAGE`.
FIELDS = {one.name: one for one in fields(ResNetSpec) if one.init}
NEEDED = tuple(name for name, one in FIELDS.items() if one.default is MISSING)
OPTIONS = {name: one for name, one in FIELDS.items() if one.metadata}
