"""The frozen layers in which every architecture is written.

`arch.counter` counts these layers and `models` builds torch modules from them, so count and network cannot diverge.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Conv:
    """A square 2-d convolution without bias, zero-padded by `kernel // 2`; `groups` divide the channels."""

    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    groups: int = 1

    def out_side(self, side: int) -> int:
        """Return the height (or width) in pixels of the output for an input of `side` pixels."""
        return (side + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Norm:
    """Batch normalisation with a learned scale and shift per channel."""

    channels: int


@dataclass(frozen=True, slots=True)
class Act:
    """ReLU."""


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """The logistic function."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AvgPool:
    """The mean of each `kernel` x `kernel` pixels; at an edge, of those that there are."""

    kernel: int

    def out_side(self, side: int) -> int:
        """Return the height (or width) in pixels of the output for an input of `side` pixels."""
        return -(-side // self.kernel)


@dataclass(frozen=True, slots=True)
class GlobalPool:
    """The mean over all pixels of each channel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Linear:
    """A fully connected layer with bias."""

    in_features: int
    out_features: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Residual:
    """The sum of a body and a shortcut; an empty shortcut is the identity."""

    body: tuple[Layer, ...]
    shortcut: tuple[Layer, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """Its input [C, H, W] times a factor for each channel, which `gate`, a chain that ends in [C], makes of it."""

    gate: tuple[Layer, ...]


Layer = Conv | Norm | Act | Sigmoid | AvgPool | GlobalPool | Linear | Residual | Scale
