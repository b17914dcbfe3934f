"""Splits on the device: uint8 there from start to end, shuffled, moved and mirrored in whole batches."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from budgetnas.data.dataset import Split


@lru_cache(maxsize=2)
def to_device(split: Split, device: str) -> tuple[Tensor, Tensor]:
    """Return images [N, C, H, W] uint8 and labels [N] int64 on `device`; never to be written to.

    The last two splits stay there, so that one training after the other finds train and validation in place.
    """
    images = torch.from_numpy(np.ascontiguousarray(split.images.transpose(0, 3, 1, 2)))
    return images.to(device), torch.from_numpy(split.labels.copy()).to(device)


class Normaliser:
    """Maps raw images to zero mean and unit spread per channel, by the statistics of the train split."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], device: str) -> None:
        self._mean = torch.tensor(mean, device=device).view(1, -1, 1, 1)
        self._std = torch.tensor(std, device=device).view(1, -1, 1, 1)

    def __call__(self, images: Tensor) -> Tensor:
        """Map [N, C, H, W] uint8 to float32, channels last."""
        scaled = (images.to(torch.float32) - self._mean) / self._std
        return scaled.contiguous(memory_format=torch.channels_last)


def batch_bounds(images: int, batch_size: int) -> list[tuple[int, int]]:
    """Cut `images` into batches; a last one of a single image joins the one before.

    Batch normalisation of one image of one pixel has no variance.
    """
    starts = list(range(0, images, batch_size))
    if len(starts) > 1 and images - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], images], strict=True))


class Augmenter:
    """One epoch's random order, shifts and mirrorings, all drawn at its start.

    The draws come from a CPU generator, so they are the same on every device.

    Args:
        images: [N, C, H, W] uint8 on the device.
        labels: [N].
        shift: most pixels to move an image by, in each direction, with zeros behind it.
        flip: whether half of the images are mirrored.
        generator: source of randomness, on the CPU.
    """

    def __init__(self, images: Tensor, labels: Tensor, *, shift: int, flip: bool, generator: torch.Generator) -> None:
        self._images, self._labels, self._shift, self._flip = images, labels, shift, flip
        count, device = len(labels), labels.device
        self._order = torch.randperm(count, generator=generator).to(device)
        self._offsets = torch.randint(0, 2 * shift + 1, (2, count), generator=generator).to(device)
        self._mirrored = (torch.rand(count, generator=generator) < 0.5).to(device)

    def batch(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return images `start` to `stop` of the epoch, uint8, and their labels."""
        chosen = self._order[start:stop]
        images = self._images[chosen]
        if self._shift:
            images = shift_images(images, self._offsets[:, start:stop], self._shift)
        if self._flip:
            images = torch.where(self._mirrored[start:stop, None, None, None], images.flip(3), images)
        return images, self._labels[chosen]


def shift_images(images: Tensor, offsets: Tensor, padding: int) -> Tensor:
    """Crop every image [N, C, H, W] out of its zero-padded self, at its own (row, column) `offsets` [2, N]."""
    count, _, height, width = images.shape
    padded = functional.pad(images, (padding,) * 4)
    rows = offsets[0, :, None] + torch.arange(height, device=images.device)
    columns = offsets[1, :, None] + torch.arange(width, device=images.device)
    index = torch.arange(count, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
