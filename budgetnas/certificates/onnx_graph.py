"""`model.onnx`: the layers of a network as an ONNX graph, written by one `match`, with the ledger's tensor names.

Nothing is folded: every initialiser is a tensor of the network or a constant named below. The graph is written from the
layers, not traced, so it is the same on every machine and has no exporter's metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from budgetnas import __version__
from budgetnas.arch.layers import Act, AvgPool, Conv, GlobalPool, Layer, Linear, Norm, Residual, Scale, Sigmoid
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.arrays import Array
from budgetnas.exceptions import DataError

OPSET, IR_VERSION = 18, 10
INPUT, OUTPUT, AXES, MEAN, STD = "images", "logits", "pixels.axes", "pixels.mean", "pixels.std"
EPSILON = 1e-5  # torch's default for batch normalisation
LARGEST = 2**31 - 2**20  # bytes of weights: a protobuf, graph included, is less than 2 GiB
MISSING = "`model.onnx` was not written, since onnx is not installed: pip install 'budgetnas[onnx]' and export again"


def onnx_bytes(
    spec: ResNetSpec,
    shape: DataShape,
    state: Mapping[str, Tensor],
    *,
    mean: Sequence[float],
    std: Sequence[float],
    with_preprocessing: bool,
) -> bytes | None:
    """Return the model with its weights in one file; None where onnx is not installed.

    The model takes float32 images [N, C, H, W], normalised by `mean` and `std`; with preprocessing, raw uint8 images
    [N, C, H, W]. N is free. It returns logits [N, classes]. Its metadata state the normalisation.

    Args:
        spec: the architecture.
        shape: shape of images, and number of classes.
        state: tensors by their names in the built network.
        mean: per channel of raw [0, 255] pixels.
        std: standard deviation per channel of raw [0, 255] pixels.
        with_preprocessing: whether the model takes raw pixels.

    Raises:
        DataError: the tensors do not match the architecture, or are too large for one file.
    """
    try:
        model = layout(spec, shape, mean=mean, std=std, with_preprocessing=with_preprocessing)
    except ImportError:
        return None
    values = {**stored(state), **constants(mean, std)}
    if sum(value.nbytes for value in values.values()) > LARGEST:
        raise DataError(f"`{spec.id}` has 2 GiB of weights, more than `model.onnx` holds: take a smaller network.")
    for tensor in model.graph.initializer:
        value = values.get(tensor.name)
        if value is None or value.shape != tuple(tensor.dims):
            raise DataError(f"the weights do not fit `{spec.id}` at {tensor.name}: take those that belong to it.")
        tensor.raw_data = value.tobytes()
    return bytes(model.SerializeToString(deterministic=True))


def layout(
    spec: ResNetSpec, shape: DataShape, *, mean: Sequence[float], std: Sequence[float], with_preprocessing: bool
) -> Any:
    """Return the model, an `onnx.ModelProto`, with every tensor's name, type and shape, but no values.

    Raises:
        ImportError: onnx is not installed.
    """
    from onnx import TensorProto, helper

    graph = _Graph()
    value = graph.normalise(shape.channels) if with_preprocessing else INPUT
    graph.chain(lower(spec, shape), "", value)
    graph.nodes[-1].output[0] = OUTPUT
    kind = TensorProto.UINT8 if with_preprocessing else TensorProto.FLOAT
    inside = "in the model: give raw pixels" if with_preprocessing else "not in the model: give (pixel - mean) / std"
    normalisation = {"mean": list(mean), "std": list(std), "of": "raw pixels in [0, 255], per channel"}
    note = f"Normalisation is {inside}; per channel of raw pixels in [0, 255], mean {list(mean)}, std {list(std)}."
    sides: list[str | int | None] = ["N", shape.channels, shape.height, shape.width]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            spec.id,
            [helper.make_tensor_value_info(INPUT, kind, sides, doc_string=note)],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", shape.classes])],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="budgetnas",
        producer_version=__version__,
        ir_version=IR_VERSION,
    )
    helper.set_model_props(
        model, {"architecture": spec.id, "normalisation": json.dumps(normalisation), "normalisation_is": inside}
    )
    return model


def stored(state: Mapping[str, Tensor]) -> dict[str, Array]:
    """Return the tensors of a network as ONNX stores them: float32, little-endian."""
    return {name: np.ascontiguousarray(tensor.numpy(), dtype="<f4") for name, tensor in state.items() if tensor.dim()}


def constants(mean: Sequence[float], std: Sequence[float]) -> dict[str, Array]:
    """Return the constants that a model may have besides the tensors of its network, as ONNX stores them."""
    pixels = {name: np.array(side, dtype="<f4").reshape(1, -1, 1, 1) for name, side in ((MEAN, mean), (STD, std))}
    return {AXES: np.array([2, 3], dtype="<i8"), **pixels}


class _Graph:
    """Nodes and initialisers, written layer by layer; every value has the name of the layer that computes it."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def normalise(self, channels: int) -> str:
        from onnx import TensorProto

        mean, std = (self._tensor(name, 1, channels, 1, 1) for name in (MEAN, STD))
        raw = self._node("Cast", [INPUT], "pixels", to=TensorProto.FLOAT)
        return self._node("Div", [self._node("Sub", [raw, mean], "pixels.centred"), std], "pixels.scaled")

    def chain(self, layers: Sequence[Layer], path: str, value: str) -> str:
        for i, layer in enumerate(layers):
            value = self._layer(layer, f"{path}{i}", value)
        return value

    def _layer(self, layer: Layer, name: str, value: str) -> str:
        match layer:
            case Conv():
                return self._convolution(layer, name, value)
            case Norm():
                kinds = ("weight", "bias", "running_mean", "running_var")
                tensors = [self._tensor(f"{name}.{kind}", layer.channels) for kind in kinds]
                return self._node("BatchNormalization", [value, *tensors], name, epsilon=EPSILON)
            case Act():
                return self._node("Relu", [value], name)
            case Sigmoid():
                return self._node("Sigmoid", [value], name)
            case AvgPool():
                words = {"kernel_shape": [layer.kernel] * 2, "strides": [layer.kernel] * 2, "ceil_mode": 1}
                return self._node("AveragePool", [value], name, count_include_pad=0, **words)
            case GlobalPool():
                return self._node("ReduceMean", [value, self._tensor(AXES, 2)], name, keepdims=0)
            case Linear():
                weight = self._tensor(f"{name}.weight", layer.out_features, layer.in_features)
                bias = self._tensor(f"{name}.bias", layer.out_features)
                return self._node("Gemm", [value, weight, bias], name, transB=1)
            case Residual():
                body = self.chain(layer.body, f"{name}.body.", value)
                return self._node("Add", [body, self.chain(layer.shortcut, f"{name}.shortcut.", value)], name)
            case Scale():
                gate = self.chain(layer.gate, f"{name}.gate.", value)
                factors = self._node("Unsqueeze", [gate, self._tensor(AXES, 2)], f"{name}.factors")
                return self._node("Mul", [value, factors], name)

    def _convolution(self, conv: Conv, name: str, value: str) -> str:
        kernel = [conv.kernel] * 2
        weight = self._tensor(f"{name}.weight", conv.out_channels, conv.in_channels // conv.groups, *kernel)
        words: dict[str, Any] = {"kernel_shape": kernel, "strides": [conv.stride] * 2}
        if conv.groups > 1:
            words["group"] = conv.groups
        return self._node("Conv", [value, weight], name, pads=[conv.kernel // 2] * 4, **words)

    def _node(self, kind: str, inputs: Sequence[str], name: str, **words: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, list(inputs), [f"{name}.out"], name=name, **words))
        return f"{name}.out"

    def _tensor(self, name: str, *sides: int) -> str:
        from onnx import TensorProto

        if name == AXES and any(tensor.name == AXES for tensor in self.initializers):
            return name  # a constant is there once, for all nodes
        kind = TensorProto.INT64 if name == AXES else TensorProto.FLOAT
        self.initializers.append(TensorProto(name=name, dims=sides, data_type=kind))
        return name
