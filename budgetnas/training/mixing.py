"""Mixup and CutMix: every image is mixed with a partner from its batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from budgetnas.training.pixels import inside


@dataclass(frozen=True, kw_only=True, slots=True)
class MixingDraws:
    """The random numbers of one epoch, on the CPU.

    A batch needs a partner for each image, and one of the two methods. Partners come from the order of `keys` within
    the batch; the method is the one that the batch's first image drew. So batch boundaries do not affect the draws.

    Attributes:
        keys: [images] float64 in [0, 1].
        cut: [images] bool, CutMix rather than mixup.
        mixup_shares: [images] float32, share that an image keeps of itself under mixup.
        cutmix_shares: [images] float32, the same under CutMix: the area outside its box.
        boxes: [4, images] top, left, bottom and right of the box that CutMix takes from the partner.
    """

    keys: Tensor
    cut: Tensor
    mixup_shares: Tensor
    cutmix_shares: Tensor
    boxes: Tensor


def draw_mixing(
    count: int, generator: torch.Generator, *, mixup_alpha: float, cutmix_alpha: float, height: int, width: int
) -> MixingDraws:
    """Draw an epoch of mixup, CutMix, or both; with both, each batch uses either with equal probability.

    The distributions are those of `torchvision.transforms.v2.MixUp` and `CutMix`, but with own shares per image (Zhang
    et al. 2017, https://arxiv.org/abs/1710.09412; Yun et al. 2019, https://arxiv.org/abs/1905.04899).

    Args:
        count: images in the epoch.
        generator: CPU source of random numbers.
        mixup_alpha: shares follow Beta(alpha, alpha); 0 turns mixup off.
        cutmix_alpha: the same for CutMix; one of the two must be above 0.
        height: height of the images in pixels.
        width: width of the images in pixels.
    """
    assert max(mixup_alpha, cutmix_alpha) > 0, "nothing to mix"
    chance = 0.5 if min(mixup_alpha, cutmix_alpha) > 0 else float(cutmix_alpha > 0)
    keys = torch.rand(count, generator=generator, dtype=torch.float64)
    cut = torch.rand(count, generator=generator) < chance
    mixup_shares = _draw_shares(count, generator, mixup_alpha)
    boxes = _draw_boxes(_draw_shares(count, generator, cutmix_alpha), generator, height=height, width=width)
    areas = (boxes[2] - boxes[0]) * (boxes[3] - boxes[1])
    return MixingDraws(
        keys=keys,
        cut=cut,
        mixup_shares=mixup_shares.to(torch.float32),
        cutmix_shares=(1 - areas.double() / (height * width)).to(torch.float32),
        boxes=boxes,
    )


def mix(
    draws: MixingDraws, images: Tensor, labels: Tensor, *, bounds: Sequence[tuple[int, int]], classes: int
) -> tuple[Tensor, Tensor]:
    """Mix the images of consecutive batches.

    Args:
        draws: the epoch's draws.
        images: [N, C, H, W] float, normalised, on any device: all images of the batches.
        labels: [N] int64 in 0..classes-1.
        bounds: (start, stop) of each batch in the epoch.
        classes: number of classes.

    Returns:
        Mixed images of the same shape, and targets [N, classes] float32 that sum to 1.
    """
    first, last = bounds[0][0], bounds[-1][1]
    partners = torch.cat([draws.keys[start:stop].argsort() + (start - first) for start, stop in bounds])
    ways = torch.cat([draws.cut[start].expand(stop - start) for start, stop in bounds])
    shares = torch.where(ways, draws.cutmix_shares[first:last], draws.mixup_shares[first:last])
    # The draws are on the CPU, so nothing is read back from the device.
    partners = partners.to(images.device, non_blocking=True)
    if not ways.all():
        mixed = mixup(images, partners, torch.where(ways, 1.0, shares))
    if ways.any():
        boxes = draws.boxes[:, first:last] * ways
        mixed = cutmix(images if ways.all() else mixed, partners, boxes, others=images)
    return mixed, soft_targets(labels, partners, shares, classes)


def mixup(images: Tensor, partners: Tensor, shares: Tensor) -> Tensor:
    """Blend images [N, C, H, W] float with images `partners` [N] of their batch, keeping `shares` [N] of each."""
    kept = shares.to(images.device, images.dtype, non_blocking=True)[:, None, None, None]
    return images * kept + images[partners] * (1 - kept)


def cutmix(images: Tensor, partners: Tensor, boxes: Tensor, *, others: Tensor | None = None) -> Tensor:
    """Fill the box of each image [N, C, H, W] from images `partners` [N] of `others`, the same images unless given.

    `boxes` [4, N] are as `inside` takes them.
    """
    others = images if others is None else others
    return torch.where(inside(boxes, images)[:, None], others[partners], images)


def soft_targets(labels: Tensor, partners: Tensor, shares: Tensor, classes: int) -> Tensor:
    """Return targets [N, classes] float32: `shares` [N] for an image's own label, the rest for its partner's."""
    kept = shares.to(labels.device, torch.float32, non_blocking=True)[:, None]
    hot = (labels[:, None] == torch.arange(classes, device=labels.device)).to(torch.float32)
    return hot * kept + hot[partners] * (1 - kept)


def _draw_shares(count: int, generator: torch.Generator, alpha: float) -> Tensor:
    """Draw from Beta(alpha, alpha) as float64; all ones for an `alpha` of 0.

    A Beta variable is one of two Gamma variables over their sum. With a small alpha both would often be 0 in float32.
    """
    if alpha == 0:
        return torch.ones(count, dtype=torch.float64)
    alphas = torch.full((2, count), alpha, dtype=torch.float64)
    first, second = torch._standard_gamma(alphas, generator=generator).unbind(0)
    return first / (first + second)


def _draw_boxes(shares: Tensor, generator: torch.Generator, *, height: int, width: int) -> Tensor:
    """Draw boxes [4, N] centred on any pixel, with an area of 1 - `shares` before the border cuts them."""
    limits = torch.tensor([[height], [width]])
    halves = (0.5 * (1 - shares).sqrt() * limits).to(torch.int64)
    rows = torch.randint(height, shares.shape, generator=generator)
    centers = torch.stack([rows, torch.randint(width, shares.shape, generator=generator)])
    return torch.cat([(centers - halves).clamp(min=0), torch.minimum(centers + halves, limits)])
