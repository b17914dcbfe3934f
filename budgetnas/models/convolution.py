"""A convolution that trains faster on a CPU: on small maps it is computed as a few large matrix products."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

FEWEST_CHANNELS = 48  # with fewer, oneDNN is as fast (measured on AVX2)
ROWS = 256  # tiles per step, so that their factors stay in the cache
BLOCK = 16  # float32 values in the widest vector register of a CPU


class Convolution(nn.Conv2d):
    """A square convolution without bias, padded by half its kernel; its state is that of an `nn.Conv2d`.

    oneDNN's weight gradient takes 2 to 10 times as long as its forward pass on maps of 4x4 and less. The formula of a
    training step on a CPU depends only on shape and dtype, so the same step gives the same bits:

    * 3x3 of stride 1 on sides of 1, 2 or a multiple of 4, in float32 and float64: `_Transformed`.
    * otherwise, kernels above 1x1 with outputs of at most 4x4: `_Patches`.
    * 1x1 of a stride above 1 on fewer than 16 channels: `functional.conv2d` of the pixels that it reads. Given all
      pixels, oneDNN's weight gradient in float32 writes past its buffer behind 2 to 7 channels on AVX2
      (uxlfoundation/oneDNN, issue 6035); on AVX-512, whose registers hold 16, this has not been tried.
    * otherwise, and without gradients, with few channels or in groups: `functional.conv2d`.

    In float32 Winograd's transform, used for multiples of 4, errs by about 1e-5 of the largest value, oneDNN by 2e-6.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, I, H, W] to [N, O, H', W']."""
        weight, stride = self.weight, self.stride[0]
        if self.groups > 1 or x.device.type != "cpu" or not torch.is_grad_enabled() or torch.compiler.is_compiling():
            return super().forward(x)
        if torch.is_autocast_enabled("cpu") and x.dtype != torch.float64:
            dtype = torch.get_autocast_dtype("cpu")
            x, weight = x.to(dtype), weight.to(dtype)
        if self.kernel_size[0] == 1 and stride > 1 and self.in_channels < BLOCK:
            x, stride = x[..., ::stride, ::stride], 1
        formula = _formula(x, weight, stride)
        if formula is None:
            return functional.conv2d(x, weight, stride=stride, padding=self.padding)
        y: Tensor = formula.apply(x, weight, stride)
        return y


def _formula(x: Tensor, weight: Tensor, stride: int) -> type[torch.autograd.Function] | None:
    channels, sides, kernel = min(weight.shape[:2]), x.shape[2:], weight.shape[2]
    if x.dtype != weight.dtype or x.dtype not in (torch.float32, torch.float64, torch.bfloat16) or x.dim() != 4:
        return None
    if channels < FEWEST_CHANNELS or kernel == 1 or not weight.is_contiguous(memory_format=torch.channels_last):
        return None
    precise = x.dtype != torch.bfloat16 or max(sides) == 1
    if kernel == 3 and stride == 1 and precise and all(side <= 2 or side % 4 == 0 for side in sides):
        # Transforms cost the same per channel, and more on larger maps; products save more the more channels there are.
        return _Transformed if max(sides) <= 4 or channels >= 8 * max(sides) else None
    return _Patches if all(_outputs(side, stride) <= 4 for side in sides) else None


def _outputs(side: int, stride: int) -> int:
    return 1 + (side - 1) // stride


class _Line(NamedTuple):
    """A 1-d convolution with 3 taps over a zero-padded line of S values: `out @ ((kernel @ taps) * (into @ values))`.

    Attributes:
        into: [T, R, S], maps the line to R factors for each of its T tiles.
        kernel: [R, 3], maps the taps to R factors.
        out: [S / T, R], maps the R products to the outputs of a tile.
    """

    into: Tensor
    kernel: Tensor
    out: Tensor


_ONE = [[1.0]], [[0.0, 1, 0]], [[1.0]]
_TWO = [[1.0, 1], [0, 1], [1, 0]], [[0.0, 1, 0], [0, -1, 1], [1, -1, 0]], [[1.0, 1, 0], [1, 0, 1]]  # Karatsuba's trick
_FOUR = (  # Winograd's F(4, 3): Lavin and Gray 2015, arXiv:1509.09308
    (
        [4.0, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ),
    (
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ),
    ([1.0, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]),
)


def _line(side: int, dtype: torch.dtype) -> _Line:
    into, kernel, out = (torch.tensor(matrix, dtype=dtype) for matrix in (_ONE, _TWO, _FOUR)[min(side, 3) - 1])
    if side <= 2:
        return _Line(into[None], kernel, out)
    padded = torch.zeros(side // 4, 6, side + 2, dtype=dtype)
    for tile in range(side // 4):
        padded[tile, :, 4 * tile : 4 * tile + 6] = into
    return _Line(padded[:, :, 1:-1].contiguous(), kernel, out)


class _Plane:
    """A 3x3 convolution over maps [N, H, W, C], by P products per tile.

    Factors of maps are [B, P, C]; the B tiles are ordered by column, image and row.
    """

    def __init__(self, height: int, width: int, dtype: torch.dtype) -> None:
        rows, columns = _line(height, dtype), _line(width, dtype)
        self._tall, self._wide = len(rows.into), len(columns.into)
        self._rows, self._columns = rows.into.flatten(0, 1), columns.into
        self._single = torch.kron(rows.into[0], columns.into[0]) if self._tall == self._wide == 1 else None
        self.kernel, self.out = torch.kron(rows.kernel, columns.kernel), torch.kron(rows.out, columns.out)
        self.images = max(1, ROWS // (self._tall * self._wide))

    def into(self, x: Tensor) -> Tensor:
        """Return the factors [B, P, C] of maps [N, H, W, C]."""
        n, h, w, c = x.shape
        if self._single is not None:
            return _times(self._single, x.reshape(n, h * w, c))
        across = _times(self._columns.flatten(0, 1), x.reshape(n * h, w, c)).view(n, h, self._wide, -1)
        factors = x.new_empty(self._wide, n, len(self._rows), across.shape[3])
        for column, part in enumerate(factors):
            torch.bmm(self._rows.expand(n, -1, -1), across[:, :, column], out=part)
        return factors.view(-1, len(self.kernel), c)

    def into_transposed(self, factors: Tensor, dx: Tensor) -> None:
        """Fill `dx` [N, H, W, C] with the gradients of maps, given the gradients of their factors [B, P, C]."""
        n, h, w, c = dx.shape
        if self._single is not None:
            torch.bmm(self._single.t().expand(n, -1, -1), factors, out=dx.view(n, h * w, c))
            return
        dx = dx.zero_().view(n * h, w, c)
        parts = factors.reshape(self._wide, n, len(self._rows), -1)
        for across, part in zip(self._columns, parts, strict=True):
            dx.baddbmm_(across.t().expand(n * h, -1, -1), _times(self._rows.t(), part).view(n * h, -1, c))

    def tiles(self, y: Tensor) -> Tensor:
        """View maps [N, H, W, C] as [columns, N, rows, tile height, tile width, C]."""
        n, h, w, c = y.shape
        return y.view(n, self._tall, h // self._tall, self._wide, w // self._wide, c).permute(3, 0, 1, 2, 4, 5)


_plane = cache(_Plane)


def _times(matrix: Tensor, items: Tensor) -> Tensor:
    """Multiply [A, B] by each of [N, B, C]: [N, A, C]."""
    return torch.bmm(matrix.expand(len(items), -1, -1), items)


class _Transformed(torch.autograd.Function):
    """The convolution and both gradients as P matrix products of P factors of maps and kernels.

    A 2x2 map needs 9 products per pair of channels instead of 36, a tile of 4x4 outputs 36 instead of 144. The factors
    of the maps, kept for the weight gradient, take 2.25 times the memory of the maps.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, _stride: int) -> Tensor:
        n, _, h, w = x.shape
        plane = _plane(h, w, x.dtype)
        kernel = _times(plane.kernel, weight.permute(0, 2, 3, 1).flatten(1, 2))
        y, kept = x.new_empty(n, h, w, len(weight)), []
        parts = torch.split(x.permute(0, 2, 3, 1), plane.images), torch.split(y, plane.images)
        for maps, outputs in zip(*parts, strict=True):
            kept.append(plane.into(maps))
            products = torch.bmm(kept[-1].transpose(0, 1), kernel.permute(1, 2, 0))
            tiles = plane.tiles(outputs)
            tiles.copy_(_times(plane.out, products.transpose(0, 1)).view(tiles.shape))
        ctx.save_for_backward(kernel, *kept)
        ctx.plane, ctx.shape = plane, (n, h, w, x.shape[1])
        return y.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        plane, (kernel, *kept) = ctx.plane, ctx.saved_tensors
        dy = dy.permute(0, 2, 3, 1).contiguous()
        dx = dy.new_empty(ctx.shape) if ctx.needs_input_grad[0] else None
        dkernel = dweight = None
        for number, (maps, outputs) in enumerate(zip(kept, torch.split(dy, plane.images), strict=True)):
            dproducts = _times(plane.out.t(), plane.tiles(outputs).reshape(len(maps), -1, outputs.shape[3]))
            if dx is not None:
                factors = torch.bmm(dproducts.transpose(0, 1), kernel.transpose(0, 1)).transpose(0, 1)
                plane.into_transposed(factors, torch.split(dx, plane.images)[number])
            if ctx.needs_input_grad[1]:
                pair = dproducts.permute(1, 2, 0), maps.transpose(0, 1)
                dkernel = torch.bmm(*pair) if dkernel is None else dkernel.baddbmm_(*pair)
        if dkernel is not None:
            dweight = _times(plane.kernel.t(), dkernel.transpose(0, 1))
            dweight = dweight.view(len(dweight), 3, 3, -1).permute(0, 3, 1, 2)
        return None if dx is None else dx.permute(0, 3, 1, 2), dweight, None


class _Patches(torch.autograd.Function):
    """The weight gradient, and the outputs if at most 2x2, as one matrix product each with the patches of the input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        sides = [_outputs(side, stride) for side in x.shape[2:]]
        if max(sides) > 2:
            return functional.conv2d(x, weight, stride=stride, padding=weight.shape[2] // 2)
        y = _patches(x, weight.shape[2], stride) @ weight.permute(0, 2, 3, 1).flatten(1).t()
        return y.view(len(x), *sides, len(weight)).permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (x, weight), stride = ctx.saved_tensors, ctx.stride
        outputs, inputs, kernel, _ = weight.shape
        dx = dweight = None
        if ctx.needs_input_grad[0]:
            how = [stride] * 2, [kernel // 2] * 2, [1, 1], False, [0, 0], 1
            dx = torch.ops.aten.convolution_backward(dy, x, weight, None, *how, [True, False, False])[0]
        if ctx.needs_input_grad[1]:
            dweight = dy.permute(0, 2, 3, 1).reshape(-1, outputs).t() @ _patches(x, kernel, stride)
            dweight = dweight.view(outputs, kernel, kernel, inputs).permute(0, 3, 1, 2)
        return dx, dweight, None


def _patches(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Return the input patch of each output of [N, C, H, W]: [N * H' * W', kernel * kernel * C]."""
    (n, c, h, w), edge = x.shape, kernel // 2
    padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, edge, edge, edge, edge)).contiguous()
    image, row, column, _ = padded.stride()
    size = n, _outputs(h, stride), _outputs(w, stride), kernel, kernel, c
    return padded.as_strided(size, (image, row * stride, column * stride, row, column, 1)).reshape(-1, kernel**2 * c)
