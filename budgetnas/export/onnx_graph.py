"""`model.onnx`: the layers of a network as an ONNX graph, one `match`, its tensors under the names of the ledger.

Nothing is folded, so every initialiser is a tensor of the network or a constant that is named below. The graph is
written from the layers and not traced: it is the same wherever it is made, and no exporter's notes are in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from budgetnas import __version__
from budgetnas.arch.layers import Act, Conv, GlobalPool, Layer, Linear, Norm, Residual
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec

OPSET, IR_VERSION = 18, 10
INPUT, OUTPUT, AXES, MEAN, STD = "images", "logits", "pixels.axes", "pixels.mean", "pixels.std"
EPSILON = 1e-5  # of torch's batch normalisation
MISSING = "`model.onnx` was not made, since onnx is not installed: pip install 'budgetnas[onnx]' and export again"


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

    Any number of images goes in: float32 [N, C, H, W], normalised by `mean` and `std` per channel of raw [0, 255]
    pixels, as the model's metadata say; or with preprocessing raw uint8 [N, C, H, W]. Logits [N, classes] come out.

    Args:
        spec: the architecture.
        shape: images and classes.
        state: tensors by their name in the built network.
        mean: per channel, of raw [0, 255] pixels.
        std: per channel, likewise.
        with_preprocessing: whether raw pixels go in.
    """
    try:
        import onnx
    except ImportError:
        return None
    graph = _Graph(state)
    value = graph.normalise(mean, std) if with_preprocessing else INPUT
    value = graph.chain(lower(spec, shape), "", value)
    graph.nodes[-1].output[0] = OUTPUT
    kind = onnx.TensorProto.UINT8 if with_preprocessing else onnx.TensorProto.FLOAT
    sides: list[str | int | None] = ["N", shape.channels, shape.height, shape.width]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            spec.id,
            [onnx.helper.make_tensor_value_info(INPUT, kind, sides)],
            [onnx.helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, ["N", shape.classes])],
            graph.initializers,
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        producer_name="budgetnas",
        producer_version=__version__,
        ir_version=IR_VERSION,
    )
    inside = "in the model: give raw pixels" if with_preprocessing else "not in the model: give (pixel - mean) / std"
    normalisation = {"mean": list(mean), "std": list(std), "of": "raw pixels in [0, 255], per channel"}
    onnx.helper.set_model_props(
        model, {"architecture": spec.id, "normalisation": json.dumps(normalisation), "normalisation_is": inside}
    )
    return bytes(model.SerializeToString(deterministic=True))


class _Graph:
    """Nodes and initialisers, written layer by layer; every value bears the name of the layer that it comes from."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self._state = state

    def normalise(self, mean: Sequence[float], std: Sequence[float]) -> str:
        from onnx import TensorProto

        shape = (1, len(mean), 1, 1)
        self._put(MEAN, np.array(mean, dtype=np.float32).reshape(shape))
        self._put(STD, np.array(std, dtype=np.float32).reshape(shape))
        raw = self._node("Cast", [INPUT], "pixels", to=TensorProto.FLOAT)
        return self._node("Div", [self._node("Sub", [raw, MEAN], "pixels.centred"), STD], "pixels.scaled")

    def chain(self, layers: Sequence[Layer], path: str, value: str) -> str:
        for i, layer in enumerate(layers):
            value = self._layer(layer, f"{path}{i}", value)
        return value

    def _layer(self, layer: Layer, name: str, value: str) -> str:
        match layer:
            case Conv():
                words = {"kernel_shape": [layer.kernel] * 2, "strides": [layer.stride] * 2}
                return self._node(
                    "Conv", [value, *self._tensors(name, "weight")], name, pads=[layer.kernel // 2] * 4, **words
                )
            case Norm():
                tensors = self._tensors(name, "weight", "bias", "running_mean", "running_var")
                return self._node("BatchNormalization", [value, *tensors], name, epsilon=EPSILON)
            case Act():
                return self._node("Relu", [value], name)
            case GlobalPool():
                self._put(AXES, np.array([2, 3], dtype=np.int64))
                return self._node("ReduceMean", [value, AXES], name, keepdims=0)
            case Linear():
                return self._node("Gemm", [value, *self._tensors(name, "weight", "bias")], name, transB=1)
            case Residual():
                body = self.chain(layer.body, f"{name}.body.", value)
                return self._node("Add", [body, self.chain(layer.shortcut, f"{name}.shortcut.", value)], name)

    def _node(self, kind: str, inputs: Sequence[str], name: str, **words: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, list(inputs), [f"{name}.out"], name=name, **words))
        return f"{name}.out"

    def _tensors(self, name: str, *kinds: str) -> list[str]:
        for kind in kinds:
            self._put(f"{name}.{kind}", self._state[f"{name}.{kind}"].numpy())
        return [f"{name}.{kind}" for kind in kinds]

    def _put(self, name: str, values: Any) -> None:
        from onnx import numpy_helper

        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
