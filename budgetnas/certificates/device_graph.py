"""A network as an ONNX graph for a device: norms folded, names short, in floats or quantised to int8.

Its initialisers have the bytes that `arch.device.weights_bytes` counts, and its file at most `file_bytes`. A layer has
a number, which names its values: `w7` and `b7` are its weights and biases, in int8 with a scale `s7` for each output
channel; `a7` and `z7` are scale and zero point of the tensor that it writes. Linear layers are 1x1 convolutions.

The int8 graph has a QuantizeLinear and a DequantizeLinear behind each tensor, which a runtime turns into integer
operations. ReLU needs no node there, since the range of a rectified tensor starts at 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from budgetnas.arch.device import Precision, as_convolution
from budgetnas.arch.layers import Act, AvgPool, Conv, GlobalPool, Layer, Linear, Norm, Residual, Scale, Sigmoid
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.arrays import Array
from budgetnas.certificates.onnx_graph import EPSILON, INPUT, IR_VERSION, LARGEST, OPSET, OUTPUT
from budgetnas.exceptions import DataError

LEVELS, LOWEST, HIGHEST = 127, -128, 127  # of a weight on either side of 0; of a tensor
_STEPS, _SMALLEST = 2**8, 2.0**-100
Range = tuple[float, int]  # scale and zero point of a tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceGraph:
    """A model, and the values in it that are tensors of a layer.

    Attributes:
        model: an `onnx.ModelProto`.
        tensors: name of the value, by the number of its layer; 0 is the image.
    """

    model: Any
    tensors: Mapping[int, str]


def device_graph(
    spec: ResNetSpec,
    shape: DataShape,
    state: Mapping[str, Tensor],
    precision: Precision,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    ranges: Mapping[int, Range] | None = None,
) -> DeviceGraph:
    """Return the model; it takes float32 images [N, C, H, W], normalised, and returns logits [N, classes].

    Args:
        spec: the architecture.
        shape: shape of images, and number of classes.
        state: tensors by their names in the built network.
        precision: of the weights.
        mean: per channel of raw [0, 255] pixels.
        std: standard deviation per channel of raw [0, 255] pixels.
        ranges: of int8, the scale and zero point of the tensor of every layer in `tensors`.

    Raises:
        ImportError: onnx is not installed.
        DataError: the network is too large for one file, or a weight too large for its precision.
    """
    from onnx import TensorProto, helper

    graph = _Graph(state, precision, {} if ranges is None else ranges)
    graph.logits(graph.chain(lower(spec, shape), "", graph.image())[0])
    if sum(len(tensor.raw_data) for tensor in graph.initializers) > LARGEST:
        raise DataError(f"`{spec.id}` has 2 GiB of weights, more than a file holds: take a smaller network.")
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            precision,
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", shape.channels, shape.height, shape.width])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", shape.classes])],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="budgetnas",
        ir_version=IR_VERSION,
    )
    helper.set_model_props(model, {"normalisation": json.dumps({"mean": list(mean), "std": list(std)})})
    return DeviceGraph(model=model, tensors=graph.tensors)


def serialised(graph: DeviceGraph) -> bytes:
    """Return the bytes of the file."""
    return bytes(graph.model.SerializeToString(deterministic=True))


def range_of(low: float, high: float) -> Range:
    """Return the scale and the zero point for values from `low` to `high`; 0 is exact.

    The scale is rounded up to 8 bits, so that the last bits of another machine's floats make the same file.

    >>> range_of(0.0, 255.0), range_of(-1.0, 1.0)
    ((1.0, -128), (0.00787353515625, -1))
    """
    low, high = min(low, 0.0), max(high, 0.0)
    part, power = np.frexp((high - low) / (HIGHEST - LOWEST))
    scale = max(_SMALLEST, float(np.ldexp(np.ceil(part * _STEPS) / _STEPS, power)))
    return scale, int(np.clip(np.rint(LOWEST - low / scale), LOWEST, HIGHEST))


def quantised(weights: Array) -> tuple[Array, Array]:
    """Return weights [out, ...] as int8, and a scale [out] for each output channel; 0 stays 0."""
    largest = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    scales = (largest / LEVELS).astype("<f4")
    scales[scales == 0] = 1.0
    levels = np.rint(weights / scales.reshape(-1, *[1] * (weights.ndim - 1)).astype(np.float64))
    return np.clip(levels, -LEVELS, LEVELS).astype("i1"), scales


class _Graph:
    """Nodes and initialisers, written layer by layer."""

    def __init__(self, state: Mapping[str, Tensor], precision: Precision, ranges: Mapping[int, Range]) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.tensors: dict[int, str] = {}
        self._state, self._precision, self._ranges = state, precision, ranges
        self._count = 0

    def image(self) -> str:
        from onnx import TensorProto

        if self._precision == "fp16":
            return self._node("Cast", [INPUT], "h", to=TensorProto.FLOAT16)
        return self._settled(0, INPUT)

    def logits(self, value: str) -> None:
        from onnx import TensorProto

        if self._precision == "fp16":
            value = self._node("Cast", [value], "f", to=TensorProto.FLOAT)
        self._node("Flatten", [value], OUTPUT)

    def chain(self, layers: Sequence[Layer], path: str, value: str) -> tuple[str, int | None]:
        """Write a chain; return its value, and the number of the layer that wrote it and is not settled yet."""
        written: int | None = None
        for i, layer in enumerate(layers):
            name, before = f"{path}{i}", layers[i - 1] if i else None
            if isinstance(layer, Norm) and isinstance(before, Conv | Linear):
                continue  # it is in their weights
            after = layers[i + 1] if i + 1 < len(layers) else None
            norm = f"{path}{i + 1}" if isinstance(after, Norm) else None
            if isinstance(layer, Act | Sigmoid):  # in place
                value = self._layer(layer, name, norm, value)
            else:
                value = self._layer(layer, name, norm, self._settled(written, value))
                written = self._count
        return value, written

    def _layer(self, layer: Layer, name: str, norm: str | None, value: str) -> str:
        match layer:
            case Conv() | Linear():
                return self._convolution(layer, *self._folded(name, norm), value)
            case Norm():
                weights, biases = self._norm(name)
                return self._convolution(as_convolution(layer), weights.reshape(-1, 1, 1, 1), biases, value)
            case AvgPool():
                sides = {"kernel_shape": [layer.kernel] * 2, "strides": [layer.kernel] * 2}
                return self._node("AveragePool", [value], self._next(), ceil_mode=1, **sides)
            case GlobalPool():
                return self._node("GlobalAveragePool", [value], self._next())
            case Residual():
                body = self._settled_chain(layer.body, f"{name}.body.", value)
                shortcut = self._settled_chain(layer.shortcut, f"{name}.shortcut.", value)
                return self._node("Add", [body, shortcut], self._next())
            case Scale():
                factors = self._settled_chain(layer.gate, f"{name}.gate.", value)
                return self._node("Mul", [value, factors], self._next())
            case Act():
                return self._node("Relu", [value], self._next())
            case Sigmoid():
                return self._node("Sigmoid", [value], self._next())

    def _settled_chain(self, layers: Sequence[Layer], path: str, value: str) -> str:
        after, written = self.chain(layers, path, value)
        return self._settled(written, after)

    def _settled(self, written: int | None, value: str) -> str:
        """Write what follows the tensor of a layer: nothing in floats, in int8 its two nodes."""
        if written is None:
            return value
        self.tensors[written] = value
        if self._precision != "int8":
            return value
        if self.nodes and self.nodes[-1].op_type == "Relu" and self.nodes[-1].output[0] == value:
            value = self.nodes.pop().input[0]
        scale, zero = self._ranges[written]
        both = [self._tensor(f"a{written}", np.float32(scale)), self._tensor(f"z{written}", np.int8(zero))]
        levels = self._node("QuantizeLinear", [value, *both], f"q{written}")
        return self._node("DequantizeLinear", [levels, *both], f"d{written}")

    def _norm(self, name: str) -> tuple[Array, Array]:
        """Return the factor and the summand of each channel, in double precision."""
        scale, shift, mean, variance = (
            self._state[f"{name}.{tensor}"].numpy().astype(np.float64)
            for tensor in ("weight", "bias", "running_mean", "running_var")
        )
        factors = scale / np.sqrt(variance + EPSILON)
        return factors, shift - mean * factors

    def _folded(self, name: str, norm: str | None) -> tuple[Array, Array]:
        """Return weights [out, in, k, k] and biases [out] of a convolution or linear layer and the norm after it."""
        weights = self._state[f"{name}.weight"].numpy().astype(np.float64)
        weights = weights.reshape(*weights.shape, *[1] * (4 - weights.ndim))
        own = self._state.get(f"{name}.bias")
        biases = np.zeros(len(weights)) if own is None else own.numpy().astype(np.float64)
        if norm is None:
            return weights, biases
        factors, summands = self._norm(norm)
        return weights * factors.reshape(-1, 1, 1, 1), biases * factors + summands

    def _convolution(self, layer: Conv | Linear, weights: Array, biases: Array, value: str) -> str:
        name = self._next()
        if self._precision == "int8":
            levels, scales = quantised(weights)
            inputs = [self._tensor(f"w{name}", levels), self._tensor(f"s{name}", scales)]
            weight, kind = self._node("DequantizeLinear", inputs, f"v{name}", axis=0), "<f4"
        else:
            kind = "<f2" if self._precision == "fp16" else "<f4"
            largest = max(np.abs(weights).max(), np.abs(biases).max())
            if largest > np.finfo(kind).max:
                raise DataError(f"a folded weight of {largest:.3g} is more than {self._precision} holds: take int8.")
            weight = self._tensor(f"w{name}", weights.astype(kind))
        words: dict[str, Any] = {}
        if isinstance(layer, Conv):
            words |= {"pads": [layer.kernel // 2] * 4} if layer.kernel > 1 else {}
            words |= {"strides": [layer.stride] * 2} if layer.stride > 1 else {}
            words |= {"group": layer.groups} if layer.groups > 1 else {}
        return self._node("Conv", [value, weight, self._tensor(f"b{name}", biases.astype(kind))], name, **words)

    def _next(self) -> str:
        self._count += 1
        return str(self._count)

    def _node(self, kind: str, inputs: Sequence[str], output: str, **words: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, list(inputs), [output], **words))
        return output

    def _tensor(self, name: str, value: Any) -> str:
        from onnx import TensorProto

        kinds = {"f4": TensorProto.FLOAT, "f2": TensorProto.FLOAT16, "i1": TensorProto.INT8}
        kind = kinds[value.dtype.str[1:]]
        self.initializers.append(TensorProto(name=name, dims=value.shape, data_type=kind, raw_data=value.tobytes()))
        return name
