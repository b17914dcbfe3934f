"""All costs of one network: those that depend on it alone, and those of its file and its tensors at one precision."""

from __future__ import annotations

from dataclasses import dataclass

from budgetnas.arch.counter import count
from budgetnas.arch.device import Precision, file_bytes, weights_bytes
from budgetnas.arch.peak_memory import peak_memory
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkCosts:
    """What a budget holds against its caps.

    Attributes:
        params: trainable parameters.
        macs: multiply-accumulates for one image.
        bytes: most bytes of the exported file.
        memory: most bytes of tensors that live at once while one image runs through the network, layer by layer.
        weights_bytes: bytes of the weights in the exported file, exactly.
        weights: precision of the last three.
    """

    params: int
    macs: int
    bytes: int
    memory: int
    weights_bytes: int
    weights: Precision


def costs_of(spec: ResNetSpec, shape: DataShape, weights: Precision = "fp32") -> NetworkCosts:
    """Count a network for images and classes of `shape`, and its file and tensors at a precision.

    >>> found = costs_of(ResNetSpec.from_id("1x8-1x16"), DataShape(channels=1, height=8, width=8), "int8")
    >>> found.params, found.memory
    (6186, 1536)

    Raises:
        UsageError: a total does not fit into 64 bits.
    """
    total, layers = count(spec, shape), lower(spec, shape)
    return NetworkCosts(
        params=total.params,
        macs=total.macs,
        bytes=file_bytes(layers, weights),
        memory=peak_memory(layers, shape, weights),
        weights_bytes=weights_bytes(layers, weights),
        weights=weights,
    )
