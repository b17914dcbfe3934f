"""The cost of a chain of layers, layer by layer, without building it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from budgetnas.arch.layers import Act, AvgPool, Conv, GlobalPool, Layer, Linear, Norm, Residual, Scale, Sigmoid
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.exceptions import UsageError

_LARGEST = 2**63 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerRow:
    """The cost of one layer.

    Attributes:
        name: dotted path of the layer, the name of its module in the built network.
        layer: the layer itself.
        in_shape: (channels, height, width) of the input; (features,) at the head.
        out_shape: (channels, height, width) of the output; (classes,) after the head.
        params: trainable parameters.
        macs: multiply-accumulates of convolutions and linear layers for one image; 0 for the others.
        activations: output elements of convolutions and linear layers for one image (pycls's definition).
    """

    name: str
    layer: Layer
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    params: int
    macs: int
    activations: int

    @property
    def kind(self) -> str:
        """Kind of the layer, as `arch.layers` names it."""
        return type(self.layer).__name__

    @property
    def kernel(self) -> int | None:
        """Side of the kernel of a convolution or a mean; None for any other layer."""
        return self.layer.kernel if isinstance(self.layer, Conv | AvgPool) else None

    @property
    def stride(self) -> int | None:
        """Step of a convolution or a mean; None for any other layer."""
        match self.layer:
            case Conv():
                return self.layer.stride
            case AvgPool():
                return self.layer.kernel
            case _:
                return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Complexity:
    """The totals of a ledger: trainable parameters, MACs and activations for one image."""

    params: int
    macs: int
    activations: int


def count(spec: ResNetSpec, shape: DataShape) -> Complexity:
    """Count `spec` exactly for images and classes of `shape`, without building it.

    >>> from budgetnas.arch.spec import DataShape, ResNetSpec
    >>> count(ResNetSpec(blocks=(4, 5, 3), widths=(64, 128, 250)), DataShape())
    Complexity(params=4848142, macs=864952004, activations=1062282)

    Raises:
        UsageError: a total does not fit into 64 bits.
    """
    total = total_of(ledger(lower(spec, shape), shape))
    if max(total.params, total.macs, total.activations) > _LARGEST:
        raise UsageError(f"`{spec.id}` has {total.macs:.1e} MACs, more than 64 bits hold: shrink it or its images.")
    return total


def total_of(rows: Sequence[LedgerRow]) -> Complexity:
    """Summarise the costs of layers."""
    return Complexity(
        params=sum(row.params for row in rows),
        macs=sum(row.macs for row in rows),
        activations=sum(row.activations for row in rows),
    )


def ledger(layers: tuple[Layer, ...], shape: DataShape) -> tuple[LedgerRow, ...]:
    """List every leaf layer of a chain with its cost; the rows sum to the totals of `count`."""
    return tuple(_walk(layers, "", (shape.channels, shape.height, shape.width)))


def _walk(layers: tuple[Layer, ...], path: str, size: tuple[int, ...]) -> Generator[LedgerRow, None, tuple[int, ...]]:
    """Yield the rows of a chain; return the shape of its output."""
    for i, layer in enumerate(layers):
        name = f"{path}{i}"
        match layer:
            case Residual():
                after = yield from _walk(layer.body, f"{name}.body.", size)
                yield from _walk(layer.shortcut, f"{name}.shortcut.", size)
                size = after
            case Scale():
                yield from _walk(layer.gate, f"{name}.gate.", size)
            case _:
                row = _leaf(layer, name, size)
                yield row
                size = row.out_shape
    return size


def _leaf(
    layer: Conv | Norm | Act | Sigmoid | AvgPool | GlobalPool | Linear, name: str, size: tuple[int, ...]
) -> LedgerRow:
    params = macs = activations = 0
    in_shape = size
    match layer:
        case Conv():
            size = (layer.out_channels, layer.out_side(size[1]), layer.out_side(size[2]))
            params = layer.kernel**2 * layer.in_channels * layer.out_channels // layer.groups
            macs = params * size[1] * size[2]
            activations = size[0] * size[1] * size[2]
        case Norm():
            params = 2 * layer.channels
        case AvgPool():
            size = (size[0], layer.out_side(size[1]), layer.out_side(size[2]))
        case GlobalPool():
            size = (size[0],)
        case Linear():
            size = (layer.out_features,)
            macs = layer.in_features * layer.out_features
            params = macs + layer.out_features
            activations = layer.out_features
        case Act() | Sigmoid():
            pass
    return LedgerRow(
        name=name,
        layer=layer,
        in_shape=in_shape,
        out_shape=size,
        params=params,
        macs=macs,
        activations=activations,
    )
