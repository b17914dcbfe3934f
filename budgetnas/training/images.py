"""Splits as uint8 tensors on the device, their normalisation, and their batches."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from budgetnas.data.dataset import Dataset, Split, subset


@lru_cache(maxsize=2)
def to_device(split: Split, device: str) -> tuple[Tensor, Tensor]:
    """Return images [N, C, H, W] uint8 and labels [N] int64 on `device`; they are read-only.

    The last two splits stay on the device, so that consecutive trainings share their train and validation split.
    """
    images = torch.from_numpy(np.ascontiguousarray(split.images.transpose(0, 3, 1, 2)))
    return images.to(device), torch.from_numpy(split.labels.copy()).to(device)


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a CPU tensor to `device` without waiting for the device."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


class Normaliser:
    """Maps raw images to about zero mean and unit variance per channel, by statistics of raw [0, 255] pixels."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], device: str) -> None:
        self._mean = torch.tensor(mean, device=device).view(1, -1, 1, 1)
        self._std = torch.tensor(std, device=device).view(1, -1, 1, 1)

    def __call__(self, images: Tensor) -> Tensor:
        """Map [N, C, H, W] uint8 to float32, channels last."""
        scaled = (images.to(torch.float32) - self._mean) / self._std
        return scaled.contiguous(memory_format=torch.channels_last)


def batch_bounds(images: int, batch_size: int) -> list[tuple[int, int]]:
    """Return (start, stop) of the batches of `images`; a last batch of one image is added to the one before.

    Batch normalisation of one image of one pixel has no variance.
    """
    starts = list(range(0, images, batch_size))
    if len(starts) > 1 and images - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], images], strict=True))


@lru_cache(maxsize=1)
def learning_split(data: Dataset, learns_from: str, per_class: int | None = None) -> Split:
    """Return the images to train on.

    Args:
        data: the data set.
        learns_from: "train", or "all" for train and validation together.
        per_class: images to keep of each class; None for all.
    """
    split = data.train if learns_from == "train" else _joined(data.train, data.validation)
    return split if per_class is None else subset(split, per_class)


def _joined(*parts: Split) -> Split:
    return Split(
        images=np.concatenate([part.images for part in parts]), labels=np.concatenate([part.labels for part in parts])
    )
