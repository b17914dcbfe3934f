"""Torch modules from layers, by one `match`, and their weights as safetensors bytes, which cannot run code."""

from __future__ import annotations

from collections.abc import Sequence

from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import Tensor, nn
from torch.nn import functional

from budgetnas.arch.counter import ledger
from budgetnas.arch.layers import Act, AvgPool, Conv, GlobalPool, Layer, Linear, Norm, Residual, Scale, Sigmoid
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.exceptions import CountMismatchError, DataError
from budgetnas.models.convolution import Convolution
from budgetnas.text import one_line


class ResidualSum(nn.Module):
    """The sum of a body and a shortcut."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C', H', W']."""
        total: Tensor = self.body(x) + self.shortcut(x)
        return total


class GatedChannels(nn.Module):
    """A map times a factor for each of its channels, which a gate makes of the map."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, C, H, W] to the same shape; the gate maps it to [N, C]."""
        scaled: Tensor = x * self.gate(x)[:, :, None, None]
        return scaled


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation that does not count batches, which saves a kernel per step; `count_batches` counts them."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise [N, C, H, W] by the batch's statistics in training, else by the running statistics."""
        assert self.running_mean is not None
        assert self.running_var is not None
        return functional.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=self.training,
            momentum=self.momentum or 0.0,
            eps=self.eps,
        )


class GlobalMean(nn.Module):
    """The mean over all pixels of each channel."""

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C]."""
        return x.mean(dim=(2, 3))


def build_layers(layers: Sequence[Layer]) -> nn.Sequential:
    """Build a chain of layers with PyTorch's default initialisation."""
    return nn.Sequential(*(_build(layer) for layer in layers))


def build_model(spec: ResNetSpec, shape: DataShape) -> nn.Sequential:
    """Build the network of `spec`, which maps normalised images [N, C, H, W] to logits [N, classes].

    Raises:
        CountMismatchError: a layer of the built network has another number of parameters than in the ledger; the
            message names the layers.
    """
    layers = lower(spec, shape)
    model = build_layers(layers)
    counted = {row.name: row.params for row in ledger(layers, shape) if row.params}
    built: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        owner = name.rpartition(".")[0]
        built[owner] = built.get(owner, 0) + parameter.numel() * parameter.requires_grad
    if built != counted:
        odd = [
            f"{name}: {counted.get(name, 0):,} counted, {built.get(name, 0):,} built"
            for name in sorted({*counted, *built})
            if counted.get(name) != built.get(name)
        ]
        raise CountMismatchError(
            f"`{spec.id}` counts {sum(counted.values()):,} parameters, but its network has {sum(built.values()):,} "
            f"({'; '.join(odd)}): the counter is wrong, please report this."
        )
    return model


def count_batches(model: nn.Module, steps: int) -> None:
    """Add `steps` to the batch counter of every batch norm."""
    for module in model.modules():
        if isinstance(module, BatchNorm) and module.num_batches_tracked is not None:
            module.num_batches_tracked += steps


def _build(layer: Layer) -> nn.Module:
    match layer:
        case Conv():
            sizes = layer.in_channels, layer.out_channels, layer.kernel
            return Convolution(*sizes, stride=layer.stride, groups=layer.groups)
        case Norm():
            return BatchNorm(layer.channels)
        case Act():
            return nn.ReLU(inplace=True)
        case Sigmoid():
            return nn.Sigmoid()
        case AvgPool():
            return nn.AvgPool2d(layer.kernel, ceil_mode=True, count_include_pad=False)
        case GlobalPool():
            return GlobalMean()
        case Linear():
            return nn.Linear(layer.in_features, layer.out_features)
        case Residual():
            shortcut = _branch(layer.shortcut) if layer.shortcut else nn.Identity()
            return ResidualSum(_branch(layer.body), shortcut)
        case Scale():
            return GatedChannels(build_layers(layer.gate))


def _branch(layers: Sequence[Layer]) -> nn.Sequential:
    """Build a branch of a sum; it leaves its input, which the other branch has too, as it is."""
    branch = build_layers(layers)
    if isinstance(branch[0], nn.ReLU):
        branch[0].inplace = False
    return branch


def pack(model: nn.Module) -> bytes:
    """Return a model's state as safetensors bytes."""
    state = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    return safetensors.save(state)


def read_state(weights: bytes) -> dict[str, Tensor]:
    """Return the tensors of safetensors bytes, by name.

    Raises:
        DataError: the bytes are damaged.
    """
    try:
        return dict(safetensors.load(weights))
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = one_line(error)
        message = f"the weights are no safetensors ({reason}): take the file that belongs to the network."
        raise DataError(message) from error


def unpack(model: nn.Module, weights: bytes) -> nn.Module:
    """Load weights into a model of the same architecture; return the model.

    Raises:
        DataError: the bytes are damaged or belong to another architecture.
    """
    try:
        model.load_state_dict(read_state(weights))
    except RuntimeError as error:
        reason = one_line(error)
        raise DataError(
            f"the weights do not fit the architecture ({reason}): take the file that belongs to it."
        ) from error
    return model
