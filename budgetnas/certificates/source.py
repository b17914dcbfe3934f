"""`model.py`: one network in plain, readable PyTorch, generated from its architecture alone.

`verify` compares the file byte for byte, so its text is part of the format.
"""

from __future__ import annotations

from string import Template

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec

_FILE = Template('''"""Residual network $id: $params trainable parameters.

It takes normalised images [N, $channels, $height, $width] and returns logits [N, $classes]. Its weights:

    from safetensors.torch import load_file

    network = ResNet()
    network.load_state_dict(load_file("model.safetensors"))
    network.eval()
"""

import torch
from torch import Tensor, nn


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


class ResNet(nn.Module):
    """A 3x3 stem, $stages of basic blocks, the mean over all pixels, and a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d($channels, $stem, 3, padding=1, bias=False),
            nn.BatchNorm2d($stem),
            nn.ReLU(),
        )
$layers
        self.head = nn.Linear($last, $classes)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
$steps
        return self.head(x.mean(dim=(2, 3)))


if __name__ == "__main__":
    print(sum(parameter.numel() for parameter in ResNet().parameters()))
''')


def model_source(spec: ResNetSpec, shape: DataShape) -> str:
    """Return the text of `model.py`, which depends only on the network."""
    layers, channels = [], spec.stem_width
    for i, (blocks, width) in enumerate(zip(spec.blocks, spec.widths, strict=True)):
        stride = ", stride=2" if i else ""
        layers.append(f"        self.stage{i + 1} = stage({blocks}, {channels}, {width}{stride})")
        channels = width
    number = len(spec.blocks)
    return _FILE.substitute(
        id=spec.id,
        params=f"{count(spec, shape).params:,}",
        channels=shape.channels,
        height=shape.height,
        width=shape.width,
        classes=shape.classes,
        stages="one stage" if number == 1 else f"{number} stages",
        stem=spec.stem_width,
        layers="\n".join(layers),
        last=channels,
        steps="\n".join(f"        x = self.stage{i + 1}(x)" for i in range(number)),
    )
