"""How weights move: the optimiser of a recipe, its learning rate, slow weights, running means."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from budgetnas.config.recipe import Recipe


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """Return stochastic gradient descent over every parameter, as the recipe sets it."""
    groups: list[dict[str, Any]] = [{"params": list(model.parameters())}]
    if not recipe.decay_norm_and_bias:
        groups = [
            {"params": [p for p in model.parameters() if p.ndim > 1]},
            {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
    return torch.optim.SGD(
        groups,
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
    )


def lr_factor(recipe: Recipe, period: int, steps_per_epoch: int) -> Callable[[int], float]:
    """Return the share of the highest learning rate that step number `step` (from 0) uses.

    Args:
        recipe: its schedule, warm-up, and whether the rate changes by step or by epoch.
        period: epochs after which the rate is 0. A cosine rises again after them, as `CosineAnnealingLR` does.
        steps_per_epoch: batches of an epoch.
    """
    steps = 1 if recipe.step == "epoch" else steps_per_epoch  # in which the rate changes, per epoch
    total = period * steps
    warm = min(round(recipe.warmup * total), total - 1)

    def factor(step: int) -> float:
        step = step * steps // steps_per_epoch
        if step < warm:
            return (step + 1) / warm
        done = (step - warm) / (total - warm)
        return max(0.0, 1 - done) if recipe.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2

    return factor


class Lookahead:
    """Slow weights that go part of the way to the fast ones every few steps, and take them along.

    Zhang, Lucas, Hinton and Ba, "Lookahead optimizer: k steps forward, 1 step back" (arXiv:1907.08610).

    Args:
        parameters: the fast weights, changed in place.
        every: steps between two pulls; 0 for never.
        pull: share of the way, in (0, 1].
    """

    def __init__(self, parameters: list[nn.Parameter], *, every: int, pull: float) -> None:
        self._fast, self._every, self._pull = parameters, every, pull
        self.slow = [parameter.detach().clone() for parameter in parameters] if every else []

    @torch.no_grad()
    def step(self, number: int) -> None:
        """Take note of step `number`, from 1."""
        if self._every and number % self._every == 0:
            fast: list[Tensor] = [parameter.detach() for parameter in self._fast]
            torch._foreach_lerp_(self.slow, fast, self._pull)
            torch._foreach_copy_(fast, self.slow)


def make_average(model: nn.Module, recipe: Recipe) -> AveragedModel | None:
    """Return the running mean of weights and batch-norm statistics that the recipe wants, None if it wants none."""
    if not recipe.ema:
        return None
    average = get_ema_multi_avg_fn(recipe.ema)  # type: ignore[no-untyped-call]
    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)
