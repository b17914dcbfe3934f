"""A training step with each kind of block beside one with basic blocks, at equal MACs, on a CPU.

    python tests/benchmarks/block_speed.py [--base 2x64-2x128-2x256] [--batch 32] [--rounds 5] [--threads 1]

Each kind has the stages of the base, and the width of stage 1 that comes nearest to the MACs of the base; the other
stages are wider by the same factors as in the base. Random images of 3x32x32, fp32. Ratios are of CPU seconds per MAC,
which say more than other seconds on shared cores: medians over rounds, in each of which all are timed in turn.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from counting import processor

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.config.recipe import Recipe
from budgetnas.models.build import build_model
from budgetnas.training.learner import Learner

SHAPE = DataShape()


def squeezed(base: ResNetSpec, size: int) -> ResNetSpec:
    """Return a network of basic blocks with squeeze-excitation."""
    return ResNetSpec(blocks=base.blocks, widths=scaled(base, 4 * size), squeeze=16)


def bottleneck(base: ResNetSpec, size: int, *, per_group: int | None = None) -> ResNetSpec:
    """Return a network of bottlenecks, a quarter as wide inside, whose groups have so many channels; None for one."""
    mids = scaled(base, size * (per_group or 4))
    groups = () if per_group is None else tuple(mid // per_group for mid in mids)
    return ResNetSpec(blocks=base.blocks, widths=tuple(4 * mid for mid in mids), kind="bottleneck", groups=groups)


def inverted(base: ResNetSpec, size: int) -> ResNetSpec:
    """Return a network of inverted blocks, 6 times as wide inside."""
    return ResNetSpec(blocks=base.blocks, widths=scaled(base, 4 * size), kind="inverted")


def scaled(base: ResNetSpec, first: int) -> tuple[int, ...]:
    """Return widths in the proportions of the base."""
    return tuple(first * width // base.widths[0] for width in base.widths)


KINDS: dict[str, Callable[[ResNetSpec, int], ResNetSpec]] = {
    "basic, squeeze-excitation": squeezed,
    "bottleneck": bottleneck,
    "bottleneck, 16 channels a group": partial(bottleneck, per_group=16),
    "bottleneck, 4 channels a group": partial(bottleneck, per_group=4),
    "inverted": inverted,
}


def nearest(kind: Callable[[ResNetSpec, int], ResNetSpec], base: ResNetSpec) -> ResNetSpec:
    """Return the network of a kind whose MACs are nearest to those of the base."""
    target = count(base, SHAPE).macs
    return min((kind(base, size) for size in range(1, 65)), key=lambda spec: abs(count(spec, SHAPE).macs - target))


class Steps:
    """The training of a network on one batch of random images."""

    def __init__(self, spec: ResNetSpec, batch: int) -> None:
        model = build_model(spec, SHAPE).to(memory_format=torch.channels_last)
        self._learner = Learner(model.train(), Recipe(), bf16=False)
        self._images = torch.randn(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
        self._labels = torch.arange(batch) % SHAPE.classes

    def seconds(self) -> float:
        """Train one step; return its CPU seconds."""
        began = time.process_time()
        self._learner.step(self._images, self._labels, self._labels, lr=0.01, number=1)
        return time.process_time() - began


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", default="2x64-2x128-2x256")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    base = ResNetSpec.from_id(words.base)
    assert base is not None
    specs = {"basic": base} | {name: nearest(kind, base) for name, kind in KINDS.items()}
    print(f"{processor()}, {os.cpu_count()} cores, torch {torch.__version__}, {words.threads} threads, fp32")
    trainings = {name: Steps(spec, words.batch) for name, spec in specs.items()}
    for training in trainings.values():
        training.seconds()
    rounds = [{name: training.seconds() for name, training in trainings.items()} for _ in range(words.rounds)]
    macs = count(base, SHAPE).macs
    for name, spec in specs.items():
        total = count(spec, SHAPE)
        share = total.macs / macs
        ratios = sorted(one[name] / one["basic"] / share for one in rounds)
        print(
            f"{name}: {spec.id}, {share:.2f} x MACs, {total.activations / 1e6:.2f}M activations; per MAC "
            f"{statistics.median(ratios):.2f} x basic ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
