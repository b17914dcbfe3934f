"""The cost of each part of a network: its ledger summed over stem, stages and head."""

from __future__ import annotations

from dataclasses import dataclass

from budgetnas.arch.counter import Complexity, LedgerRow, ledger, total_of
from budgetnas.arch.device_ledger import DeviceRow, device_rows
from budgetnas.arch.layers import Conv
from budgetnas.arch.resnet import lower, sections
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.text import Table, write_percent, write_shape


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part of a network.

    Attributes:
        name: "stem", "stage 1" and so on, "head".
        block_count: number of blocks; 0 for stem and head.
        residuals: number of blocks with a shortcut: all, or all but a first inverted block that changes the shape.
        projects: whether the shortcut of its first block projects.
        kind: kind and kernel of its blocks, and the neck of the head, in words; "" for basic blocks of 3x3.
        width: output channels; classes for the head.
        out_shape: (channels, height, width) of the output; (classes,) for the head.
        params: trainable parameters.
        macs: multiply-accumulates for one image.
        activations: output elements of convolutions and linear layers for one image.
    """

    name: str
    block_count: int
    residuals: int
    projects: bool
    kind: str
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
    found = sections(spec, shape)
    owners = [i for i, section in enumerate(found) for _ in section.layers]
    groups: list[list[LedgerRow]] = [[] for _ in found]
    for row in layers_of(spec, shape):
        groups[owners[int(row.name.partition(".")[0])]].append(row)
    return tuple(
        Part(
            name=section.name,
            block_count=section.block_count,
            residuals=len(section.residuals),
            projects=any(residual.shortcut for residual in section.residuals[:1]),
            kind=kind,
            width=rows[-1].out_shape[0],
            out_shape=rows[-1].out_shape,
            params=total.params,
            macs=total.macs,
            activations=total.activations,
        )
        for section, rows, total, kind in zip(found, groups, map(total_of, groups), _kinds(spec), strict=True)
    )


def _kinds(spec: ResNetSpec) -> tuple[str, ...]:
    """Return what is special in stem, stages and head, in words."""
    names = (f"{spec.kind}, {kernel}x{kernel}" if kernel != 3 else spec.kind for kernel in spec.kernels)
    neck = "" if spec.neck is None else f"neck of {spec.neck}"
    return ("", *("" if name == "basic" else name for name in names), neck)


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
                    f"{part.block_count} x {part.width}" if part.block_count else "",
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
    """Return the full ledger as a table: a row per layer, and the last row for the network: sums, and the most live."""
    rows, device = layers_of(spec, shape), device_rows(lower(spec, shape), shape)
    total = DeviceRow(
        fp32=sum(row.fp32 for row in device.values()),
        int8=sum(row.int8 for row in device.values()),
        live=max(row.live for row in device.values()),
    )
    return Table(
        title="Every layer",
        columns=(
            "layer",
            "kind",
            "in",
            "out",
            "kernel / stride",
            "params",
            "MACs",
            "activations",
            "int8 bytes",
            "live",
        ),
        rows=[
            *(
                (
                    row.name,
                    row.kind,
                    write_shape(row.in_shape),
                    write_shape(row.out_shape),
                    _window(row),
                    *_costs(row, device[row.name]),
                )
                for row in rows
            ),
            ("total", "", "", "", "", *_costs(total_of(rows), total)),
        ],
    )


def _window(row: LedgerRow) -> str:
    """Return kernel, stride and groups of a convolution, kernel and stride of a mean; "" for any other layer."""
    if row.kernel is None:
        return ""
    groups = row.layer.groups if isinstance(row.layer, Conv) else 1
    return f"{row.kernel}x{row.kernel} / {row.stride}" + (f", {groups} groups" if groups > 1 else "")


def _costs(found: LedgerRow | Complexity, device: DeviceRow) -> tuple[str, ...]:
    numbers = found.params, found.macs, found.activations, device.int8, device.live
    return tuple(f"{number:,}" for number in numbers)
