"""Fused networks: norm, residual sum and ReLU of the same layers in fewer kernels."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from torch import Tensor, nn

from budgetnas.models.build import ResidualSum
from budgetnas.models.norm_triton import norm_act


def fuse_norms(model: nn.Sequential) -> FusedSequential:
    """Return a network of the same layers whose norms also compute the sum and the ReLU after them.

    Layers, names and order stay: each network can load the other's state, and they share all tensors. A CPU computes
    the same bits. Two things differ: `num_batches_tracked` is not updated, since `momentum` does not need it, and hooks
    of fused layers do not run.

    Args:
        model: a network from `build_model`, or any other chain.
    """
    layers = OrderedDict((name, _fuse(layer)) for name, layer in model._modules.items() if layer is not None)
    fused = FusedSequential(layers)
    fused.training = model.training
    return fused


class Step(NamedTuple):
    """The name of a layer in a chain, and whether it also computes the ReLU after it."""

    name: str
    relu: bool


class FusedSequential(nn.Sequential):
    """A chain whose norms and residual sums also compute the ReLU after them.

    Attributes:
        plan: the steps, in order.
    """

    def __init__(self, layers: OrderedDict[str, nn.Module]) -> None:
        super().__init__(layers)
        self.plan = _plan(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, C, H, W] as the unfused layers do."""
        return self.run(x, self.plan)

    def run(self, x: Tensor, steps: tuple[Step, ...]) -> Tensor:
        """Run the given steps."""
        for name, relu in steps:
            layer = self._modules[name]
            assert layer is not None
            if is_fusible(layer):
                x = _normalise(layer, x, residual=None, relu=relu)
            else:
                x = layer(x, relu=True) if relu else layer(x)
        return x


class FusedSum(ResidualSum):
    """The sum of a body and a shortcut, computed by the last norm of the body."""

    def forward(self, x: Tensor, *, relu: bool = False) -> Tensor:
        """Map [N, C, H, W] to [N, C', H', W'], rectified if `relu`."""
        assert isinstance(self.body, FusedSequential)
        *before, last = self.body.plan
        inner = self.body.run(x, tuple(before))
        return _normalise(self.body.get_submodule(last.name), inner, residual=self.shortcut(x), relu=relu)


def is_fusible(layer: nn.Module) -> bool:
    """Return whether `norm_act` can replace a layer: a batch norm with PyTorch's default settings."""
    if not isinstance(layer, nn.BatchNorm2d):
        return False
    return layer.affine and layer.track_running_stats and layer.momentum is not None


def _fuse(layer: nn.Module) -> nn.Module:
    if isinstance(layer, nn.Sequential):
        return fuse_norms(layer)
    if not isinstance(layer, ResidualSum):
        return layer
    body, shortcut = _fuse(layer.body), _fuse(layer.shortcut)
    ends = list(body.children())[-1:] if isinstance(body, FusedSequential) else []
    total = FusedSum(body, shortcut) if any(map(is_fusible, ends)) else ResidualSum(body, shortcut)
    total.training = layer.training
    return total


def _plan(layers: OrderedDict[str, nn.Module]) -> tuple[Step, ...]:
    steps: list[Step] = []
    takes = False  # whether the layer before can compute a ReLU
    for name, layer in layers.items():
        if takes and isinstance(layer, nn.ReLU):
            steps[-1] = Step(steps[-1].name, relu=True)
            takes = False
        else:
            steps.append(Step(name, relu=False))
            takes = is_fusible(layer) or isinstance(layer, FusedSum)
    return tuple(steps)


def _normalise(norm: nn.Module, x: Tensor, *, residual: Tensor | None, relu: bool) -> Tensor:
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.momentum is not None
    return norm_act(
        x,
        norm.weight,
        norm.bias,
        norm.running_mean,
        norm.running_var,
        residual=residual,
        relu=relu,
        training=norm.training,
        momentum=norm.momentum,
        eps=norm.eps,
    )
