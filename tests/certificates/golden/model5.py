"""Residual network 4x64-5x128-3x256: 4,992,586 trainable parameters.

It takes normalised images [N, 3, 32, 32] and returns logits [N, 10]. Its weights:

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
    """A 3x3 stem, 3 stages of basic blocks, the mean over all pixels, and a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
        )
        self.stage1 = stage(4, 64, 64)
        self.stage2 = stage(5, 64, 128, stride=2)
        self.stage3 = stage(3, 128, 256, stride=2)
        self.head = nn.Linear(256, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
        x = self.stage1(x)
        x = self.stage2(x)
        x = self.stage3(x)
        return self.head(x.mean(dim=(2, 3)))


if __name__ == "__main__":
    print(sum(parameter.numel() for parameter in ResNet().parameters()))
