"""One epoch's images as a recipe wants them: in random order, moved, mirrored, changed, blanked and mixed."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from budgetnas.config.recipe import Recipe
from budgetnas.data.dataset import Traits
from budgetnas.training import mixing, pixels, policies
from budgetnas.training.images import Normaliser


class Augmenter:
    """An epoch, all of it drawn at its start.

    The draws come from a CPU generator, so they are the same on every device, and no batch waits for the device.

    Args:
        images: [N, C, H, W] uint8 on the device.
        labels: [N] int64 on the device.
        recipe: its policy, cutout, erasing and mixing.
        traits: how far images may be moved, over zeros behind the raw pixels, and whether they may be mirrored.
        normalise: maps raw images to what a network sees.
        classes: how many there are.
        generator: source of randomness, on the CPU.
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
        self._order = torch.randperm(count, generator=generator).to(device)
        self._offsets = torch.randint(0, 2 * traits.shift + 1, (2, count), generator=generator).to(device)
        self._mirrored = (torch.rand(count, generator=generator) < 0.5).to(device)
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

    def batch(self, start: int, stop: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return images `start` to `stop` of the epoch as a network sees them, their targets, and their labels.

        Targets are the labels [N], or shares of all classes [N, classes] where images are mixed.
        """
        rows = slice(start, stop)
        labels = self._labels[self._order[rows]]
        images = self._normalise(self.raw(start, stop))
        if self._centers is not None:
            images = pixels.cutout(images, self._centers[:, rows], self._recipe.cutout)
        if self._boxes is not None:
            images = pixels.erase(images, self._boxes[:, rows])
        if self._mixing is None:
            return images, labels, labels
        images, targets = mixing.mix(self._mixing, images, labels, rows=rows, classes=self._classes)
        return images, targets, labels

    def raw(self, start: int, stop: int) -> Tensor:
        """Return images `start` to `stop` of the epoch moved, mirrored and changed, still uint8."""
        rows = slice(start, stop)
        images = self._images[self._order[rows]]
        if self._shift:
            images = shift_images(images, self._offsets[:, rows], self._shift)
        if self._flip:
            images = torch.where(self._mirrored[rows, None, None, None], images.flip(3), images)
        return images if self._policy is None else policies.apply(self._policy, images, rows)


def shift_images(images: Tensor, offsets: Tensor, padding: int) -> Tensor:
    """Crop every image [N, C, H, W] out of its zero-padded self, at its own (row, column) `offsets` [2, N]."""
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
