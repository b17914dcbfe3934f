"""A network in training: everything that a step reads and writes, changed in place only."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from budgetnas.config.recipe import Recipe
from budgetnas.data.dataset import Labels
from budgetnas.models.build import count_batches
from budgetnas.training.graphs import GraphedStep
from budgetnas.training.optimise import Descent, Lookahead, make_average


class Learner:
    """A network, its optimiser, and the averages of its weights.

    In bf16 the network computes with bf16 copies of the weights of convolutions and head. An update changes the float32
    master weights, then the copies. Autocast does the same, with a cast of each weight in each step.

    Args:
        model: the network; its parameters are the master weights.
        recipe: the training recipe.
        bf16: whether it computes in bf16.
        class_weights: [classes] float32 on its device, by which the loss of each class counts; None for alike.
        records: whether steps may be recorded as CUDA graphs.
        pool: memory of the training's graphs.

    Attributes:
        model: the network.
        average: the running mean of the weights, or None.
        lr: learning rate of the last step.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        *,
        bf16: bool,
        class_weights: Tensor | None = None,
        records: bool = False,
        pool: Any = None,
    ) -> None:
        self.model, self._recipe, self._bf16, self._weights = model, recipe, bf16, class_weights
        self._device = next(model.parameters()).device
        self._network = torch.compile(model) if recipe.compile and self._device.type == "cuda" else model
        self.lr = recipe.lr
        # The fused kernel reads the learning rate from the device, so that a recorded step can change it.
        self._lr = torch.tensor(recipe.lr, device=self._device if self._device.type == "cuda" else "cpu")
        self._descent = Descent(model, recipe, lr=self._lr)
        self._working = _working_copies(model) if bf16 and self._network is model else {}
        self._copied: list[Tensor] = [
            parameter for name, parameter in model.named_parameters() if name in self._working
        ]
        self._leaves = [self._working.get(name, parameter) for name, parameter in model.named_parameters()]
        self._lookahead = Lookahead(list(model.parameters()), every=recipe.lookahead, pull=recipe.lookahead_pull)
        self.average = make_average(model, recipe)
        self._loss = torch.zeros((), device=self._device)
        self._right = torch.zeros((), dtype=torch.int64, device=self._device)
        self._step = GraphedStep(self._learn, records=records, pool=pool)

    @property
    def scored(self) -> nn.Module:
        """The network to score and keep: the running mean where the recipe has one."""
        return self.model if self.average is None else self.average.model

    @property
    def notices(self) -> list[str]:
        """Warnings about the steps, a line each."""
        return self._step.notices

    def step(self, images: Tensor, targets: Tensor, labels: Tensor, *, lr: float, number: int) -> None:
        """Train on a batch.

        Args:
            images: [N, C, H, W] float, normalised.
            targets: [N] int64 classes, or [N, classes] float shares.
            labels: [N] int64, to count correct predictions.
            lr: the learning rate.
            number: number of the step, from 1.
        """
        self.lr = lr
        self._lr.fill_(lr)
        self._step(images, targets, labels)
        if self._lookahead.step(number):
            self._refresh()
        if self.average is not None:
            self.average.update()

    def read(self, steps: int) -> tuple[float, int]:
        """Wait for the device; return the summed loss and the correct predictions of the last `steps` steps."""
        loss, right = self._loss.item(), int(self._right.item())
        self._loss.zero_()
        self._right.zero_()
        count_batches(self.model, steps)
        if self.average is not None:
            self.average.count()
        return loss, right

    def restart(self, weights: dict[str, Tensor]) -> None:
        """Continue from other weights with a fresh optimiser, fresh slow weights and a fresh running mean."""
        self.model.load_state_dict(weights)
        self._refresh()
        self._descent.restart()
        self._lookahead.restart()
        if self.average is not None:
            self.average.updates = 0

    def state(self) -> dict[str, Any]:
        """Return everything that later steps depend on, as tensors and plain values."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self._descent.state_dict(),
            "slow": self._lookahead.slow,
            "average": None if self.average is None else self.average.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self.model.load_state_dict(state["model"])
        self._refresh()
        self._descent.load_state_dict(state["optimizer"])
        for slow, value in zip(self._lookahead.slow, state["slow"], strict=True):
            slow.copy_(value)
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def _learn(self, images: Tensor, targets: Tensor, labels: Tensor) -> None:
        """Run the part that is recorded: forward, backward, update."""
        # A cast cached by autocast would be stale in the next replay.
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16, cache_enabled=False):
            logits = self._forward(images)
            loss = self._loss_of(logits, targets)
        self._descent.step(torch.autograd.grad(loss, self._leaves))
        self._refresh()
        with torch.no_grad():
            self._loss += loss.detach() * len(labels)
            self._right += (logits.detach().argmax(1) == labels).sum()

    def _loss_of(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss over the images of a batch."""
        smoothing = self._recipe.label_smoothing
        if self._weights is None:
            return functional.cross_entropy(logits, targets, label_smoothing=smoothing)
        # Of hard targets alone, the mean of `cross_entropy` would divide by the weights of the batch.
        total = functional.cross_entropy(
            logits, targets, weight=self._weights, label_smoothing=smoothing, reduction="sum"
        )
        return total / len(logits)

    def _forward(self, images: Tensor) -> Tensor:
        if self._working:
            return functional_call(self.model, self._working, (images,))  # type: ignore[no-any-return]
        return self._network(images)  # type: ignore[no-any-return]

    def _refresh(self) -> None:
        """Copy the master weights to the bf16 copies."""
        if self._working:
            with torch.no_grad():
                torch._foreach_copy_(list(self._working.values()), self._copied)


def class_weights(labels: Labels, classes: int) -> Tensor:
    """Return a weight for each class by the inverse of its frequency: [classes] float32, 1 on average over the images.

    Args:
        labels: [N] of the training images.
        classes: number of classes.
    """
    numbers = np.maximum(np.bincount(labels, minlength=classes), 1)
    return torch.tensor(len(labels) / (classes * numbers), dtype=torch.float32)


def _working_copies(model: nn.Module) -> dict[str, Tensor]:
    """Return bf16 copies, by name, of the weights that autocast would cast."""
    owners = {name: module for name, module in model.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}
    return {
        name: parameter.detach().to(torch.bfloat16).requires_grad_()
        for name, parameter in model.named_parameters()
        if name.rpartition(".")[0] in owners
    }
