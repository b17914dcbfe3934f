"""
Your own block
==============

Two depthwise separable convolutions and a shortcut around them, as a kind of blocks beside basic ones. A kind is a
name, the layers of one block, and the exact cost of a stage. This file, saved as `separable.py` in the current folder,
is all that the commands need; they refuse a cost that is not that of the layers::

    budgetnas search --space-code separable:Separable --max-params 60k --dataset digits --trials 20
    budgetnas train separable.1x16-2x32 --space-code separable:Separable --dataset digits --name own
    budgetnas export runs/own --out own-network
    budgetnas verify own-network --dataset digits

The last two need no code: a trained network carries its layers.
"""

import numpy as np

from budgetnas import Act, Conv, Norm, Residual, Stages


def separable(in_channels, out_channels, stride, kernel):
    """Filter each channel by itself, then mix the channels of every pixel."""
    return (
        Conv(in_channels=in_channels, out_channels=in_channels, kernel=kernel, stride=stride, groups=in_channels),
        Conv(in_channels=in_channels, out_channels=out_channels, kernel=1),
        Norm(channels=out_channels),
    )


class Separable:
    """Blocks of two separable convolutions; the first one of a stage may change channels and size of the image."""

    name = "separable"

    def block(self, in_channels, out_channels, stride, kernel):
        """Return the layers of one block."""
        shortcut = ()
        if stride > 1 or in_channels != out_channels:
            projection = Conv(in_channels=in_channels, out_channels=out_channels, kernel=1, stride=stride)
            shortcut = (projection, Norm(channels=out_channels))
        first = separable(in_channels, out_channels, stride, kernel)
        second = separable(out_channels, out_channels, 1, kernel)
        return [Residual(body=(*first, Act(), *second), shortcut=shortcut), Act()]

    def cost(self, stages):
        """Count params and MACs of stages: all of their convolutions work at the resolution behind the stride."""
        before, width, square = stages.before, stages.width, stages.kernel**2
        convolutions = before * (square + width) + (2 * stages.blocks - 1) * width * (square + width)
        convolutions = convolutions + stages.projects * before * width
        norms = 2 * width * (2 * stages.blocks + stages.projects)
        return convolutions + norms, convolutions * stages.pixels


if __name__ == "__main__":
    blocks, halves = np.array([1, 2, 3]), np.array([0, 1, 1])
    pixels = np.array([1024, 256, 256])
    stages = Stages(blocks=blocks, width=64, before=32, halves=halves, pixels=pixels, pixels_before=1024)
    for number, params, macs in zip(blocks, *Separable().cost(stages), strict=True):
        print(f"blocks: {number}, parameters: {params:,}, MACs: {macs:,}")
