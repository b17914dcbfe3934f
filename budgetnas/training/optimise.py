"""How weights move: the optimiser of a recipe, its learning rate, slow weights, running means."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from budgetnas.config.recipe import Recipe

FUSED = ("cpu", "cuda")  # devices whose optimiser updates all weights in one kernel


def make_optimizer(model: nn.Module, recipe: Recipe, *, lr: Tensor | None = None) -> torch.optim.SGD:
    """Return stochastic gradient descent over every parameter, as the recipe sets it, momentum at zero.

    Args:
        model: its parameters are moved.
        recipe: rate, momentum, weight decay.
        lr: the learning rate as a tensor that the caller changes in place; the recipe's unless given.
    """
    groups: list[dict[str, Any]] = [{"params": list(model.parameters())}]
    if not recipe.decay_norm_and_bias:
        groups = [
            {"params": [p for p in model.parameters() if p.ndim > 1]},
            {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
    optimizer = torch.optim.SGD(
        groups,
        lr=recipe.lr if lr is None else lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
        fused=next(model.parameters()).device.type in FUSED,
    )
    if recipe.momentum:
        for parameter in model.parameters():  # 0.9 * 0 + g is g: the first step is like all others
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


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
        self._fast: list[Tensor] = [parameter.detach() for parameter in parameters]
        self._every, self._pull = every, pull
        self.slow = [weight.clone() for weight in self._fast] if every else []

    def step(self, number: int) -> bool:
        """Take note of step `number`, from 1; return whether it moved the fast weights."""
        if not self._every or number % self._every:
            return False
        torch._foreach_lerp_(self.slow, self._fast, self._pull)
        torch._foreach_copy_(self._fast, self.slow)
        return True

    def restart(self) -> None:
        """Put the slow weights where the fast ones are."""
        if self._every:
            torch._foreach_copy_(self.slow, self._fast)


class RunningMean:
    """The exponential running mean of weights and batch-norm statistics, updated without a wait for the device.

    The arithmetic is that of `torch.optim.swa_utils.AveragedModel` with `get_ema_multi_avg_fn`.

    Args:
        model: in training.
        decay: per step, in (0, 1).

    Attributes:
        model: a network that holds the mean; its count of batches is that of the model in training.
        updates: how many went into it.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay, self.updates = decay, 0
        self.model = copy.deepcopy(model).requires_grad_(False)
        self._source, self._mean = _averaged(model), _averaged(self.model)
        self._counts = [(b, a) for a, b in zip(model.buffers(), self.model.buffers(), strict=True) if _counts(a)]

    def update(self) -> None:
        """Take in the weights after a step; the first ones are the mean."""
        if self.updates:
            torch._foreach_lerp_(self._mean, self._source, 1 - self._decay)
        else:
            torch._foreach_copy_(self._mean, self._source)
        self.updates += 1

    def count(self) -> None:
        """Take over how many batches the norms have seen."""
        for mine, theirs in self._counts:
            mine.copy_(theirs)

    def state_dict(self) -> dict[str, Any]:
        """Return the state as `AveragedModel` names it."""
        state = {f"module.{name}": value for name, value in self.model.state_dict().items()}
        return {"n_averaged": torch.tensor(self.updates), **state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a state, also one of `AveragedModel`."""
        self.updates = int(state["n_averaged"])
        self.model.load_state_dict(
            {name.removeprefix("module."): value for name, value in state.items() if name != "n_averaged"}
        )


def make_average(model: nn.Module, recipe: Recipe) -> RunningMean | None:
    """Return the running mean that the recipe wants, None if it wants none."""
    return RunningMean(model, recipe.ema) if recipe.ema else None


def _averaged(model: nn.Module) -> list[Tensor]:
    return [value.detach() for value in (*model.parameters(), *model.buffers()) if not _counts(value)]


def _counts(value: Tensor) -> bool:
    return not value.is_floating_point()
