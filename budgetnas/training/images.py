"""The images of an epoch: on the device, shuffled, normalised and augmented, in batches.

An epoch's random numbers are drawn at its start: random crop, flip, policy, cutout or erasing, mixing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from budgetnas.config.recipe import Recipe
from budgetnas.data.dataset import Dataset, Split, Traits, subset
from budgetnas.training import mixing, pixels, policies


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


Batch = tuple[Tensor, Tensor, Tensor]
CHUNK_VALUES = 2**26  # of the images that a GPU prepares at once: 268 MB in float32, 22,000 images of CIFAR


class Feed:
    """The batches of a training, epoch by epoch.

    A GPU prepares many batches at once, so that kernel launches cost little per image. A CPU prepares one, so that it
    stays in the caches.

    Args:
        draw: draws an epoch.
        bounds: (start, stop) of each batch of an epoch.
        values: channels times pixels of an image.
        generator: source of the draws.
        device: where the images are.
    """

    def __init__(
        self,
        draw: Callable[[], Augmenter],
        bounds: Sequence[tuple[int, int]],
        *,
        values: int,
        generator: torch.Generator,
        device: str,
    ) -> None:
        self._draw, self._generator, self._is_ahead = draw, generator, device != "cpu"
        largest = max(stop - start for start, stop in bounds)
        each = 1 if device == "cpu" else max(1, CHUNK_VALUES // (largest * values))
        self._chunks = [bounds[first : first + each] for first in range(0, len(bounds), each)]
        self._drawn: Augmenter | None = None
        self._before = generator.get_state()

    def epoch(self) -> Iterator[Batch]:
        """Yield the batches of the next epoch: normalised images, targets, labels."""
        epoch, self._drawn = self._drawn or self._draw(), None
        for chunk in self._chunks:
            yield from epoch.chunk(chunk)

    def draw_ahead(self) -> None:
        """Draw the next epoch while the GPU is busy with this one."""
        if self._is_ahead and self._drawn is None:
            self._before = self._generator.get_state()
            self._drawn = self._draw()

    @property
    def state(self) -> Tensor:
        """The generator's state before the next epoch is drawn."""
        return self._generator.get_state() if self._drawn is None else self._before

    def restore(self, state: Tensor) -> None:
        """Restore a state."""
        self._drawn = None
        self._generator.set_state(state)


class Augmenter:
    """The augmentation of one epoch; all random numbers are drawn at its start.

    They come from a CPU generator, so they are the same on every device, and no batch waits for the device.

    Args:
        images: [N, C, H, W] uint8 on the device.
        labels: [N] int64 on the device.
        recipe: policy, cutout, erasing and mixing.
        traits: largest shift of a random crop from raw zero-padded pixels, and whether images are flipped.
        normalise: maps raw images to normalised ones.
        classes: number of classes.
        generator: CPU source of random numbers.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        *,
        recipe: Recipe,
        traits: Traits,
        normalise: Normaliser,
        classes: int,
        generator: torch.Generator,
    ) -> None:
        self._images, self._labels, self._normalise, self._classes = images, labels, normalise, classes
        self._recipe, self._shift, self._flip = recipe, traits.shift, traits.flip
        count, (height, width), device = len(labels), images.shape[2:], labels.device
        self._order = send(torch.randperm(count, generator=generator), device)
        self._offsets = send(torch.randint(0, 2 * traits.shift + 1, (2, count), generator=generator), device)
        self._mirrored = send(torch.rand(count, generator=generator) < 0.5, device)
        self._policy = _draw_policy(recipe, count, generator, height=height, width=width)
        self._centers = self._boxes = self._mixing = None
        if recipe.cutout:
            self._centers = policies.draw_cutout_centers(count, generator, height=height, width=width)
        if recipe.random_erasing:
            self._boxes = policies.draw_erasing_boxes(
                count, generator, height=height, width=width, probability=recipe.random_erasing
            )
        if recipe.mixup or recipe.cutmix:
            self._mixing = mixing.draw_mixing(
                count, generator, mixup_alpha=recipe.mixup, cutmix_alpha=recipe.cutmix, height=height, width=width
            )

    def chunk(self, bounds: Sequence[tuple[int, int]]) -> Iterator[Batch]:
        """Yield consecutive batches of the epoch, prepared together.

        Every image has its own draws and is mixed within its batch, so the size of a chunk changes nothing.

        Args:
            bounds: (start, stop) of each batch.
        """
        rows = slice(bounds[0][0], bounds[-1][1])
        labels = self._labels[self._order[rows]]
        images = self._normalise(self.raw(rows.start, rows.stop))
        if self._centers is not None:
            images = pixels.cutout(images, self._centers[:, rows], self._recipe.cutout)
        if self._boxes is not None:
            images = pixels.erase(images, self._boxes[:, rows])
        targets = labels
        if self._mixing is not None:
            images, targets = mixing.mix(self._mixing, images, labels, bounds=bounds, classes=self._classes)
        for start, stop in bounds:
            batch = slice(start - rows.start, stop - rows.start)
            yield images[batch], targets[batch], labels[batch]

    def raw(self, start: int, stop: int) -> Tensor:
        """Return images `start` to `stop` of the epoch, cropped, flipped and transformed by the policy, as uint8."""
        rows = slice(start, stop)
        images = self._images[self._order[rows]]
        if self._shift:
            images = shift_images(images, self._offsets[:, rows], self._shift)
        if self._flip:
            images = torch.where(self._mirrored[rows, None, None, None], images.flip(3), images)
        return images if self._policy is None else policies.apply(self._policy, images, rows)


def shift_images(images: Tensor, offsets: Tensor, padding: int) -> Tensor:
    """Crop every image [N, C, H, W], zero-padded by `padding`, at its own (row, column) `offsets` [2, N]."""
    count, _, height, width = images.shape
    padded = functional.pad(images, (padding,) * 4)
    rows = offsets[0, :, None] + torch.arange(height, device=images.device)
    columns = offsets[1, :, None] + torch.arange(width, device=images.device)
    index = torch.arange(count, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _draw_policy(
    recipe: Recipe, count: int, generator: torch.Generator, *, height: int, width: int
) -> policies.Draws | None:
    if recipe.policy == "auto_augment":
        return policies.cifar10_auto_augment(count, generator, height=height, width=width)
    return policies.trivial_augment_wide(count, generator) if recipe.policy == "trivial_augment" else None
