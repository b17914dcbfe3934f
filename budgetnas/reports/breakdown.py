"""The cost of each part of a network: its ledger summed over stem, stages and head."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from budgetnas.arch.counter import Complexity, LedgerRow, ledger, total_of
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.text import Table, write_percent, write_shape

_STEM = 3  # layers of the chain before the first block: convolution, norm, rectifier
_BLOCK = 2  # layers of the chain per block: the residual sum, rectifier


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part of a network.

    Attributes:
        name: "stem", "stage 1" and so on, "head".
        blocks: number of basic blocks; 0 for stem and head.
        width: output channels; classes for the head.
        out_shape: (channels, height, width) of the output; (classes,) for the head.
        params: trainable parameters.
        macs: multiply-accumulates for one image.
        activations: output elements of convolutions and linear layers for one image.
    """

    name: str
    blocks: int
    width: int
    out_shape: tuple[int, ...]
    params: int
    macs: int
    activations: int


def layers_of(spec: ResNetSpec, shape: DataShape) -> tuple[LedgerRow, ...]:
    """Return the ledger of `spec`."""
    return ledger(lower(spec, shape), shape)


def parts(spec: ResNetSpec, shape: DataShape) -> tuple[Part, ...]:
    """Return stem, stages and head of `spec`; their costs sum to the network's."""
    ends = [_STEM + _BLOCK * blocks for blocks in accumulate(spec.blocks)]
    groups: list[list[LedgerRow]] = [[] for _ in range(len(ends) + 2)]
    for row in layers_of(spec, shape):
        layer = int(row.name.partition(".")[0])
        groups[sum(layer >= start for start in (_STEM, *ends))].append(row)
    names = ["stem", *(f"stage {i + 1}" for i in range(len(spec.blocks))), "head"]
    blocks, widths = (0, *spec.blocks, 0), (spec.stem_width, *spec.widths, shape.classes)
    return tuple(
        Part(
            name=names[i],
            blocks=blocks[i],
            width=widths[i],
            out_shape=rows[-1].out_shape,
            params=total.params,
            macs=total.macs,
            activations=total.activations,
        )
        for i, (rows, total) in enumerate(zip(groups, map(total_of, groups), strict=True))
    )


def parts_table(spec: ResNetSpec, shape: DataShape) -> Table:
    """Return the ledger by part as a table; its last row is the total."""
    found = parts(spec, shape)
    params, macs = sum(part.params for part in found), sum(part.macs for part in found)
    return Table(
        title="By stage",
        columns=("part", "blocks x width", "output", "params", "share", "MACs", "share", "activations"),
        rows=[
            *(
                (
                    part.name,
                    f"{part.blocks} x {part.width}" if part.blocks else "",
                    write_shape(part.out_shape),
                    f"{part.params:,}",
                    f"{write_percent(part.params / params)} %",
                    f"{part.macs:,}",
                    f"{write_percent(part.macs / macs)} %",
                    f"{part.activations:,}",
                )
                for part in found
            ),
            ("total", "", "", f"{params:,}", "", f"{macs:,}", "", f"{sum(part.activations for part in found):,}"),
        ],
    )


def layers_table(spec: ResNetSpec, shape: DataShape) -> Table:
    """Return the full ledger as a table: a row per layer, and their sum as the last row."""
    rows = layers_of(spec, shape)
    return Table(
        title="Every layer",
        columns=("layer", "kind", "in", "out", "kernel / stride", "params", "MACs", "activations"),
        rows=[
            *(
                (
                    row.name,
                    row.kind,
                    write_shape(row.in_shape),
                    write_shape(row.out_shape),
                    f"{row.kernel}x{row.kernel} / {row.stride}" if row.kernel else "",
                    *_costs(row),
                )
                for row in rows
            ),
            ("total", "", "", "", "", *_costs(total_of(rows))),
        ],
    )


def _costs(found: LedgerRow | Complexity) -> tuple[str, str, str]:
    return f"{found.params:,}", f"{found.macs:,}", f"{found.activations:,}"
