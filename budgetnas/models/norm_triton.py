"""Batch norm, residual sum and rectifier in one function: two kernels forwards, two backwards, written in Triton.

Nothing calls it yet: it is off by default, because it has neither run nor been measured on a GPU. Its results agree
with float64 in Triton's interpreter, and its kernels compile for an H100 (Triton 3.6 and 3.8).

PyTorch trains bfloat16 with its own kernels (cuDNN's refuse it, see `_select_batch_norm_backend` in ATen's
`Normalization.cpp`), and norm, sum and rectifier each read and write the whole map. Here a map is a matrix of `count`
pixels by `channels`, as it lies in memory in channels-last order. A program of a kernel has `width` channels and one
split of the rows:

1. `_moments`: mean and sum of squared deviations of every split;
2. `_apply`: merge them (Chan, Golub & LeVeque 1983), update the running statistics, write the output;
3. `_sums`: sums of the gradient, and of the gradient times the normalised input, of every split;
4. `_gradients`: merge them, write the gradients.

Every program merges for itself: that reads some kilobytes from the cache, where a kernel of its own costs a launch.
Each sum has a fixed order and there are no atomics, so the same input gives the same bits. Sizes are arguments, not
constants, so a new architecture compiles nothing: there are 18 kernels for a type, and 18 more where 8 does not divide
the channels. Nothing waits for the device, so a CUDA graph can record it.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from budgetnas.models.build import ResidualSum

try:
    import triton
    import triton.language as tl
    from triton.language import constexpr, tensor  # Triton reads the annotations below as these very words
except ImportError:  # there are wheels of PyTorch without it
    triton = None

TILE = 4096  # numbers that a program reads at once: 16 for each thread
WARPS = 8
PROGRAMS = 256  # about two for each multiprocessor of an H100, and few enough to keep merging cheap
TILES_EACH = 4  # fewer tiles make a split too short to be worth a merge
SIZES = ("count", "units", "each", "splits", "per", "total")
TYPES = (torch.bfloat16, torch.float16, torch.float32)


def is_available() -> bool:
    """Say whether `norm_act` has kernels to run: Triton and a CUDA device are here."""
    return triton is not None and torch.cuda.is_available()


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
    """Normalise each channel, add the residual and rectify.

    On a CUDA device the kernels of this module do it, elsewhere PyTorch's functions do it one after the other.

    Args:
        x: [N, C, H, W] in bfloat16, float16 or float32; another memory format than channels-last costs a copy.
        weight: learnt scale, [C] float32.
        bias: learnt shift, [C] float32.
        running_mean: [C] float32; moved in place towards the mean of this batch in training, used instead elsewhere.
        running_var: [C] float32; likewise, towards the unbiased variance.
        residual: shape and type of `x`; None adds nothing.
        relu: whether to rectify.
        training: whether to normalise by the statistics of this batch.
        momentum: how far the running statistics move, in [0, 1].
        eps: is added to the variance.

    Returns:
        Shape and type of `x`. Sums and statistics are float32, and only the result is rounded.

    Raises:
        ValueError: a type or shape is not as above, or there is one value per channel in training.
    """
    if triton is None or not x.is_cuda:
        y = functional.batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)
        y = y if residual is None else y + residual
        return functional.relu(y, inplace=True) if relu else y
    given = x, weight, bias, running_mean, running_var, residual
    _check(*given, training=training)
    fused: Tensor = _NormAct.apply(*given, relu, training, momentum, eps)
    return fused


def fuse_norms(model: nn.Sequential) -> FusedSequential:
    """Return a network of the same layers whose norms take along the sum and the rectifier behind them.

    Layers, names and their order stay, so either network reads the other's state, and they share all tensors. A CPU
    computes the same bits. Two things differ: `num_batches_tracked` stands still, as `momentum` does not need it, and
    hooks of a fused layer do not run.

    Args:
        model: a network from `build_model`, or any other chain.
    """
    layers = OrderedDict((name, _fuse(layer)) for name, layer in model._modules.items() if layer is not None)
    fused = FusedSequential(layers)
    fused.training = model.training
    return fused


class Step(NamedTuple):
    """A layer of a chain by its name, and whether it does the work of the rectifier behind it."""

    name: str
    relu: bool


class FusedSequential(nn.Sequential):
    """A chain whose norms and residual sums take along the rectifier behind them.

    Attributes:
        plan: what runs in turn.
    """

    def __init__(self, layers: OrderedDict[str, nn.Module]) -> None:
        super().__init__(layers)
        self.plan = _plan(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, C, H, W] as the layers one by one would."""
        return self.run(x, self.plan)

    def run(self, x: Tensor, steps: tuple[Step, ...]) -> Tensor:
        """Do some of the plan."""
        for name, relu in steps:
            layer = self._modules[name]
            assert layer is not None
            if is_fusible(layer):
                x = _normalise(layer, x, residual=None, relu=relu)
            else:
                x = layer(x, relu=True) if relu else layer(x)
        return x


class FusedSum(ResidualSum):
    """The sum of a body and a shortcut, done by the norm that ends the body."""

    def forward(self, x: Tensor, *, relu: bool = False) -> Tensor:
        """Map [N, C, H, W] to [N, C', H', W'], rectified if `relu`."""
        assert isinstance(self.body, FusedSequential)
        *before, last = self.body.plan
        inner = self.body.run(x, tuple(before))
        return _normalise(self.body.get_submodule(last.name), inner, residual=self.shortcut(x), relu=relu)


def is_fusible(layer: nn.Module) -> bool:
    """Say whether `norm_act` can stand in for a layer: a batch norm with all that PyTorch gives it by default."""
    if not isinstance(layer, nn.BatchNorm2d):
        return False
    return layer.affine and layer.track_running_stats and layer.momentum is not None


def _fuse(layer: nn.Module) -> nn.Module:
    if isinstance(layer, nn.Sequential):
        return fuse_norms(layer)
    if not isinstance(layer, ResidualSum):
        return layer
    body, shortcut = _fuse(layer.body), _fuse(layer.shortcut)
    ends = list(body.children())[-1:] if isinstance(body, FusedSequential) else []
    total = FusedSum(body, shortcut) if any(map(is_fusible, ends)) else ResidualSum(body, shortcut)
    total.training = layer.training
    return total


def _plan(layers: OrderedDict[str, nn.Module]) -> tuple[Step, ...]:
    steps: list[Step] = []
    takes = False  # whether the layer before could take along a rectifier
    for name, layer in layers.items():
        if takes and isinstance(layer, nn.ReLU):
            steps[-1] = Step(steps[-1].name, relu=True)
            takes = False
        else:
            steps.append(Step(name, relu=False))
            takes = is_fusible(layer) or isinstance(layer, FusedSum)
    return tuple(steps)


def _normalise(norm: nn.Module, x: Tensor, *, residual: Tensor | None, relu: bool) -> Tensor:
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.momentum is not None
    return norm_act(
        x,
        norm.weight,
        norm.bias,
        norm.running_mean,
        norm.running_var,
        residual=residual,
        relu=relu,
        training=norm.training,
        momentum=norm.momentum,
        eps=norm.eps,
    )


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
    """How a map is shared out among programs.

    Attributes:
        count: rows, which are the pixels of all images.
        units: channels in multiples of `align`.
        align: 8 where it divides the channels, so that a thread reads 16 bytes at once; else 1.
        each: rows of a split; the last may be shorter.
        height: rows of a tile, and the most splits there may be.
        width: channels of a tile, few enough to keep merging cheap.
    """

    count: int
    units: int
    align: int
    each: int
    height: int
    width: int

    @classmethod
    def of(cls, x: Tensor) -> _Cut:
        """Choose for a map [N, C, H, W]."""
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
        """How many there are."""
        return -(-self.count // self.each)

    def launch(self, kernel: Any, *tensors: Tensor, **numbers: float) -> None:
        """Start one program for each block of channels and each split."""
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
        """Make room for two numbers per split and channel; each tensor starts where 16 bytes can be read at once."""
        shape = self.splits, self.units * self.align
        first, second = (torch.empty(shape, dtype=torch.float32, device=like.device) for _ in range(2))
        return first, second


class _NormAct(torch.autograd.Function):
    """`norm_act` by the kernels.

    With a residual, the backward pass reads from the output where it was rectified; without, it knows from `x`.
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
            cut.launch(_moments, x, *parts)
            merge = {"splits": cut.splits, "per": cut.each, "total": cut.count, "momentum": momentum}
        else:  # one part of one row, whose mean and squared deviation are the running mean and variance
            parts = running_mean, running_var
            merge = {"splits": 1, "per": 1, "total": 1, "momentum": 0.0}
        y, mean, invstd = torch.empty_like(x), torch.empty_like(running_mean), torch.empty_like(running_mean)
        tensors = x, added, y, weight, bias, *parts, mean, invstd, running_mean, running_var
        unbiased = cut.count / max(cut.count - 1, 1)
        cut.launch(_apply, *tensors, **merge, unbiased=unbiased, eps=eps, floor=floor, adds=adds)
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
        cut.launch(_sums, given, x, output, passed, *fixed, *parts, floor=floor, reads=reads)
        if reads:
            floor = -math.inf  # `passed` is rectified already
        dx, dweight, dbias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
        tensors = passed, x, dx, *fixed, *parts, dweight, dbias
        cut.launch(_gradients, *tensors, splits=cut.splits, share=ctx.share, floor=floor)
        return dx, dweight, dbias, None, None, passed if ctx.adds else None, None, None, None, None


def _jit(kernel: Callable[..., Any]) -> Any:
    """Compile a kernel when it is first started, once for all sizes."""
    return kernel if triton is None else triton.jit(kernel, do_not_specialize=SIZES)


@_jit
def _channels(units: tensor, align: constexpr, width: constexpr) -> Any:
    """Return this program's channels, and which of them exist."""
    column = tl.program_id(0) * width + tl.arange(0, width)
    return column, column < units * align


@_jit
def _rows(count: tensor, units: tensor, each: tensor, align: constexpr) -> Any:
    """Return how many rows this program has, and where they start."""
    first = tl.program_id(1) * each
    return tl.minimum(each, count - first), first.to(tl.int64) * (units * align)


@_jit
def _tile(start: tensor, rows: tensor, units: tensor, align: constexpr, height: constexpr, width: constexpr) -> Any:
    """Return the places of a tile behind the program's first row, and which of them exist."""
    column, inside = _channels(units, align, width)
    row = start + tl.arange(0, height)
    return row[:, None] * (units * align) + column[None, :], (row < rows)[:, None] & inside[None, :]


@_jit
def _read(pointer: tensor, place: tensor, kept: tensor) -> Any:
    """Read float32, and 0 where nothing exists."""
    return tl.load(pointer + place, mask=kept, other=0.0).to(tl.float32)


@_jit
def _scaled(apart: tensor, scale: tensor, shift: tensor) -> Any:
    """Return `apart * scale + shift` rounded once: the same bits forwards and backwards."""
    return tl.fma(apart, tl.broadcast_to(scale[None, :], apart.shape), tl.broadcast_to(shift[None, :], apart.shape))


@_jit
def _moments(
    x: tensor,
    means: tensor,
    squares: tensor,
    count: tensor,
    units: tensor,
    each: tensor,
    align: constexpr,
    height: constexpr,
    width: constexpr,
) -> None:
    """Write mean and sum of squared deviations of each split, [splits, channels].

    The sums are those of deviations from the split's first row, so a large mean costs no digits.
    """
    column, inside = _channels(units, align, width)
    rows, origin = _rows(count, units, each, align)
    x += origin
    shift = _read(x, column, inside)
    total = tl.zeros((height, width), tl.float32)
    square = tl.zeros((height, width), tl.float32)
    for start in range(0, rows, height):
        place, kept = _tile(start, rows, units, align, height, width)
        apart = tl.where(kept, _read(x, place, kept) - shift[None, :], 0.0)
        total += apart
        square += apart * apart
    summed = tl.sum(total, axis=0)
    apart_mean = summed / rows
    place = tl.program_id(1) * (units * align) + column
    tl.store(means + place, shift + apart_mean, mask=inside)
    tl.store(squares + place, tl.sum(square, axis=0) - summed * apart_mean, mask=inside)


@_jit
def _apply(
    x: tensor,
    residual: tensor,
    y: tensor,
    weight: tensor,
    bias: tensor,
    means: tensor,
    squares: tensor,
    mean_out: tensor,
    invstd_out: tensor,
    running_mean: tensor,
    running_var: tensor,
    splits: tensor,
    per: tensor,
    total: tensor,
    momentum: tensor,
    unbiased: tensor,
    eps: tensor,
    floor: tensor,
    adds: constexpr,
    count: tensor,
    units: tensor,
    each: tensor,
    align: constexpr,
    height: constexpr,
    width: constexpr,
) -> None:
    """Merge `splits` parts of `per` rows, `total` rows in all; write the statistics and the output.

    No output is below `floor`: 0 rectifies, minus infinity does nothing. A NaN stays one.
    """
    column, inside = _channels(units, align, width)
    place, kept = _tile(0, splits, units, align, height, width)
    part = tl.arange(0, height)
    size = tl.where(part < splits, tl.minimum(per, total - part * per), 0).to(tl.float32)[:, None]
    part_mean = _read(means, place, kept)
    mean = tl.sum(part_mean * size, axis=0) / total
    apart = part_mean - mean[None, :]
    square = tl.sum(_read(squares, place, kept) + apart * apart * size, axis=0)
    var = tl.where(square < 0.0, 0.0, square) / total  # rounding can bring it below 0
    invstd = 1.0 / tl.sqrt(var + eps)

    writes = inside & (tl.program_id(1) == 0)
    tl.store(mean_out + column, mean, mask=writes)
    tl.store(invstd_out + column, invstd, mask=writes)
    moves = writes & (momentum > 0.0)
    old_mean, old_var = _read(running_mean, column, moves), _read(running_var, column, moves)
    tl.store(running_mean + column, (1.0 - momentum) * old_mean + momentum * mean, mask=moves)
    tl.store(running_var + column, (1.0 - momentum) * old_var + momentum * (var * unbiased), mask=moves)

    scale, shift = _read(weight, column, inside) * invstd, _read(bias, column, inside)
    rows, origin = _rows(count, units, each, align)
    x, residual, y = x + origin, residual + origin, y + origin
    for start in range(0, rows, height):
        place, kept = _tile(start, rows, units, align, height, width)
        value = _scaled(_read(x, place, kept) - mean[None, :], scale, shift)
        if adds:
            value += _read(residual, place, kept)
        value = tl.where(value < floor, floor, value)
        tl.store(y + place, value.to(y.dtype.element_ty), mask=kept)


@_jit
def _sums(
    given: tensor,
    x: tensor,
    y: tensor,
    passed: tensor,
    mean: tensor,
    invstd: tensor,
    weight: tensor,
    bias: tensor,
    sums: tensor,
    products: tensor,
    floor: tensor,
    reads: constexpr,
    count: tensor,
    units: tensor,
    each: tensor,
    align: constexpr,
    height: constexpr,
    width: constexpr,
) -> None:
    """Sum the gradient of each split, and its product with the normalised input, [splits, channels].

    If `reads`, the output `y` says where a gradient passes, and what passes is written: it is the residual's gradient.
    Otherwise the output is computed anew.
    """
    column, inside = _channels(units, align, width)
    center, inverse = _read(mean, column, inside), _read(invstd, column, inside)
    scale, shift = _read(weight, column, inside) * inverse, _read(bias, column, inside)
    rows, origin = _rows(count, units, each, align)
    given, x, y, passed = given + origin, x + origin, y + origin, passed + origin
    total = tl.zeros((height, width), tl.float32)
    product = tl.zeros((height, width), tl.float32)
    for start in range(0, rows, height):
        place, kept = _tile(start, rows, units, align, height, width)
        gradient = _read(given, place, kept)
        apart = _read(x, place, kept) - center[None, :]
        if reads:
            gradient = tl.where(_read(y, place, kept) <= floor, 0.0, gradient)
            tl.store(passed + place, gradient.to(passed.dtype.element_ty), mask=kept)
        else:
            output = _scaled(apart, scale, shift).to(x.dtype.element_ty).to(tl.float32)
            gradient = tl.where(output <= floor, 0.0, gradient)
        total += gradient
        product += gradient * (apart * inverse[None, :])
    place = tl.program_id(1) * (units * align) + column
    tl.store(sums + place, tl.sum(total, axis=0), mask=inside)
    tl.store(products + place, tl.sum(product, axis=0), mask=inside)


@_jit
def _gradients(
    given: tensor,
    x: tensor,
    dx: tensor,
    mean: tensor,
    invstd: tensor,
    weight: tensor,
    bias: tensor,
    sums: tensor,
    products: tensor,
    dweight: tensor,
    dbias: tensor,
    splits: tensor,
    share: tensor,
    floor: tensor,
    count: tensor,
    units: tensor,
    each: tensor,
    align: constexpr,
    height: constexpr,
    width: constexpr,
) -> None:
    """Merge the sums; write the gradients of weight, bias and input (Ioffe & Szegedy, arXiv:1502.03167, section 3).

    `share` is what one row has in the statistics: 1 / count, or 0 where they are the running ones.
    """
    column, inside = _channels(units, align, width)
    place, kept = _tile(0, splits, units, align, height, width)
    total, product = tl.sum(_read(sums, place, kept), axis=0), tl.sum(_read(products, place, kept), axis=0)
    writes = inside & (tl.program_id(1) == 0)
    tl.store(dbias + column, total, mask=writes)
    tl.store(dweight + column, product, mask=writes)

    center, inverse = _read(mean, column, inside), _read(invstd, column, inside)
    scale, shift = _read(weight, column, inside) * inverse, _read(bias, column, inside)
    level, slope = total * share, product * share * inverse
    rows, origin = _rows(count, units, each, align)
    given, x, dx = given + origin, x + origin, dx + origin
    for start in range(0, rows, height):
        place, kept = _tile(start, rows, units, align, height, width)
        apart = _read(x, place, kept) - center[None, :]
        output = _scaled(apart, scale, shift).to(x.dtype.element_ty).to(tl.float32)
        gradient = tl.where(output <= floor, 0.0, _read(given, place, kept))
        result = scale[None, :] * (gradient - level[None, :] - apart * slope[None, :])
        tl.store(dx + place, result.to(dx.dtype.element_ty), mask=kept)
