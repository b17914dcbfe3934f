"""The cost of each part of a network: its ledger summed over stem, stages and head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from budgetnas.arch.counter import LedgerRow, ledger
from budgetnas.arch.layers import Conv
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.text import Table, write_percent

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
            params=sum(row.params for row in rows),
            macs=sum(row.macs for row in rows),
            activations=sum(row.activations for row in rows),
        )
        for i, rows in enumerate(groups)
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
                    size(part.out_shape),
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
    """Return the full ledger as a table with a row per layer."""
    rows = layers_of(spec, shape)
    return Table(
        title="Every layer",
        columns=("layer", "kind", "in", "out", "kernel / stride", "params", "MACs", "activations"),
        rows=[*(_layer_row(row) for row in rows), ("total", "", "", "", "", *_totals(rows))],
    )


def _layer_row(row: LedgerRow) -> tuple[str, ...]:
    return (
        row.name,
        type(row.layer).__name__,
        size(row.in_shape),
        size(row.out_shape),
        f"{row.layer.kernel}x{row.layer.kernel} / {row.layer.stride}" if isinstance(row.layer, Conv) else "",
        f"{row.params:,}",
        f"{row.macs:,}",
        f"{row.activations:,}",
    )


def _totals(rows: Sequence[LedgerRow]) -> tuple[str, str, str]:
    return (
        f"{sum(row.params for row in rows):,}",
        f"{sum(row.macs for row in rows):,}",
        f"{sum(row.activations for row in rows):,}",
    )


def size(shape: tuple[int, ...]) -> str:
    """Write a shape: `64x32x32`."""
    return "x".join(map(str, shape))
