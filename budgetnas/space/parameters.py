"""A residual network as named whole numbers: `stages`, and `blocks_i` and `width_i` of every stage, from 1.

Networks of a wider space have more of them, with 0 and 1 for what a network has or not. They are the parameters of its
Optuna trial; in a space of blocks and widths alone they are also the dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from budgetnas.arch.kinds import KINDS
from budgetnas.arch.spec import ResNetSpec

STAGES = "stages"


def blocks_name(stage: int) -> str:
    """Name the number of blocks of a stage, the first of which is 1."""
    return f"blocks_{stage}"


def width_name(stage: int) -> str:
    """Name the width of a stage, the first of which is 1."""
    return f"width_{stage}"


def kind_name(kind: str) -> str:
    """Name the parameter that is 1 for the networks of an own kind; other networks do not have it, and it is 0."""
    return f"kind_{kind}"


def parameters(spec: ResNetSpec, *, is_wide: bool = False) -> dict[str, int]:
    """Return the parameters that a network has: those of absent stages are left out.

    >>> parameters(ResNetSpec(blocks=(4, 3), widths=(64, 250)))
    {'stages': 2, 'blocks_1': 4, 'blocks_2': 3, 'width_1': 64, 'width_2': 250}

    Args:
        spec: the network.
        is_wide: whether networks of other kinds are to be told apart, too.
    """
    blocks = {blocks_name(stage): number for stage, number in enumerate(spec.blocks, start=1)}
    widths = {width_name(stage): width for stage, width in enumerate(spec.widths, start=1)}
    return {STAGES: spec.depth, **blocks, **widths, **(_others(spec) if is_wide else {})}


def _others(spec: ResNetSpec) -> dict[str, int]:
    """Return the parameters that are the same in all networks of blocks and widths alone."""
    per_stage = (
        ("kernel", spec.kernels),
        ("mid", spec.mids),
        ("groups", spec.groups),
        ("expansion", spec.expansions),
    )
    return {
        **{kind: int(spec.kind == kind) for kind in KINDS[1:]},
        **({} if spec.kind in KINDS else {kind_name(spec.kind): 1}),
        **{f"{name}_{stage}": value for name, values in per_stage for stage, value in enumerate(values, start=1)},
        **{f"stride_{stage}": stride for stage, stride in enumerate(spec.strides, start=1) if stage > 1},
        "pooled_shortcut": int(spec.shortcut == "pool"),
        "squeeze": spec.squeeze or 0,
        "stem": spec.stem_width,
        "neck": spec.neck or 0,
    }


def is_plain(spec: ResNetSpec) -> bool:
    """Return whether blocks and widths alone describe a network: basic blocks behind a stem as wide as stage 1."""
    return spec == ResNetSpec(blocks=spec.blocks, widths=spec.widths)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranges:
    """The fixed ranges of every parameter that trials of a study may have, proposals and seeded models alike.

    Attributes:
        stages: fewest and most stages.
        blocks: fewest and most blocks per stage.
        widths: narrowest and widest stage, in channels.
        others: name, lowest and highest value of what a wider space chooses; none in a plain one.
    """

    stages: tuple[int, int] = (1, 4)
    blocks: tuple[int, int] = (1, 1)
    widths: tuple[int, int] = (1, 1)
    others: tuple[tuple[str, int, int], ...] = ()

    def cover(self, *specs: ResNetSpec) -> Ranges:
        """Widen the ranges until they hold all of `specs`."""
        present = [parameters(spec, is_wide=True) for spec in specs]
        return Ranges(
            stages=_widened(self.stages, [spec.depth for spec in specs]),
            blocks=_widened(self.blocks, [blocks for spec in specs for blocks in spec.blocks]),
            widths=_widened(self.widths, [width for spec in specs for width in spec.widths]),
            others=tuple(
                (name, *_widened((low, high), [found[name] for found in present if name in found]))
                for name, low, high in self.others
            ),
        )

    def limits(self) -> dict[str, tuple[int, int]]:
        """Return the lowest and the highest value of every parameter."""
        found = {STAGES: self.stages}
        for stage in range(1, self.stages[1] + 1):
            found |= {blocks_name(stage): self.blocks, width_name(stage): self.widths}
        return found | {name: (low, high) for name, low, high in self.others}

    def values(self, spec: ResNetSpec) -> dict[str, int]:
        """Return every parameter of `spec`; those that it does not have are at their lowest value."""
        present = parameters(spec, is_wide=True)
        return {name: present.get(name, low) for name, (low, _) in self.limits().items()}


def _widened(limits: tuple[int, int], values: Sequence[int]) -> tuple[int, int]:
    return min(*limits, *values), max(*limits, *values)
