from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.autoaugment import AutoAugment, AutoAugmentPolicy, TrivialAugmentWide, _apply_op

from budgetnas.training.pixels import cutout, equalize, erase, inside, shear_x, translate_y
from budgetnas.training.policies import OPERATIONS, SIGNED

SHAPES = [(3, 32, 32), (1, 32, 32), (1, 28, 28), (3, 20, 33)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_images(count: int, shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    """Noise, noise of few values, gradients with noise, and images of one value, in turn."""
    noise = torch.randint(256, (count, *shape), generator=generator)
    ramp = torch.linspace(0, 200, shape[2]).long().expand(count, *shape) + noise // 16
    kinds = torch.stack([noise, 90 + noise // 32, ramp, noise[:, :, :1, :1].expand_as(noise)])
    return kinds[torch.arange(count) % 4, torch.arange(count)].to(torch.uint8)


def one_by_one(name: str, images: Tensor, amounts: Tensor) -> Tensor:
    nearest = InterpolationMode.NEAREST
    pairs = zip(images, amounts.tolist(), strict=True)
    return torch.stack([_apply_op(image, name, amount, interpolation=nearest, fill=None) for image, amount in pairs])


def policy_amounts(name: str, shape: tuple[int, int, int]) -> Tensor:
    """Every magnitude that one of torchvision's two policies may draw."""
    wide = TrivialAugmentWide()._augmentation_space(31).get(name, (torch.zeros(1),))[0]
    space = AutoAugment(AutoAugmentPolicy.CIFAR10)._augmentation_space(10, shape[1:])
    narrow = space.get(name, (torch.zeros(1),))[0]
    sizes = torch.cat([wide.float().view(-1), narrow.float().view(-1)])
    return torch.cat([sizes, -sizes]) if name in SIGNED else sizes


def random_amounts(name: str, generator: torch.Generator) -> Tensor:
    drawn = torch.rand(24, generator=generator)
    if name not in SIGNED:
        return (drawn * 9).floor() if name == "Posterize" else drawn * 255
    most = {"TranslateX": 40.0, "TranslateY": 40.0, "Rotate": 180.0}.get(name, 1.0)
    return (2 * drawn - 1) * most


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_image_is_what_torchvision_makes_of_it(name, shape):
    generator = seeded(len(name))
    amounts = torch.cat([policy_amounts(name, shape), random_amounts(name, generator)])
    images = make_images(len(amounts), shape, generator)
    before = images.clone()
    assert torch.equal(OPERATIONS[name](images, amounts), one_by_one(name, images, amounts))
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", OPERATIONS)
def test_images_of_channels_last_give_the_same(name):
    generator = seeded(1)
    amounts = random_amounts(name, generator)
    images = make_images(len(amounts), (3, 32, 32), generator)
    last = images.contiguous(memory_format=torch.channels_last)
    assert torch.equal(OPERATIONS[name](last, amounts), OPERATIONS[name](images, amounts))


@pytest.mark.parametrize("name", ["Sharpness", "Equalize"])
def test_images_too_small_for_it_stay(name):
    images = make_images(4, (3, 2, 5), seeded())
    assert torch.equal(OPERATIONS[name](images, torch.ones(4)), images)


def test_operations_do_what_they_say():
    images = torch.arange(1, 10, dtype=torch.uint8).view(1, 1, 3, 3)
    down = translate_y(images, torch.tensor([1.9]))
    assert down.flatten().tolist() == [0, 0, 0, 1, 2, 3, 4, 5, 6]
    sheared = shear_x(images, torch.tensor([1.0]))
    assert sheared[0, 0, 0].tolist() in ([1, 2, 3], [2, 3, 0])
    halves = torch.tensor([10, 20], dtype=torch.uint8).repeat(512).view(1, 1, 32, 32)
    assert equalize(halves).unique().tolist() == [0, 255]


@pytest.mark.parametrize("side", [1, 4, 5, 40])
def test_a_square_is_cut_out_and_clipped(side):
    images = torch.randn(40, 3, 12, 9, generator=seeded())
    centers = torch.stack([torch.arange(40) % 12, torch.arange(40) % 9])
    expected = images.clone()
    for image, (row, column) in zip(expected, centers.T.tolist(), strict=True):
        top, left = row - side // 2, column - side // 2
        image[:, max(top, 0) : top + side, max(left, 0) : left + side] = 0
    assert torch.equal(cutout(images, centers, side), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_boxes_are_erased_in_place_of_nothing_else(dtype):
    images = torch.randn(30, 3, 10, 14, generator=seeded()).to(dtype, memory_format=torch.channels_last)
    before = images.clone()
    low, high = torch.sort(torch.randint(11, (2, 2, 30), generator=seeded(1)), dim=0).values
    boxes = torch.cat([low, high])
    expected = images.clone()
    for image, (top, left, bottom, right) in zip(expected, boxes.T.tolist(), strict=True):
        image[:, top:bottom, left:right] = 0
    erased = erase(images, boxes)
    assert torch.equal(erased, expected)
    assert torch.equal(images, before)
    assert erased.dtype == dtype
    assert erased.is_contiguous(memory_format=torch.channels_last)


def test_squares_and_boxes_need_nothing_back_from_the_device():
    # Tensors on "meta" have no values, so whatever asks for one of them fails.
    images = torch.empty(4, 3, 8, 8, device="meta")
    assert cutout(images, torch.ones(2, 4, dtype=torch.int64), 4).shape == images.shape
    assert erase(images, torch.ones(4, 4, dtype=torch.int64)).shape == images.shape


def test_inside_is_true_in_the_box():
    boxes = torch.tensor([[1, 3], [-2, 0], [3, 3], [2, 9]])
    assert inside(boxes, torch.zeros(2, 1, 4, 4)).sum((1, 2)).tolist() == [4, 0]
