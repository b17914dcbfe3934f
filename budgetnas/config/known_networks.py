"""Well-known networks: other definitions of shipped names, and the nearest network here for other names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

from budgetnas.arch.counter import Complexity, ledger
from budgetnas.arch.layers import Conv
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import MAX_BLOCKS, MAX_WIDTH, DataShape, ResNetSpec
from budgetnas.text import write_macs

Namesake = Literal["", "torchvision", "he"]
LARGE_SIDE = 64  # pixels: torchvision's stem suits images of about this size or more
_DEFINITIONS = {
    "torchvision": "The network here is pytorch-cifar's: a 3x3 stem of stride 1, no max-pooling, and a projection (1x1 "
    "convolution and batch norm) where the stride or the channels change. torchvision's has a 7x7 stem of stride 2, "
    "3x3 max-pooling of stride 2, and the same blocks and projections",
    "he": "The network here has a projection (1x1 convolution and batch norm) where the channels change. He et al.'s "
    "(arXiv:1512.03385) pads with zeros instead, which takes no parameters",
}


def definition(namesake: Namesake) -> str:
    """Return how a network is defined here and how its namesake elsewhere differs; "" without a namesake."""
    return _DEFINITIONS.get(namesake, "")


def difference(namesake: Namesake, spec: ResNetSpec, shape: DataShape) -> str:
    """Return `definition` with the namesake's params and MACs for images and classes of `shape`."""
    cost = count_elsewhere(namesake, spec, shape)
    if cost is None:
        return ""
    images = f"{shape.channels}x{shape.height}x{shape.width} images, {shape.classes:,} classes"
    return f"{definition(namesake)}: {cost.params:,} parameters, {write_macs(cost.macs)} MACs ({images})."


def count_elsewhere(namesake: Namesake, spec: ResNetSpec, shape: DataShape) -> Complexity | None:
    """Count the namesake of `spec`; None without one."""
    layers = lower(spec, shape)
    if namesake == "he":
        rows = tuple(row for row in ledger(layers, shape) if ".shortcut." not in row.name)
    elif namesake == "torchvision":
        assert isinstance(layers[0], Conv)
        stem = replace(layers[0], kernel=7, stride=2)
        pool = replace(stem, in_channels=stem.out_channels, kernel=3)  # halves alike
        height, width = (pool.out_side(stem.out_side(side)) for side in (shape.height, shape.width))
        pooled = DataShape(channels=stem.out_channels, height=height, width=width, classes=shape.classes)
        rows = ledger((stem,), shape) + ledger(layers[1:], pooled)
    else:
        return None
    return Complexity(
        params=sum(row.params for row in rows),
        macs=sum(row.macs for row in rows),
        activations=sum(row.activations for row in rows),
    )


def is_mistakable(namesake: Namesake, shape: DataShape) -> bool:
    """Return whether the namesake may be meant, given the size of the images."""
    return namesake == "torchvision" and min(shape.height, shape.width) >= LARGE_SIDE


_IMAGENET_WIDTHS, _CIFAR_WIDTHS = (64, 128, 256, 512), (16, 32, 64)
_BASIC = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}  # blocks by layers, for ImageNet
_BOTTLENECKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 164: (), 200: (), 269: (), 1001: ()}
_PRE_ACTIVATION = "pre-activation blocks (batch norm and ReLU before each convolution)"
_ALL = "it has residual networks of basic blocks, such as `resnet18`, `resnet20` or `2x16-3x64`"
# Beginnings of names, and the parts of those networks that this package does not have.
_FAMILIES = (
    (r"resnext|regnet|res2net|resnest|sk-?net|sk-?resnet", "grouped or split convolutions"),
    (r"i-?res-?net|res-?net-?\d+-?[dts](?![a-z0-9])", "a stem, shortcuts or blocks of another kind"),
    (r"se-?res|se-?net|cbam", "blocks with attention over channels"),
    (r"res-?net-?(9|12)(?!\d)", "convolutions and max-pooling between its shortcuts"),
    (r"pyramidnet", "blocks of different widths within a stage"),
    (r"shake", "blocks of two random branches"),
    (
        r"mobilenet|mnasnet|efficientnet|ghostnet|shufflenet|xception|convnext|fbnet|proxyless|mcunet|lcnet",
        "depthwise convolutions",
    ),
    (r"vgg|alexnet|lenet|nin(?![a-z])|all-?cnn|repvgg", "convolutions without shortcuts"),
    (r"densenet|condensenet|dpn", "concatenated feature maps"),
    (r"squeezenet|googlenet|inception|dla|hrnet|nasnet|pnasnet|amoebanet|darts", "parallel branches"),
    (r"vit(?![a-z])|deit|swin|beit|cait|maxvit|coatnet|levit|pvt", "attention over patches"),
    (r"(mlp-?)?mixer|resmlp|gmlp|poolformer", "layers that mix patches"),
)


def about(name: str, known: Mapping[ResNetSpec, str]) -> str | None:
    """Return how to write a network of a well-known name here, or why that is impossible; None for other names.

    Args:
        name: the name as typed.
        known: names of shipped networks.
    """
    answer = next(_answers(re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-"), known), None)
    return None if answer is None else f"`{name[:80]}` {answer}."


def _answers(plain: str, known: Mapping[ResNetSpec, str]) -> Iterator[str]:
    """Yield answers for a name in lower-case letters, digits and hyphens, most exact first."""
    wide = re.search(r"(?:^|-)(?:wrn|wide-?resnet)-?(\d{1,3})[-xk]+(\d{1,3})(?!\d)", plain)
    if wide is not None:
        yield _wide(int(wide[1]), int(wide[2]), known)
    depth = re.search(r"res-?net(?:-?v[12]|[a-z]{0,2})-?(\d{1,4})(?!\d)", plain)
    layers = int(depth[1]) if depth is not None else 0
    basic = None if layers in _BOTTLENECKS else _basic(layers)
    if re.search(r"pre-?act|pre-?res|res-?net-?v2|res-?net-?\d+-?v2(?!\d)|(?:^|-)wrn|wide-?resnet", plain):
        yield _unlike(_PRE_ACTIVATION, _nearest(basic, known, "which has them after it"))
    for beginning, parts in _FAMILIES:
        if re.search(rf"(?:^|-)(?:{beginning})", plain):
            yield _unlike(parts)
    if layers in _BOTTLENECKS:
        blocks = _BOTTLENECKS[layers]
        nearest = ResNetSpec.from_stages(blocks, _IMAGENET_WIDTHS) if blocks else None
        yield _unlike("bottleneck blocks", _nearest(nearest, known, "with as many basic blocks"))
    if re.fullmatch(r"res-?net-?\d+-?x-?\d+", plain):
        yield "is not shipped by name: give its blocks and widths as an id, such as `2x64-2x128-2x256`"
    if basic is not None and re.fullmatch(r"res-?net-?\d+", plain):
        yield f"is not shipped by name; with {layers} layers in basic blocks it is `{basic.id}`: give that"


def _basic(layers: int) -> ResNetSpec | None:
    """Return He et al.'s ResNet of basic blocks with this number of layers: for ImageNet, or with 6n + 2 for CIFAR."""
    if layers in _BASIC:
        return ResNetSpec.from_stages(_BASIC[layers], _IMAGENET_WIDTHS)
    blocks, rest = divmod(layers - 2, 6)
    if rest or not 1 <= blocks <= MAX_BLOCKS:
        return None
    return ResNetSpec.from_stages((blocks,) * 3, _CIFAR_WIDTHS)


def _wide(layers: int, factor: int, known: Mapping[ResNetSpec, str]) -> str:
    """Return the answer for a wide ResNet (Zagoruyko and Komodakis, arXiv:1605.07146), 6n + 4 layers in n blocks."""
    blocks, rest = divmod(layers - 4, 6)
    if rest:
        return _unlike("wide bottleneck blocks")
    if not 1 <= blocks <= MAX_BLOCKS or not 1 <= factor <= MAX_WIDTH // _CIFAR_WIDTHS[-1]:
        return _unlike(_PRE_ACTIVATION)
    widths = tuple(factor * width for width in _CIFAR_WIDTHS)
    nearest = ResNetSpec.from_stages((blocks,) * 3, widths, stem_width=_CIFAR_WIDTHS[0])
    return _unlike(_PRE_ACTIVATION, _nearest(nearest, known, "of the same widths and number of blocks"))


def _unlike(parts: str, instead: str = _ALL) -> str:
    return f"is built of {parts}, which this version does not have: {instead}"


def _nearest(spec: ResNetSpec | None, known: Mapping[ResNetSpec, str], likeness: str) -> str:
    return _ALL if spec is None else f"the nearest is `{known.get(spec, spec.id)}`, {likeness}"
