from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from budgetnas.training.mixing import MixingDraws, cutmix, draw_mixing, mix, mixup, soft_targets


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(count: int, *, mixup_alpha: float, cutmix_alpha: float, seed: int = 0) -> MixingDraws:
    return draw_mixing(count, seeded(seed), mixup_alpha=mixup_alpha, cutmix_alpha=cutmix_alpha, height=12, width=16)


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    images = torch.randn(20, 3, 12, 16, generator=seeded(5)).contiguous(memory_format=torch.channels_last)
    return images, torch.randint(7, (20,), generator=seeded(6))


def expected_targets(labels: Tensor, partners: Tensor, shares: Tensor) -> Tensor:
    targets = torch.zeros(len(labels), 7)
    for place, share in enumerate(shares.tolist()):
        targets[place, labels[place]] += share
        targets[place, labels[partners[place]]] += 1 - share
    return targets


def test_mixup_blends_each_image_with_its_partner(batch):
    images, labels = batch
    before = images.clone()
    draws = draw(50, mixup_alpha=0.4, cutmix_alpha=0.0)
    mixed, targets = mix(draws, images, labels, bounds=[(10, 30)], classes=7)
    partners, shares = draws.keys[10:30].argsort(), draws.mixup_shares[10:30]
    for place, share in enumerate(shares.tolist()):
        both = share * images[place] + (1 - share) * images[partners[place]]
        assert torch.allclose(mixed[place], both, atol=1e-6)
    assert torch.allclose(targets, expected_targets(labels, partners, shares), atol=1e-6)
    assert torch.allclose(targets.sum(1), torch.ones(20))
    assert torch.equal(images, before)
    assert mixed.is_contiguous(memory_format=torch.channels_last)


def test_cutmix_fills_each_box_from_the_partner(batch):
    images, labels = batch
    before = images.clone()
    draws = draw(50, mixup_alpha=0.0, cutmix_alpha=1.0)
    mixed, targets = mix(draws, images, labels, bounds=[(10, 30)], classes=7)
    partners, expected, kept = draws.keys[10:30].argsort(), images.clone(), []
    for place, (top, left, bottom, right) in enumerate(draws.boxes[:, 10:30].T.tolist()):
        expected[place, :, top:bottom, left:right] = images[partners[place], :, top:bottom, left:right]
        kept.append(1 - (bottom - top) * (right - left) / (12 * 16))
    assert torch.equal(mixed, expected)
    assert torch.allclose(targets, expected_targets(labels, partners, torch.tensor(kept)), atol=1e-6)
    assert torch.equal(images, before)
    assert mixed.is_contiguous(memory_format=torch.channels_last)


def test_mixup_with_one_share_is_that_of_torchvision(batch):
    images, labels = batch
    theirs = v2.MixUp(num_classes=7)
    params = {"lam": 0.3, "labels": labels, "batch_size": 20}
    previous = torch.arange(20).roll(1)
    assert torch.allclose(mixup(images, previous, torch.full((20,), 0.3)), theirs.transform(images, params), atol=1e-6)
    targets = soft_targets(labels, previous, torch.full((20,), 0.3), 7)
    assert torch.allclose(targets, theirs.transform(labels, params), atol=1e-6)


def test_cutmix_with_one_box_is_that_of_torchvision(batch):
    images, labels = batch
    params = {"box": (3, 2, 9, 11), "lam_adjusted": 0.5, "labels": labels, "batch_size": 20}
    boxes = torch.tensor([2, 3, 11, 9])[:, None].expand(4, 20)
    theirs = v2.CutMix(num_classes=7).transform(images, params)
    assert torch.equal(cutmix(images, torch.arange(20).roll(1), boxes), theirs)


def test_boxes_follow_the_law_of_torchvision():
    torch.manual_seed(0)
    theirs, image = v2.CutMix(alpha=1.0, num_classes=7), torch.zeros(1, 3, 12, 16)
    params = [theirs.make_params([image]) for _ in range(4000)]
    expected = torch.tensor([(*one["box"], one["lam_adjusted"]) for one in params], dtype=torch.float64)
    draws = draw(20_000, mixup_alpha=0.0, cutmix_alpha=1.0)
    ours = torch.stack([*draws.boxes[[1, 0, 3, 2]].double(), draws.cutmix_shares.double()], 1)
    spread = torch.tensor([0.3, 0.3, 0.3, 0.3, 0.02], dtype=torch.float64)
    assert ((ours.mean(0) - expected.mean(0)).abs() < spread).all()
    assert ((ours.std(0) - expected.std(0)).abs() < spread).all()
    sides = torch.stack([draws.boxes[2] - draws.boxes[0], draws.boxes[3] - draws.boxes[1]])
    assert sides.min() >= 0
    assert torch.allclose(draws.cutmix_shares, 1 - sides.prod(0) / (12 * 16))


@pytest.mark.parametrize("alpha", [0.1, 0.2, 1.0, 8.0])
def test_shares_are_beta_distributed(alpha):
    shares = draw(40_000, mixup_alpha=alpha, cutmix_alpha=0.0).mixup_shares
    assert shares.isfinite().all()
    assert shares.mean().item() == pytest.approx(0.5, abs=0.01)
    assert shares.std().item() == pytest.approx(math.sqrt(1 / (4 * (2 * alpha + 1))), rel=0.02)


def test_each_batch_does_one_of_the_two():
    both = draw(20_000, mixup_alpha=0.2, cutmix_alpha=1.0)
    assert both.cut.float().mean().item() == pytest.approx(0.5, abs=0.02)
    assert not draw(1000, mixup_alpha=0.2, cutmix_alpha=0.0).cut.any()
    assert draw(1000, mixup_alpha=0.0, cutmix_alpha=1.0).cut.all()


def test_partners_are_a_permutation_of_the_batch():
    draws = draw(100, mixup_alpha=1.0, cutmix_alpha=0.0)
    images = torch.arange(30.0).view(30, 1, 1, 1).expand(30, 1, 12, 16)
    mixed, _ = mix(draws, images, torch.zeros(30, dtype=torch.int64), bounds=[(70, 100)], classes=2)
    kept = draws.mixup_shares[70:]
    partners = (mixed[:, 0, 0, 0] - kept * torch.arange(30.0)) / (1 - kept)
    assert torch.allclose(partners.sort().values, torch.arange(30.0), atol=0.05)


def test_epochs_are_drawn_by_the_seed():
    first, again, other = (draw(50, mixup_alpha=0.3, cutmix_alpha=0.7, seed=seed) for seed in (1, 1, 2))
    for name in ("keys", "cut", "mixup_shares", "cutmix_shares", "boxes"):
        assert torch.equal(getattr(first, name), getattr(again, name))
        assert not torch.equal(getattr(first, name), getattr(other, name))


@pytest.mark.parametrize("alphas", [(1.0, 0.0), (0.0, 1.0)])
def test_nothing_is_read_back_from_the_device(alphas):
    # Tensors on "meta" have no values, so whatever asks for one of them fails.
    images = torch.empty(20, 3, 12, 16, device="meta")
    labels = torch.empty(20, dtype=torch.int64, device="meta")
    draws = draw(20, mixup_alpha=alphas[0], cutmix_alpha=alphas[1])
    mixed, targets = mix(draws, images, labels, bounds=[(0, 20)], classes=7)
    assert (mixed.shape, targets.shape) == (images.shape, (20, 7))


def test_there_must_be_something_to_mix():
    with pytest.raises(AssertionError, match="nothing to mix"):
        draw(5, mixup_alpha=0.0, cutmix_alpha=0.0)
