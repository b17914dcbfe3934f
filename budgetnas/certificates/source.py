"""`model.py`: one network in plain, readable PyTorch, generated from its architecture alone.

`verify` compares the file byte for byte, so its text is part of the format.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import Template

from budgetnas.arch.counter import ledger, total_of
from budgetnas.arch.layers import Act, AvgPool, Conv, GlobalPool, Layer, Linear, Norm, Residual, Scale, Sigmoid
from budgetnas.arch.resnet import Section, basic_block, sections
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.names import attribute, is_basic, modules_of_source, parts_of_source

_HEAD = Template('''"""Residual network $id: $params trainable parameters.

It takes normalised images [N, $channels, $height, $width] and returns logits [N, $classes]. Its weights:

    from safetensors.torch import load_file

    network = ResNet()
    network.load_state_dict(load_file("model.safetensors"))
    network.eval()
"""

import torch
from torch import Tensor, nn
''')

_BASIC_BLOCK = '''

class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut around them, which projects where the shape changes."""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != channels:
            projection = nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return torch.relu(y + self.shortcut(x))


def stage(blocks: int, in_channels: int, channels: int, stride: int = 1) -> nn.Sequential:
    """Make a stage: its first block changes the shape, the others keep it."""
    first = BasicBlock(in_channels, channels, stride)
    return nn.Sequential(first, *(BasicBlock(channels, channels) for _ in range(blocks - 1)))
'''

_RESIDUAL = '''

class Residual(nn.Module):
    """The sum of a chain of layers and of a shortcut around them."""

    def __init__(self, body: nn.Sequential, shortcut: nn.Sequential) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.shortcut(x)
'''

_SQUEEZE_EXCITATION = '''

class SqueezeExcitation(nn.Module):
    """Every channel times a factor in [0, 1], made of the means of all channels."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(channels, inner)
        self.linear2 = nn.Linear(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.linear1(x.mean(dim=(2, 3))))
        return x * torch.sigmoid(self.linear2(y))[:, :, None, None]
'''

_NETWORK = Template('''

class ResNet(nn.Module):
    """A ${kernel}x$kernel stem, $stages of $kind blocks,$neck the mean over all pixels, and a linear head."""

    def __init__(self) -> None:
        super().__init__()
$layers

    def forward(self, images: Tensor) -> Tensor:
$steps
        return self.head(x.mean(dim=(2, 3)))


if __name__ == "__main__":
    print(sum(parameter.numel() for parameter in ResNet().parameters()))
''')


def model_source(spec: ResNetSpec, shape: DataShape) -> str:
    """Return the text of `model.py`, which depends only on the network."""
    return source_of(sections(spec, shape), shape, name=spec.id, kind=spec.kind)


def source_of(found: Sequence[Section], shape: DataShape, *, name: str, kind: str) -> str:
    """Return the text of `model.py` for the sections of a network: a stem, stages, and a head that ends in logits.

    Stages of basic blocks are a line each; other blocks are written out, layer by layer.

    Args:
        found: the sections, every basic block with a rectifier behind it.
        shape: shape of images, and number of classes.
        name: of the network.
        kind: of its blocks, in a word.
    """
    layers = tuple(layer for section in found for layer in section.layers)
    inside = tuple(_inside(layers))
    stages = sum(bool(section.block_count) for section in found)
    parts = parts_of_source(found)
    steps = [f"self.{attribute(part)}({'x' if i else 'images'})" for i, part in enumerate(parts[:-1])]
    facts = {
        "id": name,
        "params": f"{total_of(ledger(layers, shape)).params:,}",
        "channels": shape.channels,
        "height": shape.height,
        "width": shape.width,
        "classes": shape.classes,
        "kernel": next(layer.kernel for layer in layers if isinstance(layer, Conv)),
        "stages": "one stage" if stages == 1 else f"{stages} stages",
        "kind": kind,
        "neck": " a 1x1 neck," if any(part.name == "neck" for part in parts) else "",
        "layers": "\n".join(f"        self.{attribute(part)} = {_part(part)}" for part in parts),
        "steps": "\n".join(f"        x = {step}" for step in steps),
    }
    return "".join(
        (
            _HEAD.substitute(facts),
            _BASIC_BLOCK if any(map(is_basic, layers)) else "",
            _RESIDUAL if any(isinstance(layer, Residual) and not is_basic(layer) for layer in layers) else "",
            _SQUEEZE_EXCITATION if any(isinstance(layer, Scale) for layer in inside) else "",
            _NETWORK.substitute(facts),
        )
    )


def _inside(layers: Sequence[Layer]) -> Iterator[Layer]:
    """Yield the layers of a chain and those in its residual blocks."""
    for layer in layers:
        yield layer
        if isinstance(layer, Residual):
            yield from _inside((*layer.body, *layer.shortcut))


def _part(part: Section) -> str:
    """Write a part as a module: a stage, a sequence, or the linear layer of the head."""
    layers = [layer for _, layer in modules_of_source(part.layers)]
    if isinstance(layers[-1], Linear):
        return _module(layers[-1])
    if is_basic(layers[0]):
        assert isinstance(layers[0], Residual)
        first = layers[0].body[0]
        assert isinstance(first, Conv)
        width = first.out_channels
        if layers[1:] == [basic_block(width, width)] * (len(layers) - 1):
            return f"stage({len(layers)}, {first.in_channels}, {width}{_stride(first)})"
    return _sequence(layers, 2)


def _sequence(layers: Sequence[Layer], depth: int) -> str:
    """Write layers as a sequence, a module each, `depth` levels deep."""
    indent = " " * 4 * depth
    lines = "".join(f"{indent}    {_module(layer, depth + 1)},\n" for layer in layers)
    return f"nn.Sequential(\n{lines}{indent})" if lines else "nn.Sequential()"


def _module(layer: Layer, depth: int = 0) -> str:
    """Write a layer, which begins in a line `depth` levels deep."""
    match layer:
        case Conv():
            padding = f", padding={layer.kernel // 2}" if layer.kernel > 1 else ""
            groups = f", groups={layer.groups}" if layer.groups > 1 else ""
            channels = f"{layer.in_channels}, {layer.out_channels}"
            return f"nn.Conv2d({channels}, {layer.kernel}{_stride(layer)}{padding}{groups}, bias=False)"
        case Norm():
            return f"nn.BatchNorm2d({layer.channels})"
        case Act():
            return "nn.ReLU()"
        case AvgPool():
            return f"nn.AvgPool2d({layer.kernel}, ceil_mode=True, count_include_pad=False)"
        case Linear():
            return f"nn.Linear({layer.in_features}, {layer.out_features})"
        case Scale(gate=(GlobalPool(), Linear() as first, Act(), Linear(), Sigmoid())):
            return f"SqueezeExcitation({first.in_features}, {first.out_features})"
        case Residual(body=(Conv() as first, *_)) if is_basic(layer):
            return f"BasicBlock({first.in_channels}, {first.out_channels}{_stride(first)})"
        case Residual():
            indent = " " * 4 * depth
            body, shortcut = (_sequence(layers, depth + 1) for layers in (layer.body, layer.shortcut))
            return f"Residual(\n{indent}    body={body},\n{indent}    shortcut={shortcut},\n{indent})"
        case GlobalPool() | Scale() | Sigmoid():
            raise AssertionError(f"{layer} stands where `model.py` does not write it")


def _stride(conv: Conv) -> str:
    return "" if conv.stride == 1 else f", stride={conv.stride}"
