"""`ledger.csv`: what every layer costs, also a device, and the check of weights against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from budgetnas.arch.counter import LedgerRow, ledger, total_of
from budgetnas.arch.device_ledger import device_rows
from budgetnas.arch.layers import Conv, Linear, Norm
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.names import module_names, rename_to_source, to_source
from budgetnas.certificates.source import model_source
from budgetnas.models.build import build_model
from budgetnas.text import write_csv, write_shape

COLUMNS = ("layer", "module", "kind", "in_shape", "out_shape", "kernel", "stride", "params", "buffers", "macs")
DEVICE_COLUMNS = ("bytes_fp32", "bytes_int8", "live_elements")  # which certificates of older versions lack
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciliation:
    """The comparison of weights with the ledger.

    Attributes:
        params: number of elements of trainable tensors.
        buffers: number of elements of the others: means, variances and counters of batch normalisation.
        discrepancies: a line for each difference.
    """

    params: int
    buffers: int
    discrepancies: tuple[str, ...]

    @property
    def summary(self) -> str:
        """A line that says what agrees."""
        return (
            f"{self.params:,} parameters analytic == built == model.py == stored; {self.buffers:,} more numbers are "
            "statistics of batch normalisation"
        )


def ledger_csv(spec: ResNetSpec, shape: DataShape, *, with_device: bool = True) -> str:
    """Return the ledger as CSV: a row per layer, also for layers without tensors, and a row for the whole network.

    Args:
        spec: the architecture.
        shape: shape of images, and number of classes.
        with_device: whether it has `DEVICE_COLUMNS`: bytes of weights in the exported file, and elements of the tensors
            that live meanwhile, of which the last row has the most.
    """
    layers = lower(spec, shape)
    names, rows = module_names(spec), ledger(layers, shape)
    total = total_of(rows)
    foot = ("total", *[None] * 6, total.params, sum(map(buffers, rows)), total.macs)
    table = [*(_cells(row, names.get(row.name)) for row in rows), foot]
    if not with_device:
        return write_csv(COLUMNS, table)
    costs = [(row.fp32, row.int8, row.live) for row in device_rows(layers, shape).values()]
    fp32, int8, live = zip(*costs, strict=True)
    costs.append((sum(fp32), sum(int8), max(live)))
    return write_csv((*COLUMNS, *DEVICE_COLUMNS), [(*row, *more) for row, more in zip(table, costs, strict=True)])


def has_device_columns(content: bytes) -> bool:
    """Return whether a ledger of any version has `DEVICE_COLUMNS`."""
    return content.partition(b"\n")[0].endswith(",".join(DEVICE_COLUMNS).encode())


def _cells(row: LedgerRow, module: str | None) -> tuple[str | int | None, ...]:
    sides = write_shape(row.in_shape), write_shape(row.out_shape)
    return row.name, module, row.kind, *sides, row.kernel, row.stride, row.params, buffers(row), row.macs


def buffers(row: LedgerRow) -> int:
    """Count the buffers of a layer: for batch normalisation a mean and a variance per channel, and a counter."""
    return 2 * row.layer.channels + 1 if isinstance(row.layer, Norm) else 0


def reconcile(spec: ResNetSpec, shape: DataShape, sizes: Mapping[str, int]) -> Reconciliation:
    """Compare the tensors of a file of weights, of the built network and of `model.py` with the ledger, one by one.

    Args:
        spec: the architecture.
        shape: shape of images, and number of classes.
        sizes: number of elements of every tensor in the file, by its name in `model.py`.

    Raises:
        CountMismatchError: the built network has another number of parameters than the ledger.
    """
    names, odd = to_source(spec), []
    expected = {names[name]: elements for name, elements in _analytic(spec, shape)}
    with torch.device("meta"):  # shapes without memory
        built = rename_to_source(build_model(spec, shape).state_dict(), spec)
        written = _network_of_source(spec, shape).state_dict()
    for source, found in (
        ("the built network", {name: tensor.numel() for name, tensor in built.items()}),
        ("model.py", {name: tensor.numel() for name, tensor in written.items()}),
        ("the file of weights", dict(sizes)),
    ):
        odd += [
            f"{name} holds {found.get(name, 0):,} numbers in {source}, {elements:,} in the ledger"
            for name, elements in expected.items()
            if found.get(name) != elements
        ]
        odd += [f"{name!r} in {source} is not of this network" for name in found if name not in expected]
    params = sum(elements for tensor, elements in sizes.items() if tensor.rpartition(".")[2] not in _BUFFERS)
    return Reconciliation(params=params, buffers=sum(sizes.values()) - params, discrepancies=tuple(odd))


def _analytic(spec: ResNetSpec, shape: DataShape) -> Iterator[tuple[str, int]]:
    """Yield (name in the built network, number of elements) of every tensor, from the ledger's rows."""
    for row in ledger(lower(spec, shape), shape):
        match row.layer:
            case Conv():
                yield f"{row.name}.weight", row.params
            case Norm():
                yield from ((f"{row.name}.{half}", row.params // 2) for half in ("weight", "bias"))
                yield from ((f"{row.name}.{half}", (buffers(row) - 1) // 2) for half in _BUFFERS[:2])
                yield f"{row.name}.{_BUFFERS[2]}", 1
            case Linear():
                yield f"{row.name}.weight", row.params - row.layer.out_features
                yield f"{row.name}.bias", row.layer.out_features
            case _:
                pass


def _network_of_source(spec: ResNetSpec, shape: DataShape) -> nn.Module:
    """Execute the generated `model.py`: only text made here from checked numbers, never a file."""
    module: dict[str, Any] = {"__name__": "model"}
    exec(compile(model_source(spec, shape), "model.py", "exec"), module)
    network: nn.Module = module["ResNet"]()
    return network
