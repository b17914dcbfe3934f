"""The rules of what a network may have: ranges of numbers, and what goes with which kind of blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budgetnas.arch import kinds
from budgetnas.arch.kinds import KINDS
from budgetnas.exceptions import UsageError

if TYPE_CHECKING:
    from budgetnas.arch.spec import ResNetSpec

MAX_STAGES = 8
MAX_BLOCKS = 1_000
MAX_WIDTH = 65_536
MAX_SIDE = 65_536
MAX_KERNEL, MAX_EXPANSION = 31, 64
SHORTCUTS = ("conv", "pool")


def check_choices(spec: ResNetSpec) -> None:
    """Check the choices of which a network has one.

    Raises:
        UsageError: a choice is unknown or out of range.
    """
    is_own = kinds.is_name(spec.kind)
    for name, known in (("kind", KINDS), ("shortcut", SHORTCUTS)):
        if getattr(spec, name) not in known and not (is_own and name == "kind"):
            raise UsageError(f"is {getattr(spec, name)!r:.80}, but must be {' or '.join(known)}.", argument=name)
    for name, most in (("squeeze", MAX_WIDTH), ("neck", MAX_WIDTH)):
        if getattr(spec, name) is not None:
            check(name, getattr(spec, name), 1, most)
    if is_own and spec.squeeze is not None:
        rule = f"a block of the kind {spec.kind!r} has only its own layers: leave it out"
        raise UsageError(f"is {spec.squeeze}, but {rule}.", argument="squeeze")


def check_stages(spec: ResNetSpec) -> None:
    """Check the choices of which each stage has one, blocks and widths aside.

    Raises:
        UsageError: a number is out of range, or does not go with another one.
    """
    for name, most in (("mids", MAX_WIDTH), ("expansions", MAX_EXPANSION), ("groups", MAX_WIDTH)):
        for value in getattr(spec, name):
            check(name, value, 1, most)
    for kernel in spec.kernels:
        check("kernels", kernel, 1, MAX_KERNEL)
        if kernel % 2 == 0:
            raise UsageError(f"holds {kernel}, but must be odd, like 3 or 5.", argument="kernels")
    for mid, groups in zip(spec.mids, spec.groups, strict=True):
        if mid % groups:
            rule = f"must divide the {mid} channels of the middle convolution"
            raise UsageError(f"holds {groups}, but {rule}.", argument="groups")
    for stage, stride in enumerate(spec.strides):
        check("strides", stride, 1, 2 if stage else 1)


def check(name: str, value: object, low: int, high: int) -> None:
    """Check that a value is a whole number from `low` to `high`.

    Raises:
        UsageError: it is not; the message has its `name`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        rule = f"must be a whole number from {low:,} to {high:,}" if low < high else f"must be {low:,}"
        raise UsageError(f"holds {value!r}, but {rule}.", argument=name)
