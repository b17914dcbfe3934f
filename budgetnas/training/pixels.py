"""Augmentations of whole batches, with a parameter per image.

Parameters are CPU tensors. Everything derived from them is computed on the CPU and sent to the device without waiting,
so nothing is read back. Images have 1 or 3 channels and are not changed in place. Unless stated otherwise they are
uint8, and results equal those of torchvision's AutoAugment family (`torchvision.transforms.autoaugment`: nearest pixel,
zeros from outside).
"""

from __future__ import annotations

import torch
from torch import Tensor

_BRIGHTEST = 255
_LEVELS = 256


def shear_x(images: Tensor, amounts: Tensor) -> Tensor:
    """Shear [N, C, H, W] uint8 along the rows, with the top row fixed, by `amounts` [N] pixels per row."""
    matrices = _identities(amounts)
    matrices[:, 0, 1] = amounts
    matrices[:, 0, 2] = amounts.double() * (images.shape[2] / 2)
    return _warp(images, matrices)


def shear_y(images: Tensor, amounts: Tensor) -> Tensor:
    """Shear [N, C, H, W] uint8 along the columns, with the left column fixed, by `amounts` [N] pixels per column."""
    matrices = _identities(amounts)
    matrices[:, 1, 0] = amounts
    matrices[:, 1, 2] = amounts.double() * (images.shape[3] / 2)
    return _warp(images, matrices)


def translate_x(images: Tensor, pixels: Tensor) -> Tensor:
    """Move [N, C, H, W] uint8 to the right by `pixels` [N], rounded towards zero."""
    matrices = _identities(pixels)
    matrices[:, 0, 2] = -pixels.trunc()
    return _warp(images, matrices)


def translate_y(images: Tensor, pixels: Tensor) -> Tensor:
    """Move [N, C, H, W] uint8 down by `pixels` [N], rounded towards zero."""
    matrices = _identities(pixels)
    matrices[:, 1, 2] = -pixels.trunc()
    return _warp(images, matrices)


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Rotate [N, C, H, W] uint8 about the centre, counter-clockwise, by `degrees` [N]."""
    matrices = _identities(degrees)
    radians = degrees.double().deg2rad()
    matrices[:, 0, 0] = matrices[:, 1, 1] = radians.cos()
    matrices[:, 1, 0] = radians.sin()
    matrices[:, 0, 1] = -matrices[:, 1, 0]
    return _warp(images, matrices)


def brightness(images: Tensor, amounts: Tensor) -> Tensor:
    """Multiply [N, C, H, W] uint8 by 1 + `amounts` [N], each at least -1 (black)."""
    return _to_pixels((1 + _beside(amounts, images)) * images)


def color(images: Tensor, amounts: Tensor) -> Tensor:
    """Change the saturation of [N, C, H, W] uint8 by `amounts` [N], each at least -1 (grey)."""
    return images if images.shape[1] == 1 else _away_from(_grey(images), images, amounts)


def contrast(images: Tensor, amounts: Tensor) -> Tensor:
    """Change the contrast of [N, C, H, W] uint8 by `amounts` [N], each at least -1 (the mean grey everywhere)."""
    return _away_from(_grey(images).to(torch.float32).mean((1, 2, 3), keepdim=True), images, amounts)


def sharpness(images: Tensor, amounts: Tensor) -> Tensor:
    """Change the sharpness of [N, C, H, W] uint8 by `amounts` [N], each at least -1 (smoothed)."""
    return images if min(images.shape[2:]) <= 2 else _away_from(_smooth(images), images, amounts)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the highest `bits` [N] of every byte of [N, C, H, W] uint8, each from 0 to 8, rounded down."""
    masks = _LEVELS - torch.bitwise_left_shift(1, 8 - bits.to(torch.int64))
    return images & _beside(masks.to(torch.uint8), images)


def solarize(images: Tensor, thresholds: Tensor) -> Tensor:
    """Invert the values of [N, C, H, W] uint8 that reach `thresholds` [N], each from 0 to 255."""
    return torch.where(images >= _beside(thresholds, images), invert(images), images)


def autocontrast(images: Tensor) -> Tensor:
    """Stretch every channel of [N, C, H, W] uint8 to span 0 to 255; a channel of one value stays."""
    lowest, highest = (bound.to(torch.float32) for bound in torch.aminmax(images.flatten(2), dim=2, keepdim=True))
    flat = lowest == highest
    # torch divides a number by a tensor as number * reciprocal, which rounds differently from tensor / tensor.
    scale = ((highest - lowest).reciprocal() * _BRIGHTEST).masked_fill(flat, 1)
    return _to_pixels((images - lowest.masked_fill(flat, 0)[..., None]) * scale[..., None])


def equalize(images: Tensor) -> Tensor:
    """Equalise the histogram of every channel of [N, C, H, W] uint8; a channel with too few values stays."""
    values = images.flatten(2).to(torch.int64)
    counts = values.new_zeros(*values.shape[:2], _LEVELS).scatter_add_(2, values, torch.ones_like(values))
    step = (values.shape[2] - counts.gather(2, values.amax(2, keepdim=True))) // _BRIGHTEST
    darker = counts.cumsum(2) - counts
    # A step of 0 means that the channel stays, whatever its table holds.
    table = (darker + step // 2) // step.clamp(min=1)
    table = table.clamp(max=_BRIGHTEST).to(torch.uint8)
    return torch.where(step[..., None] == 0, images, table.gather(2, values).view(images.shape))


def invert(images: Tensor) -> Tensor:
    """Invert [N, C, H, W] uint8: bright becomes dark."""
    return images.bitwise_not()


def cutout(images: Tensor, centers: Tensor, side: int) -> Tensor:
    """Zero a square of `side` pixels, cut at the border, in every normalised float image [N, C, H, W].

    Args:
        images: float; zero is the mean of the train split.
        centers: [2, N] row and column of each square's centre; for an even side, the pixel below and right of it.
        side: side of the squares in pixels.

    See: DeVries and Taylor 2017, https://arxiv.org/abs/1708.04552.
    """
    corners = centers - side // 2
    return erase(images, torch.cat([corners, corners + side]))


def erase(images: Tensor, boxes: Tensor) -> Tensor:
    """Zero a box in every normalised float image [N, C, H, W].

    Args:
        images: float; zero is the mean of the train split.
        boxes: [4, N] top, left, bottom and right, the last two exclusive, as in `inside`.

    See: Zhong et al. 2017, https://arxiv.org/abs/1708.04896.
    """
    # A zero on the device: `where` would send a Python number and wait, and `masked_fill` loses channels last.
    return torch.where(inside(boxes, images)[:, None], images.new_zeros(()), images)


def inside(boxes: Tensor, images: Tensor) -> Tensor:
    """Return [N, H, W] bool, true inside each image's box.

    Args:
        boxes: [4, N] top, left, bottom and right, the last two exclusive; a box may be empty or exceed the image.
        images: [N, C, H, W], for size and device.
    """
    top, left, bottom, right = boxes.to(images.device, non_blocking=True)[..., None].unbind(0)
    row = torch.arange(images.shape[2], device=images.device)
    column = torch.arange(images.shape[3], device=images.device)
    rows, columns = (row >= top) & (row < bottom), (column >= left) & (column < right)
    return rows[:, :, None] & columns[:, None, :]


def _beside(parameters: Tensor, images: Tensor) -> Tensor:
    """Send parameters [N] to the images' device, as [N, 1, 1, 1]."""
    return parameters.to(images.device, non_blocking=True)[:, None, None, None]


def _to_pixels(values: Tensor) -> Tensor:
    return values.clamp(0, _BRIGHTEST).to(torch.uint8)


def _away_from(other: Tensor, images: Tensor, amounts: Tensor) -> Tensor:
    """Extrapolate from `other` through the images, by `amounts` of the difference."""
    amounts = _beside(amounts, images)
    return _to_pixels((1 + amounts) * images + (-amounts) * other)


def _grey(images: Tensor) -> Tensor:
    """Return the luma [N, 1, H, W] uint8."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    luma: Tensor = 0.2989 * red + 0.587 * green + 0.114 * blue
    return luma.to(torch.uint8)[:, None]


def _smooth(images: Tensor) -> Tensor:
    """Average each pixel, with weight 5, and its eight neighbours, with weight 1; the border stays."""
    values = images.to(torch.float32)
    rows = values[:, :, :-2] + values[:, :, 1:-1] + values[:, :, 2:]
    nine = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    # Sums of bytes are exact in float32, and a sum over 13 is never half-way, so the order of addition does not matter.
    values[:, :, 1:-1, 1:-1] = ((nine + 4 * values[:, :, 1:-1, 1:-1]) / 13).round()
    return values


def _identities(parameters: Tensor) -> Tensor:
    """Return an identity matrix [2, 3] per parameter, in float64, so that sines and cosines are rounded only once."""
    return torch.eye(2, 3, dtype=torch.float64, device=parameters.device).repeat(len(parameters), 1, 1)


def _warp(images: Tensor, matrices: Tensor) -> Tensor:
    """Warp images by `matrices` [N, 2, 3], with the nearest source pixel.

    The matrices map (x, y, 1), in pixels from the centre, from the result to the source.
    """
    height, width = images.shape[2:]
    halves = torch.tensor([[width / 2], [height / 2]], device=matrices.device)
    matrices = (matrices.to(torch.float32) / halves).to(images.device, non_blocking=True)
    x = torch.arange(width, device=images.device) - (width - 1) / 2
    y = torch.arange(height, device=images.device) - (height - 1) / 2
    columns, rows = _source(matrices[:, 0], x, y, width), _source(matrices[:, 1], x, y, height)
    within = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    index = (rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)).to(torch.int64)
    index = index.flatten(1)[:, None].expand(-1, images.shape[1], -1)
    return images.flatten(2).gather(2, index).view(images.shape) * within[:, None]


def _source(weights: Tensor, x: Tensor, y: Tensor, size: int) -> Tensor:
    """Return the source column or row [N, H, W], integers as float, for `weights` [N, 3] over half its `size`.

    Positions half-way between two pixels are common (a shear of 1/30 has them), and rounding decides between the two.
    So this adds in the order of torchvision's matrix product on a CPU, and uses coordinates from -1 to 1 as
    `grid_sample` does. Every device then rounds alike, and TF32 plays no role.
    """
    along, across, shift = weights[:, :, None, None].unbind(1)
    place = x * along + y[:, None] * across + shift
    return ((place + 1) * (size / 2) - 0.5).round()
