"""Scoring a network on a split: predictions counted by class, and cross-entropy, in batches of few shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from budgetnas.evidence.outcome import MOST_CLASSES, Outcome
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
        classes: C.
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
        classes: int,
        bf16: bool,
        records: bool = False,
        pool: Any = None,
    ) -> None:
        self._model, self._normalise, self._bf16 = model, normalise, bf16
        self._images, self._labels = images, labels
        self._size = batch_size(len(labels), pixels=images.shape[2] * images.shape[3])
        self._classes, self._has_matrix = classes, classes <= MOST_CLASSES
        self._of_each = np.bincount(labels.cpu().numpy(), minlength=classes)
        cells = classes * classes if self._has_matrix else 2 * classes
        self._cells = torch.zeros(cells, dtype=torch.int32, device=labels.device)
        self._losses = torch.zeros(2, device=labels.device)  # their sum, and that of their squares
        self._step = GraphedStep(self._score, records=records, pool=pool)

    @property
    def notices(self) -> list[str]:
        """Warnings, a line each."""
        return self._step.notices

    @torch.no_grad()
    def __call__(self) -> Outcome:
        """Return how the images are classified."""
        self._model.eval()
        self._cells.zero_()
        self._losses.zero_()
        for images, labels in self._batches():
            self._step(images, labels)
        cells, (total, squares) = self._cells.cpu().numpy().astype(np.int64), self._losses.tolist()
        loss = total / len(self._labels)
        if self._has_matrix:
            matrix = cells.reshape(self._classes, self._classes)
            correct, predicted = matrix.diagonal(), matrix.sum(axis=0)
        else:
            matrix, (correct, predicted) = None, np.split(cells, 2)
        return Outcome(
            correct=correct,
            images=self._of_each,
            predicted=predicted,
            confusion=matrix,
            loss=loss,
            loss_sd=max(0.0, squares / len(self._labels) - loss * loss) ** 0.5,
        )

    @torch.no_grad()
    def each(self) -> tuple[Tensor, Tensor]:
        """Return the predicted class [N] int64 and the cross-entropy [N] of each image."""
        self._model.eval()
        found = [(self._logits(images), labels) for images, labels in self._batches()]
        losses = [functional.cross_entropy(logits, labels, reduction="none") for logits, labels in found]
        return torch.cat([logits.argmax(1) for logits, _ in found]), torch.cat(losses)

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        return zip(torch.split(self._images, self._size), torch.split(self._labels, self._size), strict=True)

    def _logits(self, images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self._bf16, cache_enabled=False):
            logits: Tensor = self._model(self._normalise(images)).float()
        return logits

    def _score(self, images: Tensor, labels: Tensor) -> None:
        logits = self._logits(images)
        predicted = logits.argmax(1)
        ones = torch.ones_like(predicted, dtype=torch.int32)
        if self._has_matrix:
            self._cells.scatter_add_(0, labels * self._classes + predicted, ones)
        else:
            self._cells.scatter_add_(0, labels, (predicted == labels).to(torch.int32))
            self._cells.scatter_add_(0, predicted + self._classes, ones)
        self._losses[0] += functional.cross_entropy(logits, labels, reduction="sum")
        self._losses[1] += functional.cross_entropy(logits, labels, reduction="none").square().sum()


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
