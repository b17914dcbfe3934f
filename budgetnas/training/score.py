"""Scoring a network on a split: correct predictions and mean cross-entropy, in batches of few shapes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from budgetnas.training.graphs import GraphedStep
from budgetnas.training.images import Normaliser

LARGEST_BATCH = 2048
LARGEST_PIXELS = 2**21  # per batch: 2,048 images of 32x32
_FEWEST = 4  # a batch below a quarter of the largest costs more than one shape saves


class Scorer:
    """Scores a network on one split, as often as it is called.

    Args:
        model: the network; its weights may change between calls.
        normalise: maps raw images to normalised ones.
        images: [N, C, H, W] uint8.
        labels: [N] int64, on the same device.
        bf16: whether the network computes in bf16.
        records: whether its steps may be recorded as CUDA graphs.
        pool: memory of the training's graphs.
    """

    def __init__(
        self,
        model: nn.Module,
        normalise: Normaliser,
        images: Tensor,
        labels: Tensor,
        *,
        bf16: bool,
        records: bool = False,
        pool: Any = None,
    ) -> None:
        self._model, self._normalise, self._bf16 = model, normalise, bf16
        self._images, self._labels = images, labels
        self._size = batch_size(len(labels), pixels=images.shape[2] * images.shape[3])
        self._right = torch.zeros((), dtype=torch.int64, device=labels.device)
        self._loss = torch.zeros((), device=labels.device)
        self._step = GraphedStep(self._score, records=records, pool=pool)

    @property
    def notices(self) -> list[str]:
        """Warnings, a line each."""
        return self._step.notices

    @torch.no_grad()
    def __call__(self) -> tuple[int, float]:
        """Return the number of correct predictions and the mean cross-entropy."""
        self._model.eval()
        self._right.zero_()
        self._loss.zero_()
        for images, labels in zip(
            torch.split(self._images, self._size), torch.split(self._labels, self._size), strict=True
        ):
            self._step(images, labels)
        return int(self._right.item()), self._loss.item() / len(self._labels)

    @torch.no_grad()
    def each(self) -> Tensor:
        """Return whether the prediction for each image is correct: [N] bool."""
        self._model.eval()
        batches = zip(torch.split(self._images, self._size), torch.split(self._labels, self._size), strict=True)
        return torch.cat([self._logits(images).argmax(1) == labels for images, labels in batches])

    def _logits(self, images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self._bf16, cache_enabled=False):
            logits: Tensor = self._model(self._normalise(images)).float()
        return logits

    def _score(self, images: Tensor, labels: Tensor) -> None:
        logits = self._logits(images)
        self._right += (logits.argmax(1) == labels).sum()
        self._loss += functional.cross_entropy(logits, labels, reduction="sum")


def batch_size(images: int, *, pixels: int) -> int:
    """Return the largest batch size that divides a split, so that one shape is enough; else one near a power of two.

    Args:
        images: number of images in the split.
        pixels: pixels per image; a batch has at most 2,048 images and two million pixels.
    """
    largest = max(1, min(LARGEST_BATCH, LARGEST_PIXELS // pixels))
    if images <= largest:
        return images
    divisors = (size for size in range(largest, largest // _FEWEST, -1) if images % size == 0)
    return next(divisors, largest)
