"""`ledger.csv`: what every layer of a network holds and costs, and weights held against it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from budgetnas.arch.layers import Conv, Norm
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.complexity.counter import LedgerRow, ledger
from budgetnas.export.names import module_names

COLUMNS = ("layer", "module", "kind", "in_shape", "out_shape", "kernel", "stride", "params", "buffers", "macs")
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciled:
    """Weights beside the ledger.

    Attributes:
        params: elements of the trainable tensors.
        buffers: elements of the others: means, variances and counters of batch normalisation.
        discrepancies: where the weights differ from the ledger, a line each; empty where all agrees.
    """

    params: int
    buffers: int
    discrepancies: tuple[str, ...]

    @property
    def told(self) -> str:
        """What agrees, in a line."""
        return (
            f"{self.params:,} parameters analytic == built == model.py == stored; {self.buffers:,} more numbers are "
            "statistics of batch normalisation"
        )


def ledger_csv(spec: ResNetSpec, shape: DataShape) -> str:
    """Return a row a layer and their sum, layers without tensors too."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    names, rows = module_names(spec), ledger(lower(spec, shape), shape)
    for row in rows:
        layer = row.layer
        conv = (layer.kernel, layer.stride) if isinstance(layer, Conv) else ("", "")
        sizes = ("x".join(map(str, size)) for size in (row.in_shape, row.out_shape))
        kind = type(layer).__name__
        writer.writerow((row.name, names.get(row.name, ""), kind, *sizes, *conv, row.params, buffers(row), row.macs))
    total = (sum(row.params for row in rows), sum(map(buffers, rows)), sum(row.macs for row in rows))
    writer.writerow(("total", *[""] * 6, *total))
    return text.getvalue()


def buffers(row: LedgerRow) -> int:
    """Count what a layer stores beside its parameters: a mean and a variance per channel, and a counter."""
    return 2 * row.layer.channels + 1 if isinstance(row.layer, Norm) else 0


def reconcile(spec: ResNetSpec, shape: DataShape, sizes: Mapping[str, int]) -> Reconciled:
    """Hold the tensors of a file of weights against the ledger.

    Args:
        spec: the architecture.
        shape: images and classes.
        sizes: elements of every tensor, by its name in `model.py`.
    """
    names, odd = module_names(spec), []
    found: dict[str, list[int]] = {}
    for tensor, elements in sizes.items():
        module, _, name = tensor.rpartition(".")
        found.setdefault(module, [0, 0])[name in _BUFFERS] += elements
    for row in ledger(lower(spec, shape), shape):
        expected = [row.params, buffers(row)]
        if not any(expected):
            continue
        module = names[row.name]
        if (stored := found.pop(module, [0, 0])) != expected:
            odd.append(
                f"{module} holds {stored[0]:,} + {stored[1]:,} numbers, the ledger {expected[0]:,} + {expected[1]:,}"
            )
    odd += [f"{module} is not of this network" for module in found]
    params = sum(elements for tensor, elements in sizes.items() if tensor.rpartition(".")[2] not in _BUFFERS)
    return Reconciled(params=params, buffers=sum(sizes.values()) - params, discrepancies=tuple(odd))
