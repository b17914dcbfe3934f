"""The layers of a residual network, section by section: stem, stages of blocks, head."""

from __future__ import annotations

from dataclasses import dataclass

from budgetnas.arch.kinds import KINDS, blocks_of
from budgetnas.arch.layers import (
    Act,
    AvgPool,
    Conv,
    GlobalPool,
    Layer,
    Linear,
    Norm,
    Residual,
    Scale,
    Sigmoid,
)
from budgetnas.arch.spec import DataShape, ResNetSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A named part of a network: "stem", "stage 1" and so on, "head".

    Attributes:
        name: in words.
        layers: its part of the chain of layers.
        block_count: number of its blocks; 0 in stem and head.
    """

    name: str
    layers: tuple[Layer, ...]
    block_count: int = 0

    @property
    def residuals(self) -> tuple[Residual, ...]:
        """Its residual blocks; none in stem and head. An inverted block that changes the shape is no residual block."""
        return tuple(layer for layer in self.layers if isinstance(layer, Residual))


def lower(spec: ResNetSpec, shape: DataShape) -> tuple[Layer, ...]:
    """Return the chain of layers of `spec`, from image to logits."""
    return tuple(layer for section in sections(spec, shape) for layer in section.layers)


def sections(spec: ResNetSpec, shape: DataShape) -> tuple[Section, ...]:
    """Return the layers of `spec` by section, from image to logits.

    Follows kuangliu/pytorch-cifar: 3x3 stem without max-pooling, the stride of a stage in its first block, a projection
    (1x1 convolution and norm) where the stride is not 1 or the channels change. The neck is a 1x1 convolution before
    the mean over all pixels.

    Raises:
        UsageError: it has blocks of an own kind whose layers are not known.
    """
    channels = spec.stem_width
    stem = (Conv(in_channels=shape.channels, out_channels=channels, kernel=3), Norm(channels=channels), Act())
    found = [Section(name="stem", layers=stem)]
    own = () if spec.kind in KINDS else spec.block_layers or blocks_of(spec)
    for stage, (blocks, width) in enumerate(zip(spec.blocks, spec.widths, strict=True)):
        layers: list[Layer] = []
        for block in range(blocks):
            if own:
                layers += own[stage][min(block, 1)]
            else:
                layers += _block(spec, stage, channels, stride=1 if block else spec.strides[stage])
            channels = width
        found.append(Section(name=f"stage {stage + 1}", layers=tuple(layers), block_count=blocks))
    neck: tuple[Layer, ...] = ()
    if spec.neck is not None:
        neck = (Conv(in_channels=channels, out_channels=spec.neck, kernel=1), Norm(channels=spec.neck), Act())
        channels = spec.neck
    head = (*neck, GlobalPool(), Linear(in_features=channels, out_features=shape.classes))
    return (*found, Section(name="head", layers=head))


def _block(spec: ResNetSpec, stage: int, in_channels: int, *, stride: int) -> tuple[Layer, ...]:
    """Return the layers of one block of a stage."""
    width, kernel = spec.widths[stage], spec.kernels[stage]
    match spec.kind:
        case "bottleneck":
            body = _bottleneck(
                in_channels, spec.mids[stage], width, kernel=kernel, stride=stride, groups=spec.groups[stage]
            )
        case "inverted":
            hidden = spec.expansions[stage] * in_channels
            return inverted_block(in_channels, hidden, width, kernel=kernel, stride=stride, squeeze=spec.squeeze)
        case _:
            body = _basic(in_channels, width, kernel=kernel, stride=stride)
    if spec.squeeze is not None:
        body = (*body, squeeze_excitation(width, spec.squeeze))
    return Residual(body=body, shortcut=_shortcut(in_channels, width, stride=stride, kind=spec.shortcut)), Act()


def basic_block(in_channels: int, width: int, *, stride: int = 1) -> Residual:
    """Return the sum of two 3x3 convolutions with norms and of a shortcut, which projects where the shape changes."""
    body = _basic(in_channels, width, kernel=3, stride=stride)
    return Residual(body=body, shortcut=_shortcut(in_channels, width, stride=stride, kind="conv"))


def _basic(in_channels: int, width: int, *, kernel: int, stride: int) -> tuple[Layer, ...]:
    return (
        Conv(in_channels=in_channels, out_channels=width, kernel=kernel, stride=stride),
        Norm(channels=width),
        Act(),
        Conv(in_channels=width, out_channels=width, kernel=kernel),
        Norm(channels=width),
    )


def _bottleneck(in_channels: int, mid: int, width: int, *, kernel: int, stride: int, groups: int) -> tuple[Layer, ...]:
    """Return a 1x1 convolution to `mid` channels, one of `groups` groups among them, and a 1x1 one to `width`.

    The stride is in the second convolution, as in torchvision and in ResNeXt (Xie et al., arXiv:1611.05431).
    """
    return (
        Conv(in_channels=in_channels, out_channels=mid, kernel=1),
        Norm(channels=mid),
        Act(),
        Conv(in_channels=mid, out_channels=mid, kernel=kernel, stride=stride, groups=groups),
        Norm(channels=mid),
        Act(),
        Conv(in_channels=mid, out_channels=width, kernel=1),
        Norm(channels=width),
    )


def inverted_block(
    in_channels: int, hidden: int, width: int, *, kernel: int, stride: int, squeeze: int | None
) -> tuple[Layer, ...]:
    """Return an inverted residual block: a depthwise convolution among `hidden` channels, and no rectifier at its end.

    It is a sum where it keeps the shape, else a plain chain of layers; where `hidden` is `in_channels`, nothing expands
    before (Sandler et al., arXiv:1801.04381). Squeeze-excitation weighs the hidden channels (Howard et al.,
    arXiv:1905.02244).
    """
    expand: tuple[Layer, ...] = ()
    if hidden != in_channels:
        expand = (Conv(in_channels=in_channels, out_channels=hidden, kernel=1), Norm(channels=hidden), Act())
    body: tuple[Layer, ...] = (
        *expand,
        Conv(in_channels=hidden, out_channels=hidden, kernel=kernel, stride=stride, groups=hidden),
        Norm(channels=hidden),
        Act(),
        *((squeeze_excitation(hidden, squeeze),) if squeeze is not None else ()),
        Conv(in_channels=hidden, out_channels=width, kernel=1),
        Norm(channels=width),
    )
    return (Residual(body=body, shortcut=()),) if stride == 1 and in_channels == width else body


def squeeze_excitation(channels: int, reduction: int) -> Scale:
    """Return a factor for each channel, made of the means of all (Hu et al., arXiv:1709.01507).

    Args:
        channels: to weigh.
        reduction: how many times fewer channels there are between the two linear layers, rounded up.
    """
    inner = -(-channels // reduction)
    return Scale(
        gate=(
            GlobalPool(),
            Linear(in_features=channels, out_features=inner),
            Act(),
            Linear(in_features=inner, out_features=channels),
            Sigmoid(),
        )
    )


def _shortcut(in_channels: int, width: int, *, stride: int, kind: str) -> tuple[Layer, ...]:
    """Return the shortcut of a block: nothing where the shape stays.

    A "pool" shortcut takes the mean of 2x2 pixels before its convolution (ResNet-D: He et al., arXiv:1812.01187).
    """
    if stride == 1 and in_channels == width:
        return ()
    pool: tuple[Layer, ...] = ()
    if kind == "pool" and stride > 1:
        pool, stride = (AvgPool(kernel=stride),), 1
    return (*pool, Conv(in_channels=in_channels, out_channels=width, kernel=1, stride=stride), Norm(channels=width))
