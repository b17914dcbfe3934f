"""The four Triton kernels of `norm_triton`. Maps are matrices of pixels by channels, and sums have a fixed order.

Sizes are arguments, not constants, so a new architecture needs no compilation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    import triton
    import triton.language as tl
    from triton.language import constexpr, tensor  # Triton reads the annotations below by these names
except ImportError:  # some wheels of PyTorch come without Triton
    triton = None

HAS_TRITON = triton is not None
SIZES = ("count", "units", "each", "splits", "per", "total")


def _jit(kernel: Callable[..., Any]) -> Any:
    """Compile a kernel at its first launch, once for all sizes."""
    return kernel if triton is None else triton.jit(kernel, do_not_specialize=SIZES)


@_jit
def _channels(units: tensor, align: constexpr, width: constexpr) -> Any:
    """Return this program's channels, and which of them exist."""
    column = tl.program_id(0) * width + tl.arange(0, width)
    return column, column < units * align


@_jit
def _rows(count: tensor, units: tensor, each: tensor, align: constexpr) -> Any:
    """Return the number of this program's rows, and their start."""
    first = tl.program_id(1) * each
    return tl.minimum(each, count - first), first.to(tl.int64) * (units * align)


@_jit
def _tile(start: tensor, rows: tensor, units: tensor, align: constexpr, height: constexpr, width: constexpr) -> Any:
    """Return the offsets of a tile from the program's first row, and which of them exist."""
    column, inside = _channels(units, align, width)
    row = start + tl.arange(0, height)
    return row[:, None] * (units * align) + column[None, :], (row < rows)[:, None] & inside[None, :]


@_jit
def _read(pointer: tensor, place: tensor, kept: tensor) -> Any:
    """Read as float32; 0 where nothing exists."""
    return tl.load(pointer + place, mask=kept, other=0.0).to(tl.float32)


@_jit
def _scaled(apart: tensor, scale: tensor, shift: tensor) -> Any:
    """Return `apart * scale + shift`, rounded once, with the same bits in the forward and backward pass."""
    return tl.fma(apart, tl.broadcast_to(scale[None, :], apart.shape), tl.broadcast_to(shift[None, :], apart.shape))


@_jit
def moments(
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

    The sums are of deviations from the split's first row, so a large mean costs no precision.
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
def apply(
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

    Outputs are clamped below at `floor`: 0 for a ReLU, minus infinity for none. A NaN stays a NaN.
    """
    column, inside = _channels(units, align, width)
    place, kept = _tile(0, splits, units, align, height, width)
    part = tl.arange(0, height)
    size = tl.where(part < splits, tl.minimum(per, total - part * per), 0).to(tl.float32)[:, None]
    part_mean = _read(means, place, kept)
    mean = tl.sum(part_mean * size, axis=0) / total
    apart = part_mean - mean[None, :]
    square = tl.sum(_read(squares, place, kept) + apart * apart * size, axis=0)
    var = tl.where(square < 0.0, 0.0, square) / total  # rounding can make it negative
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
def sums(
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

    If `reads`, the output `y` decides where the gradient passes, and the passed gradient, which is the residual's, is
    written. Otherwise the output is recomputed.
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
def gradients(
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

    `share` is the weight of one row in the statistics: 1 / count, or 0 with running statistics.
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
