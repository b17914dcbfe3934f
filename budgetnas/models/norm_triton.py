"""Batch norm, residual sum and ReLU in one function: two Triton kernels forward, two backward.

It is off by default (`models.fuse` turns it on), because it has neither run nor been measured on a GPU. Its results
agree with float64 in Triton's interpreter, and its kernels compile for an H100 (Triton 3.6 and 3.8).

PyTorch trains bfloat16 with its own kernels (cuDNN's refuse it, see `_select_batch_norm_backend` in ATen's
`Normalization.cpp`), and norm, sum and ReLU each read and write the whole map. Here a map is a matrix of `count`
pixels by `channels`, which is its channels-last memory layout. A program of a kernel has `width` channels and one split
of the rows:

1. `moments`: mean and sum of squared deviations of every split;
2. `apply`: merge them (Chan, Golub & LeVeque 1983), update the running statistics, write the output;
3. `sums`: sums of the gradient, and of the gradient times the normalised input, of every split;
4. `gradients`: merge them, write the gradients.

Every program merges by itself: this reads some kilobytes from the cache, while a separate kernel would cost a launch.
Each sum has a fixed order and there are no atomics, so the same input gives the same bits. Sizes are arguments, not
constants, so a new architecture needs no compilation: there are 18 kernels per dtype, and 18 more where 8 does not
divide the channels. Nothing waits for the device, so a CUDA graph can record it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from budgetnas.models.norm_kernels import HAS_TRITON, apply, gradients, moments, sums

TILE = 4096  # numbers that a program reads at once, 16 per thread
WARPS = 8
PROGRAMS = 256  # about two per multiprocessor of an H100, and few enough to merge cheaply
TILES_EACH = 4  # a split of fewer tiles is not worth a merge
TYPES = (torch.bfloat16, torch.float16, torch.float32)


def is_available() -> bool:
    """Return whether `norm_act` can run its kernels: Triton and a CUDA device are present."""
    return HAS_TRITON and torch.cuda.is_available()


def norm_act(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    *,
    residual: Tensor | None,
    relu: bool,
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """Normalise each channel, add the residual and apply ReLU.

    A CUDA device runs this module's kernels; other devices run PyTorch's functions one after the other.

    Args:
        x: [N, C, H, W] in bfloat16, float16 or float32; a memory format other than channels-last costs a copy.
        weight: learned scale, [C] float32.
        bias: learned shift, [C] float32.
        running_mean: [C] float32; updated in place towards the batch mean in training, used as the mean otherwise.
        running_var: [C] float32; updated and used like `running_mean`, with the unbiased variance.
        residual: same shape and dtype as `x`; None for no residual.
        relu: whether to apply ReLU.
        training: whether to normalise by the statistics of this batch.
        momentum: weight of the batch in the running statistics, in [0, 1].
        eps: added to the variance.

    Returns:
        A tensor of the shape and dtype of `x`. Sums and statistics are float32; only the result is rounded.

    Raises:
        ValueError: a dtype or shape is not as above, or training has only one value per channel.
    """
    if not (HAS_TRITON and x.is_cuda):
        y = functional.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
        y = y if residual is None else y + residual
        return functional.relu(y, inplace=True) if relu else y
    given = x, weight, bias, running_mean, running_var, residual
    _check(*given, training=training)
    fused: Tensor = _NormAct.apply(*given, relu, training, momentum, eps)
    return fused


def _check(x: Tensor, *by_channel: Tensor | None, training: bool) -> None:
    *vectors, residual = by_channel
    if x.dim() != 4 or x.dtype not in TYPES:
        raise ValueError(f"`x` is {_described(x)}, but must have 4 dimensions and be bfloat16, float16 or float32.")
    for name, vector in zip(("weight", "bias", "running_mean", "running_var"), vectors, strict=True):
        assert vector is not None
        if vector.shape != x.shape[1:2] or vector.dtype != torch.float32 or not vector.is_contiguous():
            raise ValueError(f"`{name}` is {_described(vector)}, but must be float32, one for each of {x.shape[1]}.")
    if residual is not None and (residual.shape != x.shape or residual.dtype != x.dtype):
        raise ValueError(f"`residual` is {_described(residual)}, but must be as `x`, {_described(x)}.")
    if training and x.numel() < 2 * x.shape[1]:
        raise ValueError(f"`x` is {_described(x)}, but training needs more than one value per channel.")


def _described(tensor: Tensor) -> str:
    return f"{list(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cut:
    """The division of a map among programs.

    Attributes:
        count: rows, the pixels of all images.
        units: channels in multiples of `align`.
        align: 8 where it divides the channels, so that a thread reads 16 bytes at once; else 1.
        each: rows per split; the last split may be shorter.
        height: rows per tile, and the largest number of splits.
        width: channels per tile, few enough to merge cheaply.
    """

    count: int
    units: int
    align: int
    each: int
    height: int
    width: int

    @classmethod
    def of(cls, x: Tensor) -> _Cut:
        """Return the division for a map [N, C, H, W]."""
        channels = x.shape[1]
        count = x.numel() // channels
        width = 16 if channels <= 16 else 32 if channels <= 128 else 64
        height = TILE // width
        tiles = -(-count // height)
        splits = min(PROGRAMS // -(-channels // width), tiles // TILES_EACH, height)
        each = -(-tiles // max(splits, 1)) * height
        align = 8 if channels % 8 == 0 else 1
        return cls(
            count=count, units=channels // align, align=align, each=max(each, height), height=height, width=width
        )

    @property
    def splits(self) -> int:
        """Number of splits."""
        return -(-self.count // self.each)

    def launch(self, kernel: Any, *tensors: Tensor, **numbers: float) -> None:
        """Launch one program per block of channels and split."""
        grid = -(-self.units * self.align // self.width), self.splits
        kernel[grid](
            *tensors,
            **numbers,
            count=self.count,
            units=self.units,
            each=self.each,
            align=self.align,
            height=self.height,
            width=self.width,
            num_warps=WARPS,
        )

    def partials(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Allocate two numbers per split and channel, as two tensors aligned to 16 bytes."""
        shape = self.splits, self.units * self.align
        first, second = (torch.empty(shape, dtype=torch.float32, device=like.device) for _ in range(2))
        return first, second


class _NormAct(torch.autograd.Function):
    """`norm_act` by the kernels.

    With a residual, the backward pass reads from the output where the ReLU passes; without, it computes this from `x`.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
        residual: Tensor | None,
        relu: bool,
        training: bool,
        momentum: float,
        eps: float,
    ) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        added = x if residual is None else residual.contiguous(memory_format=torch.channels_last)
        cut, adds, floor = _Cut.of(x), residual is not None, 0.0 if relu else -math.inf
        if training:
            parts = cut.partials(x)
            cut.launch(moments, x, *parts)
            merge = {"splits": cut.splits, "per": cut.each, "total": cut.count, "momentum": momentum}
        else:  # one split of one row, with the running mean and variance
            parts = running_mean, running_var
            merge = {"splits": 1, "per": 1, "total": 1, "momentum": 0.0}
        y, mean, invstd = torch.empty_like(x), torch.empty_like(running_mean), torch.empty_like(running_mean)
        tensors = x, added, y, weight, bias, *parts, mean, invstd, running_mean, running_var
        unbiased = cut.count / max(cut.count - 1, 1)
        cut.launch(apply, *tensors, **merge, unbiased=unbiased, eps=eps, floor=floor, adds=adds)
        ctx.save_for_backward(x, weight, bias, mean, invstd, y if adds and relu else None)
        ctx.cut, ctx.adds, ctx.floor, ctx.share = cut, adds, floor, 1 / cut.count if training else 0.0
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, invstd, y = ctx.saved_tensors
        cut: _Cut = ctx.cut
        given = given.contiguous(memory_format=torch.channels_last)
        fixed, parts = (mean, invstd, weight, bias), cut.partials(x)
        reads, floor = y is not None, ctx.floor
        passed, output = (torch.empty_like(given), y) if reads else (given, given)
        cut.launch(sums, given, x, output, passed, *fixed, *parts, floor=floor, reads=reads)
        if reads:
            floor = -math.inf  # `passed` already has the ReLU's mask
        dx, dweight, dbias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
        tensors = passed, x, dx, *fixed, *parts, dweight, dbias
        cut.launch(gradients, *tensors, splits=cut.splits, share=ctx.share, floor=floor)
        return dx, dweight, dbias, None, None, passed if ctx.adds else None, None, None, None, None
