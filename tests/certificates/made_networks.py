"""Networks of any shape with weights that look trained, and certificates of them."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import torch

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.budget import Budget
from budgetnas.certificates.certificate import CertifiedNetwork
from budgetnas.config.recipe import Recipe
from budgetnas.config.sections import DataConfig
from budgetnas.models.build import build_model, pack

PROVENANCE = {
    "command": "budgetnas search --name 'a&b' ```<script>",
    "started": "2026-01-01T00:00:00+00:00",
    "hardware": {"device": "cpu", "processor": "a processor"},
    "versions": {"torch": "2"},
    "git_commit": None,
}


def random_nets(number, *, stages=6, seed=0):
    """Draw (spec, shape): odd widths, few and many stages, grey and colour, 10 and 100 classes, sides down to 1."""
    rng = random.Random(seed)
    for i in range(number):
        depth = 1 + i % stages
        widths = tuple(rng.randrange(1, 24) for _ in range(depth))
        blocks = tuple(rng.randrange(1, 4) for _ in range(depth))
        stem = rng.choice([0, rng.randrange(1, 24)])
        side = rng.choice([8, 9, 15, 32])
        shape = DataShape(
            channels=rng.choice([1, 3]), height=side, width=rng.choice([side, side + 1]), classes=rng.choice([10, 100])
        )
        yield ResNetSpec(blocks=blocks, widths=widths, stem_width=stem), shape


def trained(spec, shape, seed=0):
    """Build a network whose statistics and scales are those of no fresh one; in evaluation mode."""
    torch.manual_seed(seed)
    model = build_model(spec, shape)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1:
                parameter.uniform_(0.5, 1.5) if name.endswith("weight") else parameter.uniform_(-0.5, 0.5)
        for _ in range(3):
            model(2 * torch.randn(16, shape.channels, shape.height, shape.width))
    return model.eval()


def images(shape, number=5, seed=1):
    size = (number, shape.channels, shape.height, shape.width)
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


def made(spec=None, shape=None, **changes):
    spec = spec or ResNetSpec(blocks=(1, 2), widths=(7, 11))
    shape = shape or DataShape(channels=3, height=9, width=9, classes=4)
    results = {
        "this_network": {
            "trial": 3, "lineage": ["r3/3"], "seed": 5, "epochs": 2, "validation_accuracy": 0.5,
            "validation_images": 10, "loss": 1.0, "test_correct": 6, "test_images": 12,
            "of": "the weights after the last epoch",
        },
        "repeats": {
            "seeds": [5, 6], "validation_accuracies": [0.5, 0.4], "validation_mean": 0.45, "validation_sd": 0.07,
            "test_accuracies": [0.5, 0.5], "test_mean": 0.5, "test_sd": 0.0,
        },
        "chosen": {"is_winner": True, "among": 2, "by": "validation", "networks_trained": 9, "test_looks": 4},
        "remarks": ["Not tested."],
    }  # fmt: skip
    net = CertifiedNetwork(
        spec=spec,
        shape=shape,
        classes=tuple(f"class {i}" for i in range(shape.classes)),
        dataset="own",
        fingerprint="0" * 64,
        source=DataConfig(dataset="own.npz"),
        notice="",
        mean=(120.0, 110.5, 100.25)[: shape.channels],
        std=(60.0, 55.5, 50.25)[: shape.channels],
        weights=pack(trained(spec, shape)),
        recipe=Recipe(epochs=2, description='a "quoted" word and ö'),
        budget=Budget(max_params=10_000_000),
        results=results,
        provenance=PROVENANCE,
    )
    return replace(net, **changes)
