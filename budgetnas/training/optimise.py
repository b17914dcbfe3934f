"""The update of weights: a recipe's optimiser, learning rate, slow weights and running mean."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from budgetnas.config.recipe import Recipe

FUSED = ("cpu", "cuda")  # devices whose optimiser updates all weights in one kernel


class Descent:
    """Stochastic gradient descent over every parameter of a model, as a recipe sets it.

    PyTorch's fused update copies tensors that are not contiguous. So it gets the weights of convolutions, which are
    channels last, as views [O, H, W, I].

    Args:
        model: the model whose parameters are updated.
        recipe: momentum and weight decay.
        lr: the learning rate, which the caller changes in place.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, *, lr: Tensor) -> None:
        self._masters = list(model.parameters())
        self._views = [_as_it_lies(parameter.detach(), parameter) for parameter in self._masters]
        self._optimizer = make_optimizer(self._views, recipe, lr=lr)
        self._buffers = dict[int, Tensor]()

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Update the parameters by their gradients, which may have another dtype or memory format."""
        targets, sources = list[Tensor](), list[Tensor]()
        for place, (master, view, gradient) in enumerate(zip(self._masters, self._views, gradients, strict=True)):
            is_laid_out = gradient.stride() == master.stride()
            laid_out = _as_it_lies(gradient, master)
            if is_laid_out and gradient.dtype == master.dtype:
                view.grad = laid_out
                continue
            if place not in self._buffers:
                self._buffers[place] = torch.zeros_like(view)
            view.grad = self._buffers[place]
            if is_laid_out:
                targets.append(view.grad)
                sources.append(laid_out)
            else:  # in the list it would cause all others to be copied one by one
                view.grad.copy_(laid_out)
        if targets:
            torch._foreach_copy_(targets, sources)
        self._optimizer.step()

    def restart(self) -> None:
        """Reset the momentum."""
        for momentum in self.momenta():
            momentum.zero_()

    def momenta(self) -> list[Tensor]:
        """Return the momenta in the shapes of their parameters and in the order of the optimiser's groups."""
        shapes = {id(view): master for view, master in zip(self._views, self._masters, strict=True)}
        ordered = (view for group in self._optimizer.param_groups for view in group["params"])
        states = [(self._optimizer.state[view], shapes[id(view)]) for view in ordered]
        return [_as_named(state["momentum_buffer"], master) for state, master in states if state]

    def state_dict(self) -> dict[str, Any]:
        """Return the state as `torch.optim.SGD` names it."""
        return {"state": {place: {"momentum_buffer": one} for place, one in enumerate(self.momenta())}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state, also one of `torch.optim.SGD`."""
        for place, momentum in enumerate(self.momenta()):
            momentum.copy_(state["state"][place]["momentum_buffer"])


def make_optimizer(parameters: Sequence[Tensor], recipe: Recipe, *, lr: Tensor | None = None) -> torch.optim.SGD:
    """Return stochastic gradient descent as the recipe sets it, momentum at zero.

    Args:
        parameters: the parameters to update; those of one dimension are norms and biases.
        recipe: learning rate, momentum, weight decay.
        lr: the learning rate as a tensor that the caller changes in place; default: the recipe's.
    """
    groups: list[dict[str, Any]] = [{"params": list(parameters)}]
    if not recipe.decay_norm_and_bias:
        groups = [
            {"params": [p for p in parameters if p.ndim > 1]},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
    optimizer = torch.optim.SGD(
        groups,
        lr=recipe.lr if lr is None else lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
        fused=parameters[0].device.type in FUSED,
    )
    if recipe.momentum:
        for parameter in parameters:  # 0.9 * 0 + g is g: the first step is like all others
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def _lies_channels_last(parameter: Tensor) -> bool:
    last = torch.channels_last
    return parameter.dim() == 4 and parameter.is_contiguous(memory_format=last) and not parameter.is_contiguous()


def _as_it_lies(tensor: Tensor, parameter: Tensor) -> Tensor:
    return tensor.permute(0, 2, 3, 1) if _lies_channels_last(parameter) else tensor


def _as_named(tensor: Tensor, parameter: Tensor) -> Tensor:
    return tensor.permute(0, 3, 1, 2) if _lies_channels_last(parameter) else tensor


def lr_factor(recipe: Recipe, period: int, steps_per_epoch: int) -> Callable[[int], float]:
    """Return a function from step number (from 0) to the factor on the highest learning rate.

    Args:
        recipe: schedule, warm-up, and whether the learning rate changes per step or per epoch.
        period: epochs after which the learning rate is 0. After them a cosine rises again, as in `CosineAnnealingLR`.
        steps_per_epoch: batches per epoch.
    """
    steps = 1 if recipe.step == "epoch" else steps_per_epoch  # changes of the learning rate per epoch
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
    """Lookahead: every few steps slow weights move towards the fast ones, which are then set to them.

    Zhang, Lucas, Hinton and Ba, "Lookahead optimizer: k steps forward, 1 step back" (arXiv:1907.08610).

    Args:
        parameters: the fast weights, changed in place.
        every: steps between two updates of the slow weights; 0 for never.
        pull: share of the distance that they move, in (0, 1].
    """

    def __init__(self, parameters: list[nn.Parameter], *, every: int, pull: float) -> None:
        self._fast: list[Tensor] = [parameter.detach() for parameter in parameters]
        self._every, self._pull = every, pull
        self.slow = [weight.clone() for weight in self._fast] if every else []

    def step(self, number: int) -> bool:
        """Count step `number`, from 1; return whether the fast weights were changed."""
        if not self._every or number % self._every:
            return False
        torch._foreach_lerp_(self.slow, self._fast, self._pull)
        torch._foreach_copy_(self._fast, self.slow)
        return True

    def restart(self) -> None:
        """Set the slow weights to the fast ones."""
        if self._every:
            torch._foreach_copy_(self.slow, self._fast)


class RunningMean:
    """The exponential moving average of weights and batch-norm statistics, updated without a wait for the device.

    With rule "fixed" the arithmetic is that of `torch.optim.swa_utils.AveragedModel` with `get_ema_multi_avg_fn`. With
    rule "steps" the decay of the n-th update is at most (1 + n) / (10 + n), as in TensorFlow's
    ExponentialMovingAverage: until `decay` is reached, the mean covers about the last tenth of the steps, so the
    initial weights soon drop out.

    Args:
        model: the model in training.
        decay: per step, in (0, 1).
        rule: "fixed" or "steps".

    Attributes:
        model: a network with the mean weights; its batch counters are those of the model in training.
        updates: number of updates so far.
    """

    def __init__(self, model: nn.Module, decay: float, *, rule: Literal["fixed", "steps"]) -> None:
        self._decay, self._rule, self.updates = decay, rule, 0
        self.model = copy.deepcopy(model).requires_grad_(False)
        self._source, self._mean = _averaged(model), _averaged(self.model)
        self._counts = [(b, a) for a, b in zip(model.buffers(), self.model.buffers(), strict=True) if _counts(a)]

    def update(self) -> None:
        """Add the weights after a step to the mean; the first weights are the mean."""
        self.updates += 1
        if self.updates == 1:
            torch._foreach_copy_(self._mean, self._source)
        else:
            torch._foreach_lerp_(self._mean, self._source, 1 - self._decay_of(self.updates))

    def _decay_of(self, n: int) -> float:
        return min(self._decay, (1 + n) / (10 + n)) if self._rule == "steps" else self._decay

    def count(self) -> None:
        """Copy the batch counters of the norms."""
        for mine, theirs in self._counts:
            mine.copy_(theirs)

    def state_dict(self) -> dict[str, Any]:
        """Return the state as `AveragedModel` names it."""
        state = {f"module.{name}": value for name, value in self.model.state_dict().items()}
        return {"n_averaged": torch.tensor(self.updates), **state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state, also one of `AveragedModel`."""
        self.updates = int(state["n_averaged"])
        self.model.load_state_dict(
            {name.removeprefix("module."): value for name, value in state.items() if name != "n_averaged"}
        )


def make_average(model: nn.Module, recipe: Recipe) -> RunningMean | None:
    """Return the running mean of the recipe, or None."""
    return RunningMean(model, recipe.ema, rule=recipe.ema_rule) if recipe.ema else None


def _averaged(model: nn.Module) -> list[Tensor]:
    return [value.detach() for value in (*model.parameters(), *model.buffers()) if not _counts(value)]


def _counts(value: Tensor) -> bool:
    return not value.is_floating_point()
