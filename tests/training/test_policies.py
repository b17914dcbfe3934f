from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.transforms import AutoAugment, AutoAugmentPolicy, InterpolationMode, RandomErasing, TrivialAugmentWide
from torchvision.transforms.autoaugment import _apply_op

from budgetnas.training.pixels import erase
from budgetnas.training.policies import (
    CIFAR10_SUB_POLICIES,
    OPERATIONS,
    SIGNED,
    TRIVIAL_OPERATIONS,
    Draws,
    apply,
    cifar10_auto_augment,
    draw_cutout_centers,
    draw_erasing_boxes,
    magnitudes,
    trivial_augment_wide,
)

NAMES = list(OPERATIONS)
AUTO = AutoAugment(AutoAugmentPolicy.CIFAR10)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_images(count: int, *, channels: int = 3, side: int = 32) -> Tensor:
    return torch.randint(256, (count, channels, side, side), generator=seeded(9), dtype=torch.uint8)


def one_by_one(draws: Draws, images: Tensor) -> Tensor:
    results = []
    for place, image in enumerate(images):
        result = image
        for operation, amount in zip(draws.operations[:, place], draws.amounts[:, place], strict=True):
            result = _apply_op(result, NAMES[operation], amount.item(), InterpolationMode.NEAREST, None)
        results.append(result)
    return torch.stack(results)


def test_sub_policies_are_those_of_torchvision():
    theirs = AUTO._get_policies(AutoAugmentPolicy.CIFAR10)
    assert tuple(tuple((name, p, place or 0) for name, p, place in pair) for pair in theirs) == CIFAR10_SUB_POLICIES


@pytest.mark.parametrize("size", [(32, 32), (28, 20)], ids=str)
def test_magnitudes_are_those_of_torchvision(size):
    move = (150 / 331 * size[0], 150 / 331 * size[1])
    narrow = magnitudes(10, shear=0.3, move=move, turn=30.0, blend=0.9, bits=4)
    wide = magnitudes(31, shear=0.99, move=(32.0, 32.0), turn=135.0, blend=0.99, bits=6)
    for table, space in [(narrow, AUTO._augmentation_space(10, size)), (wide, _wide_space())]:
        for name, (sizes, signed) in space.items():
            assert torch.equal(table[NAMES.index(name)], sizes.float().expand(table.shape[1])), name
            assert (name in SIGNED) == signed, name
    assert list(_wide_space()) == NAMES[:TRIVIAL_OPERATIONS]


def _wide_space() -> dict[str, tuple[Tensor, bool]]:
    return TrivialAugmentWide()._augmentation_space(31)


@pytest.mark.parametrize(("channels", "side"), [(3, 32), (1, 28)])
@pytest.mark.parametrize("policy", ["auto", "trivial"])
def test_a_batch_is_what_torchvision_makes_of_each_image(policy, channels, side):
    count, rows = 300, slice(17, 273)
    drawn = {
        "auto": cifar10_auto_augment(count, seeded(), height=side, width=side),
        "trivial": trivial_augment_wide(count, seeded()),
    }
    draws, images = drawn[policy], make_images(256, channels=channels, side=side)
    before = images.clone()
    result = apply(draws, images, rows)
    part = Draws(operations=draws.operations[:, rows], amounts=draws.amounts[:, rows])
    assert torch.equal(result, one_by_one(part, images))
    assert torch.equal(images, before)
    assert result.dtype == torch.uint8


def test_epochs_are_drawn_by_the_seed():
    for draw in (cifar10_auto_augment, trivial_augment_wide):
        first, again, other = draw(200, seeded(1)), draw(200, seeded(1)), draw(200, seeded(2))
        assert torch.equal(first.operations, again.operations)
        assert torch.equal(first.amounts, again.amounts)
        assert not torch.equal(first.amounts, other.amounts)


def test_auto_augment_draws_each_operation_as_often_as_its_sub_policies_do():
    count = 50_000
    draws = cifar10_auto_augment(count, seeded())
    for step in range(2):
        expected = torch.zeros(len(NAMES))
        for pair in CIFAR10_SUB_POLICIES:
            name, chance, _ = pair[step]
            expected[NAMES.index(name)] += chance / 25
        expected[0] = 1 - expected.sum()
        found = draws.operations[step].bincount(minlength=len(NAMES)) / count
        assert torch.allclose(found, expected, atol=0.01)
    moved = draws.amounts[draws.operations == NAMES.index("TranslateY")]
    assert (moved < 0).float().mean().item() == pytest.approx(0.5, abs=0.02)
    assert moved.abs().max().item() == pytest.approx(150 / 331 * 32)


def test_auto_augment_pairs_operations_as_listed():
    draws = cifar10_auto_augment(20_000, seeded())
    pairs = {tuple(pair) for pair in draws.operations.T.tolist() if 0 not in pair}
    assert pairs <= {(NAMES.index(one[0]), NAMES.index(two[0])) for one, two in CIFAR10_SUB_POLICIES}


def test_trivial_augment_draws_all_alike():
    count = 50_000
    draws = trivial_augment_wide(count, seeded())
    found = draws.operations[0].bincount(minlength=len(NAMES)) / count
    assert torch.allclose(found[:14], torch.tensor(1 / 14), atol=0.01)
    assert found[14] == 0
    shears = draws.amounts[draws.operations == NAMES.index("ShearX")]
    assert len(shears.unique()) == 61
    assert abs(shears.mean().item()) < 0.03
    thresholds = draws.amounts[draws.operations == NAMES.index("Solarize")]
    assert (thresholds.min().item(), thresholds.max().item()) == (0, 255)
    assert thresholds.mean().item() == pytest.approx(127.5, abs=5)


@pytest.mark.parametrize("channels", [1, 3])
def test_nothing_is_read_back_from_the_device(channels):
    # Tensors on "meta" have no values, so whatever asks for one of them fails.
    images = torch.empty(256, channels, 32, 32, dtype=torch.uint8, device="meta")
    for draws in (cifar10_auto_augment(256, seeded()), trivial_augment_wide(256, seeded())):
        assert apply(draws, images, slice(0, 256)).shape == images.shape


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
def test_a_gpu_gives_the_same_without_waiting():
    images = make_images(256)
    for draws in (cifar10_auto_augment(256, seeded()), trivial_augment_wide(256, seeded())):
        there = images.to("cuda")
        torch.cuda.set_sync_debug_mode("error")
        try:
            result = apply(draws, there, slice(0, 256))
        finally:
            torch.cuda.set_sync_debug_mode("default")
        apart = (result.cpu().int() - apply(draws, images, slice(0, 256)).int()).abs()
        # A mean on a GPU may end in another last bit, and where a value is cut to a byte that can make it one less.
        assert apart.max() <= 1
        assert (apart > 0).float().mean() < 1e-3


def test_centers_are_drawn_from_all_pixels():
    centers = draw_cutout_centers(5000, seeded(), height=8, width=5)
    assert centers.shape == (2, 5000)
    assert torch.allclose(centers[0].bincount(minlength=8) / 5000, torch.tensor(1 / 8), atol=0.02)
    assert torch.allclose(centers[1].bincount(minlength=5) / 5000, torch.tensor(1 / 5), atol=0.02)


def test_erasing_boxes_obey_the_law():
    boxes = draw_erasing_boxes(20_000, seeded(), height=32, width=32, probability=0.25)
    heights, widths = boxes[2] - boxes[0], boxes[3] - boxes[1]
    assert boxes.min() >= 0
    assert boxes.max() <= 32
    hit = heights > 0
    assert torch.equal(hit, widths > 0)
    assert hit.float().mean().item() == pytest.approx(0.25, abs=0.01)
    high, wide = heights[hit].double(), widths[hit].double()
    # Sides are rounded, each by at most half a pixel.
    assert ((high - 0.5) * (wide - 0.5) <= 0.33 * 1024).all()
    assert ((high + 0.5) * (wide + 0.5) >= 0.02 * 1024).all()
    assert ((high - 0.5) / (wide + 0.5) <= 3.3).all()
    assert ((high + 0.5) / (wide - 0.5) >= 0.3).all()


def test_erasing_boxes_are_spread_like_those_of_torchvision():
    torch.manual_seed(0)
    image = torch.zeros(1, 16, 24)
    theirs = torch.tensor([RandomErasing.get_params(image, (0.02, 0.33), (0.3, 3.3), [0.0])[:4] for _ in range(4000)])
    boxes = draw_erasing_boxes(20_000, seeded(), height=16, width=24, probability=1.0)
    ours = torch.stack([boxes[0], boxes[1], boxes[2] - boxes[0], boxes[3] - boxes[1]], 1)
    assert torch.allclose(ours.double().mean(0), theirs.double().mean(0), atol=0.25)
    assert torch.allclose(ours.double().std(0), theirs.double().std(0), atol=0.25)
    areas = (ours[:, 2] * ours[:, 3]).double().mean().item()
    assert areas == pytest.approx((theirs[:, 2] * theirs[:, 3]).double().mean().item(), rel=0.04)


def test_boxes_that_never_fit_erase_nothing():
    boxes = draw_erasing_boxes(100, seeded(), height=8, width=8, probability=1.0, scale=(2.0, 3.0), ratio=(1.0, 1.0))
    assert boxes.sum() == 0


def test_erasing_fills_the_boxes_drawn():
    images = torch.randn(64, 3, 32, 32, generator=seeded())
    boxes = draw_erasing_boxes(64, seeded(), height=32, width=32, probability=0.5)
    expected = images.clone()
    for image, (top, left, bottom, right) in zip(expected, boxes.T.tolist(), strict=True):
        image[:, top:bottom, left:right] = 0
    assert torch.equal(erase(images, boxes), expected)
