"""The layers of a residual network: stem, stages of basic blocks, head."""

from __future__ import annotations

from budgetnas.arch.layers import Act, Conv, GlobalPool, Layer, Linear, Norm, Residual
from budgetnas.arch.spec import DataShape, ResNetSpec


def lower(spec: ResNetSpec, shape: DataShape) -> tuple[Layer, ...]:
    """Return the chain of layers of `spec`, from image to logits.

    Follows kuangliu/pytorch-cifar: 3x3 stem without max-pooling, stride 2 in the first block of every stage except the
    first, a projection (1x1 convolution and norm) where the stride is not 1 or the channels change.
    """
    layers: list[Layer] = [
        Conv(in_channels=shape.channels, out_channels=spec.stem_width, kernel=3),
        Norm(channels=spec.stem_width),
        Act(),
    ]
    channels = spec.stem_width
    for stage, (blocks, width) in enumerate(zip(spec.blocks, spec.widths, strict=True)):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            layers += [_basic_block(channels, width, stride), Act()]
            channels = width
    return (*layers, GlobalPool(), Linear(in_features=channels, out_features=shape.classes))


def _basic_block(in_channels: int, width: int, stride: int) -> Residual:
    body = (
        Conv(in_channels=in_channels, out_channels=width, kernel=3, stride=stride),
        Norm(channels=width),
        Act(),
        Conv(in_channels=width, out_channels=width, kernel=3),
        Norm(channels=width),
    )
    if stride == 1 and in_channels == width:
        return Residual(body=body, shortcut=())
    projection = Conv(in_channels=in_channels, out_channels=width, kernel=1, stride=stride)
    return Residual(body=body, shortcut=(projection, Norm(channels=width)))
