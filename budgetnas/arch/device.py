"""The bytes of a network on a device: of its weights, exact, and of its ONNX file, from above; both add up over layers.

The file has each batch norm folded into the convolution before it, as `certificates.device_graph` writes it. In int8
every weight is a byte, with a 4-byte scale for each output channel, biases are 4-byte floats, and every tensor that a
layer writes has a 4-byte scale and a 1-byte zero point. ReLU and sigmoid change a tensor in place. The logits stay
floats, so their 5 bytes are those of the image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from budgetnas.arch.layers import Act, AvgPool, Conv, GlobalPool, Layer, Linear, Norm, Residual, Scale, Sigmoid

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True, kw_only=True, slots=True)
class Coefficients:
    """The bytes that a file of one precision has for each of its parts.

    Attributes:
        weight: of a weight of a convolution or linear layer.
        channel: of each of their output channels: the bias, in int8 with the scale.
        tensor: of each tensor that a layer writes: in int8 its scale and zero point.
        graph: most bytes of nodes, names and sizes of a layer, by its kind.
        file: most bytes of everything else, for images of one channel.
        image_channel: most bytes of each further channel of the image: its mean and standard deviation, as text.
    """

    weight: int
    channel: int
    tensor: int
    graph: Mapping[type[Layer], int]
    file: int
    image_channel: int


_FLOAT: Mapping[type[Layer], int] = {
    Conv: 156,
    Linear: 102,
    AvgPool: 94,
    GlobalPool: 36,
    Residual: 30,
    Scale: 30,
    Act: 23,
    Sigmoid: 26,
}
_WRITTEN = (Conv, Linear, AvgPool, GlobalPool, Residual, Scale)
_QUANTISED, _SCALED = 129, 84  # the nodes of a written tensor; those of the weights of a convolution

COEFFICIENTS: Mapping[Precision, Coefficients] = {
    "fp32": Coefficients(weight=4, channel=4, tensor=0, graph=_FLOAT, file=220, image_channel=52),
    "fp16": Coefficients(weight=2, channel=2, tensor=0, graph=_FLOAT, file=280, image_channel=52),
    "int8": Coefficients(
        weight=1,
        channel=8,
        tensor=5,
        graph={
            kind: size + _QUANTISED * (kind in _WRITTEN) + _SCALED * (kind in (Conv, Linear))
            for kind, size in _FLOAT.items()
        },
        file=220,
        image_channel=52,
    ),
}


def weights_bytes(layers: Sequence[Layer], precision: Precision) -> int:
    """Count the bytes of the initialisers of the exported file, exactly.

    >>> from budgetnas.arch.layers import Act, Conv, Norm
    >>> stem = (Conv(in_channels=3, out_channels=16, kernel=3), Norm(channels=16), Act())
    >>> [weights_bytes(stem, precision) for precision in PRECISIONS]
    [1792, 896, 565]

    Args:
        layers: a network, or a part of one.
        precision: of its weights.
    """
    one = COEFFICIENTS[precision]
    return sum(_stored(layer, one) for layer in _folded(layers))


def file_bytes(layers: Sequence[Layer], precision: Precision) -> int:
    """Return the most bytes that the exported file of a network has: `weights_bytes` and a bound of the graph.

    Args:
        layers: a network, from its first convolution on.
        precision: of its weights.
    """
    one, first = COEFFICIENTS[precision], layers[0]
    graph = sum(one.graph[type(layer)] for layer in _folded(layers))
    channels = first.in_channels if isinstance(first, Conv) else 1
    return weights_bytes(layers, precision) + graph + fixed_bytes(channels, precision)


def fixed_bytes(channels: int, precision: Precision) -> int:
    """Return the bytes of `file_bytes` that no layer has, for images of so many channels."""
    one = COEFFICIENTS[precision]
    return one.file + one.image_channel * (channels - 1)


def _folded(layers: Sequence[Layer]) -> Iterator[Layer]:
    """Yield every layer that the file has, with those inside it; a norm behind no convolution is one of 1x1."""
    before: Layer | None = None
    for layer in layers:
        match layer:
            case Norm():
                if not isinstance(before, Conv | Linear):
                    yield as_convolution(layer)
            case Residual():
                yield layer
                yield from _folded(layer.body)
                yield from _folded(layer.shortcut)
            case Scale():
                yield layer
                yield from _folded(layer.gate)
            case _:
                yield layer
        before = layer


def as_convolution(norm: Norm) -> Conv:
    """Return the convolution, of one weight and one bias a channel, that a norm is at inference."""
    return Conv(in_channels=norm.channels, out_channels=norm.channels, kernel=1, groups=norm.channels)


def _stored(layer: Layer, one: Coefficients) -> int:
    match layer:
        case Conv():
            weights = layer.kernel**2 * layer.in_channels // layer.groups * layer.out_channels
            return one.weight * weights + one.channel * layer.out_channels + one.tensor
        case Linear():
            return (one.weight * layer.in_features + one.channel) * layer.out_features + one.tensor
        case _:
            return one.tensor if isinstance(layer, _WRITTEN) else 0
