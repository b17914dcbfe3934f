"""The check of `model.onnx`: every initialiser explained, and the graph compared with ours.

A model in which `explain` finds no discrepancy has only the nodes
that we write, so it is safe to run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from torch import Tensor

from budgetnas.arch.counter import ledger
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.arrays import Array
from budgetnas.certificates.ledger import buffers
from budgetnas.certificates.onnx_graph import AXES, MEAN, STD, constants, layout, stored
from budgetnas.certificates.onnx_run import read_model, shown

_STATISTICS = ("running_mean", "running_var")
_CONSTANTS = {AXES: "the sides to average over", MEAN: "of normalisation", STD: "of normalisation"}
_LARGEST = float(np.finfo(np.float32).max)
_LINES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """The initialisers of a model, explained.

    Attributes:
        rows: (name, shape, number of elements, meaning) of every initialiser.
        params: number of elements of trainable parameters.
        statistics: number of elements of batch-norm means and variances.
        constants: number of elements of all others.
        mean: per channel of raw pixels, from the model's metadata; empty where they have none.
        std: standard deviation per channel of raw pixels; empty where they have none.
        discrepancies: a line for each difference from the ledger or from the graph that we write.
    """

    rows: tuple[tuple[str, tuple[int, ...], int, str], ...]
    params: int
    statistics: int
    constants: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    discrepancies: tuple[str, ...]

    @property
    def summary(self) -> str:
        """A line that says what agrees."""
        return (
            f"{len(self.rows)} initialisers: {self.params:,} parameters as in the ledger, {self.statistics:,} "
            f"batch-norm means and variances (its counters are not needed), {self.constants:,} constants; nothing is "
            "folded"
        )


def explain(
    content: bytes, spec: ResNetSpec, shape: DataShape, state: Mapping[str, Tensor] | None = None
) -> Explanation:
    """Explain every initialiser; compare the sums with the ledger, and the rest with the graph that we write.

    Args:
        content: bytes of `model.onnx`.
        spec: the architecture that it should have.
        shape: shape of images, and number of classes.
        state: tensors by their names in the built network, which the model should hold bit for bit.

    Raises:
        OnnxMissingError: onnx is not installed.
        DataError: the bytes are no ONNX model, or its tensors are in another file.
    """
    model = read_model(content)
    rows = tuple((shown(tensor.name), *_size(tensor), _meaning(tensor.name)[1]) for tensor in model.graph.initializer)
    sums = {"parameter": 0, "statistic": 0, "constant": 0}
    found: dict[str, list[int]] = {}
    for tensor in model.graph.initializer:
        kind, elements = _meaning(tensor.name)[0], _size(tensor)[1]
        sums[kind] += elements
        if kind != "constant":
            found.setdefault(tensor.name.rpartition(".")[0], [0, 0])[kind == "statistic"] += elements
    mean, std = _normalisation(model, shape.channels)
    odd = [*_against_ledger(found, spec, shape)]
    odd = odd or [*_against_layout(model, spec, shape, mean, std, stored(state) if state else {})]
    more = [f"and {len(odd) - _LINES:,} more"] if len(odd) > _LINES else []
    return Explanation(
        rows=rows,
        params=sums["parameter"],
        statistics=sums["statistic"],
        constants=sums["constant"],
        mean=mean,
        std=std,
        discrepancies=(*odd[:_LINES], *more),
    )


def _meaning(name: str) -> tuple[str, str]:
    """Return the kind of an initialiser, and its meaning in words."""
    layer, _, tensor = shown(name).rpartition(".")
    if name in _CONSTANTS:
        return "constant", f"a constant: {_CONSTANTS[name]}"
    if tensor in _STATISTICS:
        return "statistic", f"{tensor} of batch normalisation {layer}"
    return "parameter", f"{tensor} of layer {layer}"


def _against_ledger(found: dict[str, list[int]], spec: ResNetSpec, shape: DataShape) -> Iterator[str]:
    for row in ledger(lower(spec, shape), shape):
        statistics = max(0, buffers(row) - 1)  # inference needs no counter
        params, others = found.pop(row.name, [0, 0])
        if (params, others) != (row.params, statistics):
            yield f"{row.name} holds {params:,} + {others:,} numbers, the ledger {row.params:,} + {statistics:,}"
    yield from (f"{shown(layer)} is no layer of {spec.id}" for layer in found)


def _against_layout(
    model: Any,
    spec: ResNetSpec,
    shape: DataShape,
    mean: Sequence[float],
    std: Sequence[float],
    values: Mapping[str, Array],
) -> Iterator[str]:
    """Compare everything but the program's version; this clears the initialisers from the model."""
    if not mean:
        yield "its metadata do not say by what images are normalised"
        return
    ours = layout(spec, shape, mean=mean, std=std, with_preprocessing=_is_raw(model))
    values = {**values, **constants(mean, std)}
    for found, expected in zip_longest(model.graph.initializer, ours.graph.initializer):
        yield from _against_tensor(found, expected, values)
    for i, (found, expected) in enumerate(zip_longest(model.graph.node, ours.graph.node)):
        if found != expected:
            is_alike = _kind(found) == _kind(expected)
            yield f"node {i} is {_kind(found)}, not {'with these attributes' if is_alike else _kind(expected)}"
            return
    model.producer_version = ours.producer_version
    for part in (model, ours):
        part.graph.ClearField("initializer")
    if model != ours:
        yield f"its inputs, outputs or metadata are not those of {spec.id}, or something is beside the graph"


def _against_tensor(found: Any, expected: Any, values: Mapping[str, Array]) -> Iterator[str]:
    """Compare an initialiser with the expected shape and type, and with its values where they are known."""
    data = b"" if found is None else found.raw_data
    if found is not None:
        found.ClearField("raw_data")
    if found != expected:
        yield f"an initialiser is {_kind(found)}, not {_kind(expected)}"
        return
    elements = _size(expected)[1]
    if len(data) != elements * (8 if expected.name == AXES else 4):
        yield f"{expected.name} does not hold its {elements:,} numbers"
    elif expected.name in values and data != values[expected.name].tobytes():
        yield f"{expected.name} holds other numbers than those that belong there"


def _kind(part: Any) -> str:
    """Describe a node or an initialiser by name and inputs; say so where there is none."""
    if part is None:
        return "nothing"
    if hasattr(part, "op_type"):
        taken, given = (shown(", ".join(map(str, values))) for values in (part.input, part.output))
        return f"{given} = {shown(part.op_type)}({taken})"
    sides = "x".join(map(str, part.dims[:8]))
    return f"{shown(part.name)} [{sides}] of type {part.data_type}"


def _normalisation(model: Any, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation per channel from a model's metadata; empty where missing or not numbers."""
    said = {prop.key: prop.value for prop in model.metadata_props}
    try:
        content = json.loads(said["normalisation"])
        mean, std = tuple(content["mean"]), tuple(content["std"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return (), ()
    are_numbers = all(isinstance(number, int | float) and abs(number) < _LARGEST for number in (*mean, *std))
    return (mean, std) if are_numbers and len(mean) == len(std) == channels else ((), ())


def takes_raw_pixels(content: bytes) -> bool:
    """Return whether a model normalises its input itself."""
    return _is_raw(read_model(content))


def _is_raw(model: Any) -> bool:
    return any(tensor.name == MEAN for tensor in model.graph.initializer)


def _size(tensor: Any) -> tuple[tuple[int, ...], int]:
    """Return the sides of a tensor and their product."""
    sides = tuple(tensor.dims)
    return sides, math.prod(sides)
