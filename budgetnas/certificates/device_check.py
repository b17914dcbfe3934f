"""The check of a file for a device: written again from the network's tensors, and held to what was counted.

Only the scales and zero points of int8 tensors are taken from the file itself. A file that passes has only the nodes
that we write, so it is safe to run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from torch import Tensor

from budgetnas.arch.device import PRECISIONS, Precision, file_bytes, weights_bytes
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.device_graph import Range, device_graph
from budgetnas.certificates.onnx_run import read_model, shown
from budgetnas.exceptions import DataError, StorageError


def precision_of(content: bytes) -> Precision | None:
    """Return the precision of a file for a device; None for a model whose norms are not folded.

    Raises:
        OnnxMissingError: onnx is not installed.
        DataError: the bytes are no ONNX model.
    """
    name = read_model(content).graph.name
    return next((precision for precision in PRECISIONS if precision == name), None)


def check_device_file(
    content: bytes,
    spec: ResNetSpec,
    shape: DataShape,
    state: Mapping[str, Tensor],
    precision: Precision,
    *,
    mean: Sequence[float],
    std: Sequence[float],
) -> str:
    """Check a file for a device; return a line that says what agrees.

    Args:
        content: bytes of the file.
        spec: the architecture that it should have.
        shape: shape of images, and number of classes.
        state: tensors by their names in the built network.
        precision: that it should have.
        mean: per channel of raw [0, 255] pixels.
        std: standard deviation per channel of raw [0, 255] pixels.

    Raises:
        OnnxMissingError: onnx is not installed.
        StorageError: it holds something else, or is larger than counted.
    """
    found = read_model(content)
    try:
        ranges = ranges_of(found) if precision == "int8" else {}
        ours = device_graph(spec, shape, state, precision, mean=mean, std=std, ranges=ranges).model
    except KeyError as error:
        raise StorageError(f"holds no scale and zero point of tensor {error}") from error
    for own, other in zip_longest(ours.graph.initializer, found.graph.initializer):
        if own != other:
            raise StorageError(f"holds other numbers in {shown((other or own).name)} than {spec.id} has in {precision}")
    if ours != found:
        raise StorageError(f"has other nodes, inputs, outputs or metadata than {spec.id} in {precision}")
    layers = lower(spec, shape)
    stored, counted = sum(len(tensor.raw_data) for tensor in found.graph.initializer), weights_bytes(layers, precision)
    if stored != counted:
        raise StorageError(f"holds {stored:,} bytes of weights, but {counted:,} were counted")
    most = file_bytes(layers, precision)
    if len(content) > most:
        raise StorageError(f"has {len(content):,} bytes, but at most {most:,} were counted")
    return f"{precision}: {stored:,} bytes of weights as counted, {len(content):,} in all, at most {most:,}"


def ranges_of(model: Any) -> dict[int, Range]:
    """Return scale and zero point of the tensors of a foreign model, by the number of their layer.

    Raises:
        DataError: one is no number, or no scale is above 0.
    """
    values: dict[str, Any] = {}
    for tensor in model.graph.initializer:
        kind = {"a": "<f4", "z": "|i1"}.get(tensor.name[:1])
        if kind is None or not tensor.name[1:].isdecimal():
            continue
        value = (
            np.frombuffer(tensor.raw_data, dtype=kind) if len(tensor.raw_data) == int(kind[-1]) else np.array([np.nan])
        )
        if not math.isfinite(value[0]) or (kind == "<f4" and not value[0] > 0):
            raise DataError(f"`{shown(tensor.name)}` of the file is no scale or zero point: export the network again.")
        values[tensor.name] = value[0].item()
    both = [int(name[1:]) for name in values if name[0] == "a" and f"z{name[1:]}" in values]
    return {number: (values[f"a{number}"], values[f"z{number}"]) for number in both}
