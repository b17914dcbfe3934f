"""A training step with each kind of block beside one with basic blocks, at equal MACs or params, on a CPU.

    python tests/benchmarks/block_speed.py [--base 2x64-2x128-2x256] [--batch 32] [--rounds 5] [--threads 1]
    python tests/benchmarks/block_speed.py --max-params 272474 --rounds 9 > studies/results/block_speed.txt

At equal MACs each kind has the stages of the base, and the width of stage 1 that comes nearest to the MACs of the base;
the other stages are wider by the same factors as in the base. At equal params `fit` scales networks of nine blocks to
the cap. Random images of 3x32x32, fp32 unless `--bf16` is given. Ratios are of CPU seconds, which say more than other
seconds on shared cores, per MAC or per image: medians over rounds, in each of which all are timed in turn.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from counting import processor

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.budget import Budget
from budgetnas.config.recipe import Recipe
from budgetnas.models.build import build_model
from budgetnas.space.widths import fit
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


FITTED = {
    "basic": "3x16-3x32-3x64",
    "bottleneck": "3x64m16-3x128m32-3x256m64",
    "bottleneck, 4 channels a group": "3x64m16g4-3x128m32g8-3x256m64g16",
    "bottleneck, depthwise": "3x64m16g16-3x128m32g32-3x256m64g64",
    "inverted": "3x16t6-3x32t6-3x64t6",
}


def fitted(text: str, cap: int) -> ResNetSpec:
    """Return a network scaled to a cap on params."""
    spec = ResNetSpec.from_id(text)
    assert spec is not None
    return fit(spec, SHAPE, Budget(max_params=cap))


def nearest(kind: Callable[[ResNetSpec, int], ResNetSpec], base: ResNetSpec) -> ResNetSpec:
    """Return the network of a kind whose MACs are nearest to those of the base."""
    target = count(base, SHAPE).macs
    return min((kind(base, size) for size in range(1, 65)), key=lambda spec: abs(count(spec, SHAPE).macs - target))


class Steps:
    """The training of a network on one batch of random images."""

    def __init__(self, spec: ResNetSpec, batch: int, *, bf16: bool) -> None:
        model = build_model(spec, SHAPE).to(memory_format=torch.channels_last)
        self._learner = Learner(model.train(), Recipe(), bf16=bf16)
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
    parser.add_argument("--max-params", type=int, help="compare at equal params")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bf16", action="store_true")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    if words.max_params:
        specs = {name: fitted(text, words.max_params) for name, text in FITTED.items()}
    else:
        base = ResNetSpec.from_id(words.base)
        assert base is not None
        specs = {"basic": base} | {name: nearest(kind, base) for name, kind in KINDS.items()}
    print(f"# python tests/benchmarks/block_speed.py {' '.join(sys.argv[1:])}".rstrip())
    how = f"{words.threads} thread{'s' * (words.threads > 1)}, {'bf16' if words.bf16 else 'fp32'}"
    machine = f"{processor()}, {os.cpu_count()} cores, torch {torch.__version__}"
    print(f"{machine}, {how}, batches of {words.batch}\n")
    trainings = {name: Steps(spec, words.batch, bf16=words.bf16) for name, spec in specs.items()}
    for training in trainings.values():
        training.seconds()
    rounds = [{name: training.seconds() for name, training in trainings.items()} for _ in range(words.rounds)]
    macs = count(specs["basic"], SHAPE).macs
    for name, spec in specs.items():
        total = count(spec, SHAPE)
        share = total.macs / macs
        ratios = sorted(one[name] / one["basic"] / (1 if words.max_params else share) for one in rounds)
        spread = f"{statistics.median(ratios):.2f} x basic ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        speed = words.batch / statistics.median(one[name] for one in rounds)
        per = f"{speed:,.0f} images/s, time per image" if words.max_params else "time per MAC"
        size = f"{total.params:,} params, {share:.2f} x MACs, {total.activations / 1e6:.2f}M activations"
        print(f"{name}: {spec.id}, {size}; {per} {spread}")


if __name__ == "__main__":
    main()
