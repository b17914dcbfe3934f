"""The layers of a residual network, section by section: stem, stages of basic blocks, head."""

from __future__ import annotations

from dataclasses import dataclass

from budgetnas.arch.layers import Act, Conv, GlobalPool, Layer, Linear, Norm, Residual
from budgetnas.arch.spec import DataShape, ResNetSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A named part of a network: "stem", "stage 1" and so on, "head".

    Attributes:
        name: in words.
        layers: its part of the chain of layers.
    """

    name: str
    layers: tuple[Layer, ...]

    @property
    def residuals(self) -> tuple[Residual, ...]:
        """Its residual blocks; none in stem and head."""
        return tuple(layer for layer in self.layers if isinstance(layer, Residual))


def lower(spec: ResNetSpec, shape: DataShape) -> tuple[Layer, ...]:
    """Return the chain of layers of `spec`, from image to logits."""
    return tuple(layer for section in sections(spec, shape) for layer in section.layers)


def sections(spec: ResNetSpec, shape: DataShape) -> tuple[Section, ...]:
    """Return the layers of `spec` by section, from image to logits.

    Follows kuangliu/pytorch-cifar: 3x3 stem without max-pooling, stride 2 in the first block of every stage except the
    first, a projection (1x1 convolution and norm) where the stride is not 1 or the channels change.
    """
    channels = spec.stem_width
    stem = (Conv(in_channels=shape.channels, out_channels=channels, kernel=3), Norm(channels=channels), Act())
    found = [Section(name="stem", layers=stem)]
    for stage, (blocks, width) in enumerate(zip(spec.blocks, spec.widths, strict=True)):
        layers: list[Layer] = []
        for block in range(blocks):
            layers += [basic_block(channels, width, stride=2 if stage > 0 and block == 0 else 1), Act()]
            channels = width
        found.append(Section(name=f"stage {stage + 1}", layers=tuple(layers)))
    head = (GlobalPool(), Linear(in_features=channels, out_features=shape.classes))
    return (*found, Section(name="head", layers=head))


def basic_block(in_channels: int, width: int, *, stride: int = 1) -> Residual:
    """Return the sum of two 3x3 convolutions with norms and of a shortcut, which projects where the shape changes."""
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
