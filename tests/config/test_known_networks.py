"""Counts of networks that have a name of ours elsewhere, held against those networks, built."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape
from budgetnas.config.known_networks import count_elsewhere, definition, difference, is_mistakable
from budgetnas.config.models import find_model, shipped_models

IMAGENET = DataShape(height=224, width=224, classes=1000)


def built(model: nn.Module, shape: DataShape) -> tuple[int, int]:
    """Return the parameters and the MACs of a network of torch, as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        model.eval()(torch.empty(1, shape.channels, shape.height, shape.width, device="meta"))
    return sum(p.numel() for p in model.parameters()), counter.get_total_flops() // 2


@pytest.mark.parametrize("shape", [IMAGENET, DataShape(), DataShape(height=65, width=98, classes=7)])
@pytest.mark.parametrize("name", ["resnet18", "resnet34"])
def test_torchvisions_network_is_counted_as_torch_counts_it(name, shape):
    with torch.device("meta"):
        theirs = getattr(torchvision.models, name)(num_classes=shape.classes)
    model = find_model(name)
    cost = count_elsewhere(model.namesake, model.spec, shape)
    assert (cost.params, cost.macs) == built(theirs, shape)


def test_at_the_size_of_imagenet_the_names_differ_by_7_680_parameters_and_fifteen_times_the_macs():
    model = find_model("resnet18")
    here, there = count(model.spec, IMAGENET), count_elsewhere(model.namesake, model.spec, IMAGENET)
    assert (here.params, there.params) == (11_681_832, 11_689_512)
    assert round(here.macs / there.macs, 1) == 15.0
    told = difference(model.namesake, model.spec, IMAGENET)
    assert "7x7 stem of stride 2, 3x3 max-pooling of stride 2" in told
    assert told.endswith(": 11,689,512 parameters, 1.814 G MACs (3x224x224 images, 1,000 classes).")


class Padded(nn.Module):
    """A block of He et al. for CIFAR: where the channels change, the shortcut skips pixels and is padded with zeros."""

    def __init__(self, before, width):
        super().__init__()
        self.stride = 1 if before == width else 2
        self.body = nn.Sequential(
            nn.Conv2d(before, width, 3, self.stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width),
        )  # fmt: skip
        self.more = width - before

    def forward(self, x):
        shortcut = nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return torch.relu(self.body(x) + shortcut)


@pytest.mark.parametrize(("name", "params"), [("resnet20", 269_722), ("resnet56", 853_018), ("resnet110", 1_727_962)])
def test_the_network_of_he_et_al_is_counted_without_projections(name, params):
    model = find_model(name)
    (blocks, *_) = model.spec.blocks
    befores = [16] * blocks + [16] + [32] * blocks + [64] * (blocks - 1)
    widths = [16] * blocks + [32] * blocks + [64] * blocks
    with torch.device("meta"):
        theirs = nn.Sequential(
            nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            *(Padded(before, width) for before, width in zip(befores, widths, strict=True)),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
        )  # fmt: skip
    cost = count_elsewhere(model.namesake, model.spec, DataShape())
    assert (cost.params, cost.macs) == built(theirs, DataShape())
    assert cost.params == params


def test_a_network_without_a_namesake_has_nothing_to_tell():
    model = find_model("model5")
    assert definition(model.namesake) == difference(model.namesake, model.spec, DataShape()) == ""
    assert not is_mistakable(model.namesake, IMAGENET)


def test_what_may_be_mistaken_are_torchvisions_names_on_larger_images():
    mistakable = {
        model.name for model in shipped_models() if is_mistakable(model.namesake, DataShape(height=64, width=64))
    }
    assert mistakable == {"resnet18", "resnet34"}
    assert not is_mistakable("torchvision", DataShape(height=63, width=224))
