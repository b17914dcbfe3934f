"""The kinds of blocks: ours by their names, and those of a person's own code, which a command was given.

A network carries the layers of its blocks of an own kind (`ResNetSpec.block_layers`): only new networks need the code.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from budgetnas.arch.blocks import Block, check_block, read_block
from budgetnas.arch.layers import Layer
from budgetnas.exceptions import UsageError
from budgetnas.text import one_line

if TYPE_CHECKING:
    from budgetnas.arch.pools import Stages
    from budgetnas.arch.spec import ResNetSpec

KINDS = ("basic", "bottleneck", "inverted")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")


class BlockKind(Protocol):
    """A kind of blocks of a person's own.

    A stage is a first block, which may change the number of channels and halve the image, and further ones, which keep
    the shape.

    Attributes:
        name: in ids and tables: up to 32 letters, digits and `_`, the first one a letter; none of our kinds.
    """

    name: str

    def block(self, in_channels: int, out_channels: int, stride: int, kernel: int) -> Sequence[Layer]:
        """Return the layers of one block.

        Args:
            in_channels: of its input.
            out_channels: of its output: the width of the stage.
            stride: 2 where it halves the image, rounded up, else 1.
            kernel: odd side of the kernels above 1x1.
        """

    def cost(self, stages: Stages) -> tuple[Any, Any]:
        """Return params and MACs of whole stages of these blocks, int64 arrays that broadcast as `stages` do."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnKind:
    """A kind of blocks that is known beside ours.

    Attributes:
        name: of the kind.
        block: returns the layers of a block, checked: in-channels, out-channels, stride, kernel.
        cost: params and MACs of stages; None where they are counted by the layers.
        word: `module:Class` of its code; "" without code.
        sha256: of the source of the module.
    """

    name: str
    block: Callable[[int, int, int, int], Block]
    cost: Callable[[Stages], tuple[Any, Any]] | None = None
    word: str = ""
    sha256: str = ""


_OWN: dict[str, OwnKind] = {}


def is_name(value: object) -> bool:
    """Return whether a value could be the name of an own kind."""
    return isinstance(value, str) and value not in KINDS and _NAME.fullmatch(value) is not None


def make_kind(code: BlockKind, *, word: str, sha256: str) -> OwnKind:
    """Return the kind of a person's code.

    Raises:
        UsageError: its name breaks its rule.
    """
    try:
        name = getattr(code, "name", None)
    except (Exception, SystemExit):  # a person's code can fail in any way
        name = None
    if not is_name(name):
        raise UsageError(
            f"is {word}, whose `name` is {name!r}, but must be letters, digits and _, the first one a letter, and none "
            f"of {', '.join(KINDS)}.",
            argument="space_code",
        )

    @cache
    def block(in_channels: int, out_channels: int, stride: int, kernel: int) -> Block:
        try:
            found = tuple(code.block(in_channels=in_channels, out_channels=out_channels, stride=stride, kernel=kernel))
            check_block(found, in_channels, out_channels, stride)
        except (Exception, SystemExit) as error:  # a person's code can fail in any way
            kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
            raise UsageError(
                f"is {word}, whose `block` fails for {in_channels} to {out_channels} channels, stride {stride}, kernel "
                f"{kernel} ({kind}{one_line(error)}): correct it there.",
                argument="space_code",
            ) from error
        return found

    return OwnKind(name=str(name), block=block, cost=code.cost, word=word, sha256=sha256)


def register(kind: OwnKind) -> None:
    """Make a kind known to this process, in place of one of the same name."""
    _OWN[kind.name] = kind


def find(name: str) -> OwnKind | None:
    """Return the own kind of a name; None where no code of it was given."""
    return _OWN.get(name)


def required(name: str, *, argument: str = "kind") -> OwnKind:
    """Return the own kind of a name, which an argument or key gives.

    Raises:
        UsageError: no code of it was given.
    """
    found = find(name)
    if found is None:
        rule = f"must be {', '.join(KINDS)}, or a kind whose code is given as MODULE:CLASS"
        raise UsageError(f"is {name!r}, but {rule}.", argument=argument)
    return found


def blocks_of(spec: ResNetSpec) -> tuple[tuple[Block, ...], ...]:
    """Return the layers of a network's blocks of an own kind: of the first of each stage, and of the later ones.

    Raises:
        UsageError: the code of the kind was not given, or fails.
    """
    own = required(spec.kind)
    return tuple(tuple(own.block(*sizes) for sizes in stage) for stage in _sizes(spec))


def read_blocks(spec: ResNetSpec, content: Any) -> tuple[tuple[Block, ...], ...]:
    """Read the layers of a network's blocks from JSON values.

    Raises:
        UsageError: they are no layers, or do not fit the network.
    """
    try:
        if spec.kind in KINDS:
            raise ValueError(f"{spec.kind} blocks have those of this program")
        found = tuple(tuple(map(read_block, stage)) for stage in content)
        if list(map(len, found)) != list(map(len, _sizes(spec))):
            raise ValueError("they are of another number of blocks")
        for blocks, stage in zip(found, _sizes(spec), strict=True):
            for block, (in_channels, out_channels, stride, _) in zip(blocks, stage, strict=True):
                check_block(block, in_channels, out_channels, stride)
    except (ValueError, TypeError) as error:
        raise UsageError(f"do not fit `{spec.id}` ({one_line(error)}).", argument="block_layers") from error
    return found


def _sizes(spec: ResNetSpec) -> list[list[tuple[int, int, int, int]]]:
    """Return in-channels, out-channels, stride and kernel of the first block of each stage, and of the later ones."""
    befores = (spec.stem_width, *spec.widths)
    stages = zip(befores, spec.widths, spec.strides, spec.kernels, spec.blocks, strict=False)
    return [
        [(before, width, stride, kernel), *[(width, width, 1, kernel)] * (blocks > 1)]
        for before, width, stride, kernel, blocks in stages
    ]


def codes(names: Iterable[str]) -> dict[str, str]:
    """Return the code of each own kind among these, with its hash, as an identity records it."""
    found = [kind for kind in map(find, sorted(set(names))) if kind is not None]
    return {f"space_code.{kind.name}": f"{kind.word} (SHA-256 {kind.sha256})" for kind in found}


@contextlib.contextmanager
def recorded(names: Iterable[str], specs: Iterable[ResNetSpec]) -> Iterator[None]:
    """Know own kinds without their code, as far as networks carry the layers of their blocks.

    Args:
        names: of kinds; those whose code was given, and ours, stay as they are.
        specs: the networks.
    """
    blocks: dict[str, dict[tuple[int, int, int, int], Block]]
    blocks = {name: {} for name in filter(is_name, names) if name not in _OWN}
    for spec in specs:
        for sizes, layers in zip(_sizes(spec), spec.block_layers, strict=False):
            if spec.kind in blocks:
                blocks[spec.kind] |= zip(sizes, layers, strict=True)
    added = {name: OwnKind(name=name, block=lambda *sizes, known=known: known[sizes]) for name, known in blocks.items()}
    _OWN.update(added)
    try:
        yield
    finally:
        for name in added:
            del _OWN[name]
