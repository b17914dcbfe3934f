"""Well-known networks: other definitions of shipped names, and the nearest network here for other names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from budgetnas.arch.counter import Complexity, ledger
from budgetnas.arch.layers import Conv
from budgetnas.arch.resnet import lower
from budgetnas.arch.rules import MAX_BLOCKS, MAX_WIDTH
from budgetnas.arch.spec import DataShape, ResNetSpec
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


_IMAGENET_WIDTHS, _CIFAR_WIDTHS = (64, 128, 256, 512), (16, 32, 64)  # bottlenecks are four times as wide
_BASIC = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}  # blocks by layers, for ImageNet
_BOTTLENECKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3), 269: (3, 30, 48, 8)}
_CIFAR_BOTTLENECKS = (164, 1001)  # layers
_REDUCTION = 16  # of squeeze-excitation
_PRE_ACTIVATION = "pre-activation blocks (batch norm and ReLU before each convolution)"
_ALL = "it has networks of basic, bottleneck and inverted blocks, such as `resnet18`, `resnet164` or `2x16-3x64`"
_MOBILE = "blocks of MobileNetV2"
# Beginnings of names, and the parts of those networks that this package does not have.
_FAMILIES = (
    (r"regnet", "a stem of stride 2"),
    (r"res2net|resnest|sk-?net|sk-?resnet", "split convolutions"),
    (r"i-?res-?net|res-?net-?\d+-?[dts](?![a-z0-9])", "a stem or blocks of another kind"),
    (r"se-?net|cbam", "blocks with attention of another kind"),
    (r"res-?net-?(9|12)(?!\d)", "convolutions and max-pooling between its shortcuts"),
    (r"pyramidnet", "blocks of different widths within a stage"),
    (r"shake", "blocks of two random branches"),
    (r"mobilenet-?v-?2", _MOBILE),
    (
        r"mobilenet|mnasnet|efficientnet|ghostnet|shufflenet|xception|convnext|fbnet|proxyless|mcunet|lcnet",
        "depthwise convolutions in other blocks than those of `mobilenetv2`",
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
    squeeze = _REDUCTION if re.search(r"(?:^|-)se-?res", plain) else None
    grouped = re.search(r"res-?next-?(\d{1,4})-(\d{1,3})x(\d{1,3})d(?![a-z0-9])", plain)
    if grouped is not None:
        yield from _grouped(int(grouped[1]), int(grouped[2]), int(grouped[3]), squeeze, known)
    if re.search(r"res-?next", plain):
        yield "is no single network: give layers, groups and their width, like `resnext29-32x4d`"
    depth = re.search(r"res-?net(?:-?v[12]|[a-z]{0,2})-?(\d{1,4})(?!\d)", plain)
    layers = int(depth[1]) if depth is not None else 0
    spec = _residual(layers, squeeze)
    if re.search(r"pre-?act|pre-?res|res-?net-?v2|res-?net-?\d+-?v2(?!\d)|(?:^|-)wrn|wide-?resnet", plain):
        yield _unlike(_PRE_ACTIVATION, _nearest(spec, known, "which has them after it"))
    for beginning, parts in _FAMILIES:
        if re.search(rf"(?:^|-)(?:{beginning})", plain):
            yield _mobile(known) if parts == _MOBILE else _unlike(parts)
    if layers in _BOTTLENECKS:
        yield _other_stem(spec, known)
    if re.fullmatch(r"res-?net-?\d+-?x-?\d+", plain):
        yield "is not shipped by name: give its blocks and widths as an id, such as `2x64-2x128-2x256`"
    if spec is not None and re.fullmatch(r"(se-?)?res-?net-?\d+", plain):
        blocks = "basic blocks" if spec.kind == "basic" else "bottlenecks"
        yield f"is not shipped by name; with {layers} layers in {blocks} it is `{spec.id}`: give that"


def _residual(layers: int, squeeze: int | None) -> ResNetSpec | None:
    """Return He et al.'s ResNet with this number of layers: for ImageNet, or with 6n + 2 or 9n + 2 for CIFAR."""
    if layers in _BASIC:
        return ResNetSpec.from_stages(_BASIC[layers], _IMAGENET_WIDTHS, squeeze=squeeze)
    if layers in _BOTTLENECKS:
        return _bottlenecks(_BOTTLENECKS[layers], _IMAGENET_WIDTHS, squeeze=squeeze)
    if layers in _CIFAR_BOTTLENECKS:
        return _bottlenecks(((layers - 2) // 9,) * 3, _CIFAR_WIDTHS, squeeze=squeeze)
    blocks, rest = divmod(layers - 2, 6)
    if rest or not 1 <= blocks <= MAX_BLOCKS:
        return None
    return ResNetSpec.from_stages((blocks,) * 3, _CIFAR_WIDTHS, squeeze=squeeze)


def _bottlenecks(blocks: tuple[int, ...], mids: tuple[int, ...], **others: Any) -> ResNetSpec:
    """Return a network of bottlenecks four times as wide as `mids`, with a stem of the first of these."""
    widths = tuple(4 * mid for mid in mids)
    return ResNetSpec(blocks=blocks, widths=widths, stem_width=mids[0], kind="bottleneck", **others)


def _grouped(
    layers: int, groups: int, width: int, squeeze: int | None, known: Mapping[ResNetSpec, str]
) -> Iterator[str]:
    """Yield the answer for a ResNeXt (Xie et al., arXiv:1611.05431) of groups of a width; 9n + 2 layers for CIFAR."""
    blocks = _BOTTLENECKS.get(layers, ((layers - 2) // 9,) * 3)
    rest = 0 if layers in _BOTTLENECKS else (layers - 2) % 9
    mids = tuple(groups * width * 2**stage for stage in range(len(blocks)))
    if rest or not 1 <= blocks[0] <= MAX_BLOCKS or not 1 <= mids[-1] <= MAX_WIDTH:
        return
    spec = replace(
        _bottlenecks(blocks, _IMAGENET_WIDTHS[: len(blocks)], squeeze=squeeze),
        mids=mids,
        groups=(groups,) * len(blocks),
    )
    if layers in _BOTTLENECKS:
        yield _other_stem(spec, known)
    yield f"is not shipped by name; it is `{spec.id}`: give that"


def _wide(layers: int, factor: int, known: Mapping[ResNetSpec, str]) -> str:
    """Return the answer for a wide ResNet (Zagoruyko and Komodakis, arXiv:1605.07146), 6n + 4 layers in n blocks."""
    if layers in _BOTTLENECKS:
        spec = _bottlenecks(_BOTTLENECKS[layers], _IMAGENET_WIDTHS)
        if not 1 <= factor <= MAX_WIDTH // spec.mids[-1]:
            return _other_stem(None, known)
        spec = replace(spec, mids=tuple(factor * mid for mid in spec.mids))
        return _other_stem(spec, known)
    blocks, rest = divmod(layers - 4, 6)
    if rest or not 1 <= blocks <= MAX_BLOCKS or not 1 <= factor <= MAX_WIDTH // _CIFAR_WIDTHS[-1]:
        return _unlike(_PRE_ACTIVATION)
    widths = tuple(factor * width for width in _CIFAR_WIDTHS)
    nearest = ResNetSpec.from_stages((blocks,) * 3, widths, stem_width=_CIFAR_WIDTHS[0])
    return _unlike(_PRE_ACTIVATION, _nearest(nearest, known, "of the same widths and number of blocks"))


def _mobile(known: Mapping[ResNetSpec, str]) -> str:
    """Return the answer for a MobileNetV2 of other widths than the shipped one."""
    shipped = next((spec for spec, name in known.items() if name == "mobilenetv2"), None)
    return f"is not shipped by name: give its widths as an id, like `{shipped}`, which is `mobilenetv2`"


def _other_stem(spec: ResNetSpec | None, known: Mapping[ResNetSpec, str]) -> str:
    nearest = _nearest(spec, known, "with a 3x3 stem of stride 1")
    return f"has a stem of stride 2 with max-pooling, which this version does not have: {nearest}"


def _unlike(parts: str, instead: str = _ALL) -> str:
    return f"is built of {parts}, which this version does not have: {instead}"


def _nearest(spec: ResNetSpec | None, known: Mapping[ResNetSpec, str], likeness: str) -> str:
    return _ALL if spec is None else f"the nearest is `{known.get(spec, spec.id)}`, {likeness}"
