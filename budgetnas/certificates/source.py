"""`model.py`: one network in plain, readable PyTorch, generated from its architecture alone.

`verify` compares the file byte for byte, so its text is part of the format.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import Template

from budgetnas.arch.counter import ledger, total_of
from budgetnas.arch.layers import Act, Conv, GlobalPool, Layer, Linear, Norm, Residual
from budgetnas.arch.resnet import Section, basic_block, sections
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.names import attribute, is_basic

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

_BLOCK = '''

class Block(nn.Module):
    """A chain of layers and a shortcut around them."""

    def __init__(self, body: nn.Sequential, shortcut: nn.Sequential) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))
'''

_NETWORK = Template('''

class ResNet(nn.Module):
    """A ${kernel}x$kernel stem, $stages of $kind blocks, the mean over all pixels, and a linear head."""

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
    return source_of(sections(spec, shape), shape, name=spec.id)


def source_of(found: Sequence[Section], shape: DataShape, *, name: str) -> str:
    """Return the text of `model.py` for the sections of a network: a stem, stages, and a head that ends in logits.

    Stages of basic blocks are a line each; other blocks are written out, layer by layer.

    Args:
        found: the sections, every residual block with a rectifier behind it.
        shape: shape of images, and number of classes.
        name: of the network.
    """
    blocks = [residual for section in found for residual in section.residuals]
    stages = sum(bool(section.residuals) for section in found)
    steps = [f"self.{attribute(section)}({'x' if i else 'images'})" for i, section in enumerate(found[:-1])]
    facts = {
        "id": name,
        "params": f"{total_of(ledger(tuple(layer for one in found for layer in one.layers), shape)).params:,}",
        "channels": shape.channels,
        "height": shape.height,
        "width": shape.width,
        "classes": shape.classes,
        "kernel": next(layer.kernel for layer in found[0].layers if isinstance(layer, Conv)),
        "stages": "one stage" if stages == 1 else f"{stages} stages",
        "kind": "basic" if all(map(is_basic, blocks)) else "residual",
        "layers": "\n".join(f"        self.{attribute(section)} = {_section(section)}" for section in found),
        "steps": "\n".join(f"        x = {step}" for step in steps),
    }
    return "".join(
        (
            _HEAD.substitute(facts),
            _BASIC_BLOCK if any(map(is_basic, blocks)) else "",
            _BLOCK if not all(map(is_basic, blocks)) else "",
            _NETWORK.substitute(facts),
        )
    )


def _section(section: Section) -> str:
    """Write a section as a module: a stage, a sequence, or the linear layer of the head."""
    blocks, layers = section.residuals, section.layers
    if not blocks:
        linear = [layer for layer in layers if isinstance(layer, Linear)]
        return _module(linear[0]) if linear else _sequence(map(_module, layers), 2)
    assert layers == tuple(layer for block in blocks for layer in (block, Act())), "a block has no rectifier behind it"
    first = blocks[0].body[0]
    if isinstance(first, Conv):
        width = first.out_channels
        others = [basic_block(width, width)] * (len(blocks) - 1)
        if list(blocks) == [basic_block(first.in_channels, width, stride=first.stride), *others]:
            return f"stage({len(blocks)}, {first.in_channels}, {width}{_stride(first)})"
    return _sequence(map(_block, blocks), 2)


def _block(residual: Residual) -> str:
    first = residual.body[0]
    if isinstance(first, Conv) and is_basic(residual):
        return f"BasicBlock({first.in_channels}, {first.out_channels}{_stride(first)})"
    body, shortcut = (_sequence(map(_module, layers), 4) for layers in (residual.body, residual.shortcut))
    indent = " " * 16
    return f"Block(\n{indent}body={body},\n{indent}shortcut={shortcut},\n{indent[4:]})"


def _sequence(modules: Iterator[str], depth: int) -> str:
    """Write modules as a sequence, a line each, `depth` levels deep."""
    indent = " " * 4 * depth
    lines = "".join(f"{indent}    {module},\n" for module in modules)
    return f"nn.Sequential(\n{lines}{indent})" if lines else "nn.Sequential()"


def _module(layer: Layer) -> str:
    match layer:
        case Conv():
            padding = f", padding={layer.kernel // 2}" if layer.kernel > 1 else ""
            channels = f"{layer.in_channels}, {layer.out_channels}"
            return f"nn.Conv2d({channels}, {layer.kernel}{_stride(layer)}{padding}, bias=False)"
        case Norm():
            return f"nn.BatchNorm2d({layer.channels})"
        case Act():
            return "nn.ReLU()"
        case Linear():
            return f"nn.Linear({layer.in_features}, {layer.out_features})"
        case GlobalPool() | Residual():
            raise AssertionError(f"{layer} stands where `model.py` writes a sequence")


def _stride(conv: Conv) -> str:
    return "" if conv.stride == 1 else f", stride={conv.stride}"
