"""Weights as safetensors bytes, which cannot run code."""

from __future__ import annotations

from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import Tensor, nn

from budgetnas.exceptions import DataError
from budgetnas.text import one_line


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
