"""Blocks of a person's own: which layers they may have, and these layers as JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from budgetnas.arch.layers import Act, AvgPool, Conv, GlobalPool, Layer, Linear, Norm, Residual, Scale, Sigmoid

Block = tuple[Layer, ...]
_LAYERS: dict[str, Any] = {
    kind.__name__: kind for kind in (Conv, Norm, Act, Sigmoid, AvgPool, GlobalPool, Linear, Residual, Scale)
}
_LARGEST = 2**22  # channels, and sides of kernels
_SIDES = (2, 5, 8)  # in pixels, of the images that a block is tried on


def check_block(block: Sequence[Layer], in_channels: int, out_channels: int, stride: int) -> None:
    """Check that every room of this program can handle a block, and that it has the shape it must have.

    Raises:
        ValueError: a layer is of another kind or has other channels than those before it, or the block's output has
            another shape.
    """
    if not block:
        raise ValueError("it has no layers")
    for side in _SIDES:
        found = _flow(block, (in_channels, side))
        wanted = (out_channels, -(-side // stride))
        if found != wanted:
            raise ValueError(f"it makes {_shape(found)} of {_shape((in_channels, side))}, not {_shape(wanted)}")


def _shape(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}x{size[1]}"


def _flow(layers: Sequence[Layer], size: tuple[int, int]) -> tuple[int, int]:
    """Return channels and side of the output of a chain, checked layer by layer."""
    from budgetnas.arch.resnet import basic_block  # which has specs

    for i, layer in enumerate(layers):
        _check_numbers(layer)
        match layer:
            case Conv() if layer.in_channels % layer.groups == layer.out_channels % layer.groups == 0:
                _check_channels(layer, layer.in_channels, size)
                size = (layer.out_channels, layer.out_side(size[1]))
            case Norm():
                _check_channels(layer, layer.channels, size)
            case Act():
                pass
            case AvgPool():
                size = (size[0], layer.out_side(size[1]))
            case Residual():
                body, shortcut = _flow(layer.body, size), _flow(layer.shortcut, size)
                if body != shortcut:
                    raise ValueError(f"it adds {_shape(shortcut)} to {_shape(body)}")
                first = layer.body[0] if layer.body else None
                is_basic = isinstance(first, Conv) and layer == basic_block(size[0], body[0], stride=first.stride)
                if is_basic and tuple(layers[i + 1 : i + 2]) != (Act(),):  # `model.py` has these as one module
                    raise ValueError("an Act must come after the sum of two 3x3 convolutions and a shortcut")
                size = body
            case Scale(gate=(GlobalPool(), Linear() as one, Act(), Linear() as two, Sigmoid())) if (
                one.out_features == two.in_features and one.in_features == two.out_features
            ):
                _check_channels(layer, one.in_features, size)
            case _:
                raise ValueError(
                    f"{layer!r:.80} is none of Conv (whose groups divide the channels), Norm, Act, AvgPool, Residual "
                    "and squeeze_excitation"
                )
    return size


def _check_channels(layer: Layer, channels: int, size: tuple[int, int]) -> None:
    if channels != size[0]:
        raise ValueError(f"{type(layer).__name__} of {channels} channels gets {size[0]}")


def _check_numbers(layer: object) -> None:
    """Check that all numbers of a layer, and of those in it, are positive whole ones."""
    if type(layer) not in _LAYERS.values():
        raise ValueError(f"{layer!r:.80} is no layer")
    for name, value in _values(layer).items():
        if isinstance(value, tuple):
            for inner in value:
                _check_numbers(inner)
        elif type(value) is not int or not 1 <= value <= _LARGEST:
            raise ValueError(f"{type(layer).__name__} has {name} {value!r:.80}, no whole number from 1 to {_LARGEST:,}")


def _values(layer: Any) -> dict[str, Any]:
    return {one.name: getattr(layer, one.name) for one in fields(layer)}


def write_block(block: Sequence[Layer]) -> list[dict[str, Any]]:
    """Return layers as JSON values; stride and groups of a convolution only where they are not 1.

    >>> write_block([Conv(in_channels=3, out_channels=8, kernel=1), Act()])
    [{'layer': 'Conv', 'in_channels': 3, 'out_channels': 8, 'kernel': 1}, {'layer': 'Act'}]
    """
    return [
        {
            "layer": type(layer).__name__,
            **{
                name: write_block(value) if isinstance(value, tuple) else value
                for name, value in _values(layer).items()
                if not (name in ("stride", "groups") and value == 1)
            },
        }
        for layer in block
    ]


def read_block(content: Sequence[Mapping[str, Any]]) -> Block:
    """Read the JSON values of `write_block`; numbers and channels are not checked.

    Raises:
        ValueError: they are no layers.
    """
    try:
        return tuple(
            _LAYERS[layer["layer"]](
                **{
                    name: read_block(value) if isinstance(value, list) else value
                    for name, value in layer.items()
                    if name != "layer"
                }
            )
            for layer in content
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it holds something else than layers ({error})") from error
