"""Augmentation policies: an epoch's random operations, drawn on the CPU before it starts, so alike on every device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from budgetnas.training import pixels

Operation = Callable[[Tensor, Tensor], Tensor]

# torchvision's names; an operation's id is its index. The first 14 are TrivialAugment's.
OPERATIONS: dict[str, Operation] = {
    "Identity": lambda images, _: images,
    "ShearX": pixels.shear_x,
    "ShearY": pixels.shear_y,
    "TranslateX": pixels.translate_x,
    "TranslateY": pixels.translate_y,
    "Rotate": pixels.rotate,
    "Brightness": pixels.brightness,
    "Color": pixels.color,
    "Contrast": pixels.contrast,
    "Sharpness": pixels.sharpness,
    "Posterize": pixels.posterize,
    "Solarize": pixels.solarize,
    "AutoContrast": lambda images, _: pixels.autocontrast(images),
    "Equalize": lambda images, _: pixels.equalize(images),
    "Invert": lambda images, _: pixels.invert(images),
}
SIGNED = frozenset(
    ["ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast", "Sharpness"]
)
TRIVIAL_OPERATIONS = 14

# Sub-policies found on CIFAR-10 (Cubuk et al. 2019, https://arxiv.org/abs/1805.09501), as in torchvision: twice an
# operation, its probability, and the bin of its magnitude (of ten; 0 for an operation without one).
CIFAR10_SUB_POLICIES: tuple[tuple[tuple[str, float, int], tuple[str, float, int]], ...] = (
    (("Invert", 0.1, 0), ("Contrast", 0.2, 6)),
    (("Rotate", 0.7, 2), ("TranslateX", 0.3, 9)),
    (("Sharpness", 0.8, 1), ("Sharpness", 0.9, 3)),
    (("ShearY", 0.5, 8), ("TranslateY", 0.7, 9)),
    (("AutoContrast", 0.5, 0), ("Equalize", 0.9, 0)),
    (("ShearY", 0.2, 7), ("Posterize", 0.3, 7)),
    (("Color", 0.4, 3), ("Brightness", 0.6, 7)),
    (("Sharpness", 0.3, 9), ("Brightness", 0.7, 9)),
    (("Equalize", 0.6, 0), ("Equalize", 0.5, 0)),
    (("Contrast", 0.6, 7), ("Sharpness", 0.6, 5)),
    (("Color", 0.7, 7), ("TranslateX", 0.5, 8)),
    (("Equalize", 0.3, 0), ("AutoContrast", 0.4, 0)),
    (("TranslateY", 0.4, 3), ("Sharpness", 0.2, 6)),
    (("Brightness", 0.9, 6), ("Color", 0.2, 8)),
    (("Solarize", 0.5, 2), ("Invert", 0.0, 0)),
    (("Equalize", 0.2, 0), ("AutoContrast", 0.6, 0)),
    (("Equalize", 0.2, 0), ("Equalize", 0.6, 0)),
    (("Color", 0.9, 9), ("Equalize", 0.6, 0)),
    (("AutoContrast", 0.8, 0), ("Solarize", 0.2, 8)),
    (("Brightness", 0.1, 3), ("Color", 0.7, 0)),
    (("Solarize", 0.4, 5), ("AutoContrast", 0.9, 0)),
    (("TranslateY", 0.9, 9), ("TranslateY", 0.7, 9)),
    (("AutoContrast", 0.9, 0), ("Solarize", 0.8, 3)),
    (("Equalize", 0.8, 0), ("Invert", 0.1, 0)),
    (("TranslateY", 0.7, 9), ("AutoContrast", 0.9, 0)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Draws:
    """The operations of one epoch, on the CPU, applied one after the other.

    Attributes:
        operations: [steps, images] int64, indices into `OPERATIONS`.
        amounts: [steps, images] float32, signed, in each operation's own unit.
    """

    operations: Tensor
    amounts: Tensor


def cifar10_auto_augment(count: int, generator: torch.Generator, *, height: int = 32, width: int = 32) -> Draws:
    """Draw AutoAugment's policy for CIFAR-10: for each of `count` images one of 25 pairs of operations.

    Each operation has its own probability and a random sign. The distribution is that of
    `torchvision.transforms.AutoAugment(AutoAugmentPolicy.CIFAR10)`.

    Args:
        count: images in the epoch.
        generator: CPU source of random numbers.
        height: height of the images in pixels; a translation is at most 150/331 of it.
        width: width of the images in pixels; a translation is at most 150/331 of it.
    """
    ids, chances, bins = _cifar10_table()
    policies = torch.randint(len(ids), (count,), generator=generator)
    done = torch.rand((2, count), generator=generator) <= chances[policies].T
    negative = torch.randint(2, (2, count), generator=generator) == 0
    operations = ids[policies].T * done
    table = magnitudes(10, shear=0.3, move=(150 / 331 * height, 150 / 331 * width), turn=30.0, blend=0.9, bits=4)
    return Draws(operations=operations, amounts=_signed(table[operations, bins[policies].T], operations, negative))


def trivial_augment_wide(count: int, generator: torch.Generator) -> Draws:
    """Draw TrivialAugment's wide policy: for each of `count` images one of 14 operations and one of 31 magnitudes.

    The distribution is that of `torchvision.transforms.TrivialAugmentWide` (Mueller and Hutter 2021,
    https://arxiv.org/abs/2103.10158). `generator` is on the CPU. A translation is at most 32 pixels, at any image size.
    """
    operations = torch.randint(TRIVIAL_OPERATIONS, (1, count), generator=generator)
    bins = torch.randint(31, (1, count), generator=generator)
    negative = torch.randint(2, (1, count), generator=generator) == 1
    table = magnitudes(31, shear=0.99, move=(32.0, 32.0), turn=135.0, blend=0.99, bits=6)
    return Draws(operations=operations, amounts=_signed(table[operations, bins], operations, negative))


def apply(draws: Draws, images: Tensor, rows: slice) -> Tensor:
    """Return images `rows` of the epoch, [N, C, H, W] uint8 on any device, transformed as drawn.

    Images are grouped by operation on the CPU, so that nothing is read back from the device.
    """
    for operations, amounts in zip(draws.operations[:, rows], draws.amounts[:, rows], strict=True):
        order = operations.argsort(stable=True)
        sizes = operations.bincount(minlength=len(OPERATIONS)).tolist()
        place = order.to(images.device, non_blocking=True)
        groups = zip(
            OPERATIONS.values(), torch.split(images[place], sizes), torch.split(amounts[order], sizes), strict=True
        )
        done = torch.cat([operation(group, amount) for operation, group, amount in groups if len(group)])
        images = torch.empty_like(done).index_copy_(0, place, done)
    return images


def draw_cutout_centers(count: int, generator: torch.Generator, *, height: int, width: int) -> Tensor:
    """Draw the centre of every image's cutout square, [2, count] rows and columns, uniform over the pixels."""
    rows = torch.randint(height, (count,), generator=generator)
    return torch.stack([rows, torch.randint(width, (count,), generator=generator)])


def draw_erasing_boxes(
    count: int,
    generator: torch.Generator,
    *,
    height: int,
    width: int,
    probability: float,
    scale: tuple[float, float] = (0.02, 0.33),
    ratio: tuple[float, float] = (0.3, 3.3),
) -> Tensor:
    """Draw a box to erase from every image, [4, count] top, left, bottom, right; empty where nothing is erased.

    The distribution is that of `torchvision.transforms.RandomErasing`: the first of ten tries that fits, or none.

    Args:
        count: images in the epoch.
        generator: CPU source of random numbers.
        height: height of the images in pixels.
        width: width of the images in pixels.
        probability: share of images that get a box, in [0, 1].
        scale: range of the box's share of the image, uniform.
        ratio: range of its height over its width, log-uniform.
    """
    tries, corners = _uniform((2, 10, count), generator), _uniform((2, count), generator)
    area = height * width * (scale[0] + (scale[1] - scale[0]) * tries[0])
    low, high = torch.tensor(ratio, dtype=torch.float64).log()
    aspect = torch.exp(low + (high - low) * tries[1])
    sides = torch.stack([(area * aspect).sqrt(), (area / aspect).sqrt()]).round().to(torch.int64)
    limits = torch.tensor([[height], [width]])
    fits = (sides < limits[:, None]).all(0)
    erased = fits.any(0) & (_uniform((count,), generator) < probability)
    first = fits.to(torch.uint8).argmax(0).expand(2, 1, count)
    chosen = sides.gather(1, first)[:, 0] * erased
    top_left = (corners * (limits - chosen + 1)).to(torch.int64) * erased
    return torch.cat([top_left, top_left + chosen])


def magnitudes(bins: int, *, shear: float, move: tuple[float, float], turn: float, blend: float, bits: int) -> Tensor:
    """Return the magnitudes [operations, bins] float32 of every operation, from none to its largest.

    Args:
        bins: number of bins, at least 2.
        shear: largest shear in pixels per row or column.
        move: largest translation in pixels, down and to the right.
        turn: largest rotation in degrees.
        blend: largest change of brightness, color, contrast and sharpness.
        bits: largest number of the 8 bits that posterizing removes.
    """
    table = torch.zeros(len(OPERATIONS), bins)
    most = {"ShearX": shear, "ShearY": shear, "TranslateX": move[1], "TranslateY": move[0], "Rotate": turn}
    most |= dict.fromkeys(["Brightness", "Color", "Contrast", "Sharpness"], blend)
    for place, name in enumerate(OPERATIONS):
        table[place] = torch.linspace(0.0, most.get(name, 0.0), bins)
    names = list(OPERATIONS)
    table[names.index("Solarize")] = torch.linspace(255.0, 0.0, bins)
    table[names.index("Posterize")] = 8 - (torch.arange(bins) / ((bins - 1) / bits)).round()
    return table


def _cifar10_table() -> tuple[Tensor, Tensor, Tensor]:
    """Return ids, probabilities and bins of the sub-policies, each [25, 2]."""
    names = list(OPERATIONS)
    ids = torch.tensor([[names.index(name) for name, _, _ in pair] for pair in CIFAR10_SUB_POLICIES])
    chances = torch.tensor([[chance for _, chance, _ in pair] for pair in CIFAR10_SUB_POLICIES])
    return ids, chances, torch.tensor([[place for _, _, place in pair] for pair in CIFAR10_SUB_POLICIES])


def _signed(amounts: Tensor, operations: Tensor, negative: Tensor) -> Tensor:
    two_sided = torch.tensor([name in SIGNED for name in OPERATIONS])
    return torch.where(two_sided[operations] & negative, -amounts, amounts)


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw from [0, 1) in float64: times a side plus one, it stays below the side plus one."""
    return torch.rand(shape, generator=generator, dtype=torch.float64)
