"""What each layer of a network costs a device: bytes of weights in the exported file, and elements alive meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from budgetnas.arch.device import Precision, weights_bytes
from budgetnas.arch.layers import Conv, Layer, Linear, Norm, Residual, Scale
from budgetnas.arch.peak_memory import live_elements
from budgetnas.arch.spec import DataShape


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceRow:
    """What a layer costs a device. The last layer of a block also stands for the sum or product that follows.

    Attributes:
        fp32: bytes of its weights in a file of 32-bit floats; 0 for a norm, which is folded into its convolution.
        int8: likewise in a file of 8-bit integers, with scales and zero points.
        live: elements of the tensors that live while it runs.
    """

    fp32: int
    int8: int
    live: int


def device_rows(layers: Sequence[Layer], shape: DataShape) -> dict[str, DeviceRow]:
    """Return the cost of every layer to a device, by the names of the ledger.

    The bytes sum to `weights_bytes`; the largest `live` is the peak of `peak_memory`, in elements.
    """
    fp32, int8, live = layer_bytes(layers, "fp32"), layer_bytes(layers, "int8"), live_elements(layers, shape)
    return {name: DeviceRow(fp32=fp32[name], int8=int8[name], live=live[name]) for name in live}


def layer_bytes(layers: Sequence[Layer], precision: Precision) -> dict[str, int]:
    """Return the bytes of weights of every layer, by the names of the ledger; they sum to `weights_bytes`."""
    found: dict[str, int] = {}
    for name, size in _walk(layers, "", precision):
        found[name] = found.get(name, 0) + size
    return found


def _walk(layers: Sequence[Layer], path: str, precision: Precision) -> Iterator[tuple[str, int]]:
    """Yield the bytes of each layer; those of a block itself under the name of its last layer."""
    before: Layer | None = None
    for i, layer in enumerate(layers):
        here = f"{path}{i}"
        match layer:
            case Residual():
                inner = [*_walk(layer.body, f"{here}.body.", precision)]
                inner += _walk(layer.shortcut, f"{here}.shortcut.", precision)
                yield from inner
                yield inner[-1][0], weights_bytes((Residual(body=(), shortcut=()),), precision)
            case Scale():
                inner = [*_walk(layer.gate, f"{here}.gate.", precision)]
                yield from inner
                yield inner[-1][0], weights_bytes((Scale(gate=()),), precision)
            case Norm() if isinstance(before, Conv | Linear):
                yield here, 0
            case _:
                yield here, weights_bytes((layer,), precision)
        before = layer
