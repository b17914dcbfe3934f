"""What a shipped name means elsewhere: torchvision's ResNets and the CIFAR ResNets of He et al., counted exactly."""

from __future__ import annotations

from typing import Literal

from budgetnas.arch.layers import Conv
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.complexity.counter import Complexity, ledger
from budgetnas.records.numbers import write_macs

Namesake = Literal["", "torchvision", "he"]
LARGE_SIDE = 64  # pixels: torchvision's stem is made for images from about here on
_DEFINITIONS = {
    "torchvision": "The network here is pytorch-cifar's: a 3x3 stem of stride 1, no max-pooling, and a projection (1x1 "
    "convolution and batch norm) where the stride or the channels change. torchvision's has a 7x7 stem of stride 2, "
    "3x3 max-pooling of stride 2, and the same blocks and projections",
    "he": "The network here has a projection (1x1 convolution and batch norm) where the channels change. That of He et "
    "al. (arXiv:1512.03385) pads with zeros instead, which takes no parameters",
}


def definition(namesake: Namesake) -> str:
    """Say how a network is defined here, and how the one of the same name elsewhere is; "" where there is none."""
    return _DEFINITIONS.get(namesake, "")


def difference(namesake: Namesake, spec: ResNetSpec, shape: DataShape) -> str:
    """Say what `definition` does, with the counts of the network elsewhere for images and classes of `shape`."""
    cost = count_elsewhere(namesake, spec, shape)
    if cost is None:
        return ""
    images = f"{shape.channels}x{shape.height}x{shape.width} images, {shape.classes:,} classes"
    return f"{definition(namesake)}: {cost.params:,} parameters, {write_macs(cost.macs)} MACs ({images})."


def count_elsewhere(namesake: Namesake, spec: ResNetSpec, shape: DataShape) -> Complexity | None:
    """Count the network that has the name of `spec` elsewhere; None where there is none."""
    layers = lower(spec, shape)
    if namesake == "he":
        rows = tuple(row for row in ledger(layers, shape) if ".shortcut." not in row.name)
    elif namesake == "torchvision":
        stem = Conv(in_channels=shape.channels, out_channels=spec.stem_width, kernel=7, stride=2)
        pool = Conv(in_channels=spec.stem_width, out_channels=spec.stem_width, kernel=3, stride=2)  # it halves alike
        height, width = (pool.out_side(stem.out_side(side)) for side in (shape.height, shape.width))
        pooled = DataShape(channels=spec.stem_width, height=height, width=width, classes=shape.classes)
        rows = ledger((stem,), shape) + ledger(layers[1:], pooled)
    else:
        return None
    return Complexity(
        params=sum(row.params for row in rows),
        macs=sum(row.macs for row in rows),
        activations=sum(row.activations for row in rows),
    )


def is_mistakable(namesake: Namesake, shape: DataShape) -> bool:
    """Tell whether whoever names the network for such images may well mean the one elsewhere."""
    return namesake == "torchvision" and min(shape.height, shape.width) >= LARGE_SIDE
