"""Counts that must never change: `pytest tests/arch/test_golden.py --rewrite-goldens` writes them anew."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.config.models import SHIPPED, load_models
from budgetnas.config.toml import shipped

GOLDEN = Path(__file__).parent / "golden" / "counts.json"


def networks() -> list[tuple[ResNetSpec, DataShape]]:
    """All shipped networks on CIFAR-10, and 50 others of every kind."""
    found = [(model.spec, DataShape()) for name in SHIPPED for model in load_models(shipped(f"{name}.toml"))]
    rng = np.random.default_rng(20)
    for _ in range(50):
        stages = int(rng.integers(1, 7))
        spec = ResNetSpec(
            blocks=tuple(rng.integers(1, 9, stages).tolist()),
            widths=tuple(rng.integers(1, 513, stages).tolist()),
            stem_width=int(rng.choice([0, 0, *rng.integers(1, 129, 2)])),
        )
        shape = DataShape(
            channels=int(rng.choice([1, 3, 4])),
            height=int(rng.integers(1, 97)),
            width=int(rng.integers(1, 97)),
            classes=int(rng.choice([2, 10, 100, 1000])),
        )
        found.append((spec, shape))
    return found


def counts() -> dict[str, list[int]]:
    result = {}
    for spec, shape in networks():
        cost = count(spec, shape)
        name = f"{spec.id} on {shape.channels}x{shape.height}x{shape.width} to {shape.classes}"
        result[name] = [cost.params, cost.macs, cost.activations]
    return result


def test_counts_are_the_golden_ones(request: pytest.FixtureRequest):
    if request.config.getoption("--rewrite-goldens"):
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(cost)}" for name, cost in counts().items())
        GOLDEN.write_text(f"{{\n{lines}\n}}\n")
    assert counts() == json.loads(GOLDEN.read_text())
