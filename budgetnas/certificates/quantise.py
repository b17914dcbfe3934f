"""Post-training quantisation of a network to int8, calibrated by onnxruntime on images of the training split alone.

The range of a tensor is that from its least to its largest value over the calibration images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.arrays import Array
from budgetnas.certificates.device_graph import DeviceGraph, Range, device_graph, range_of
from budgetnas.certificates.onnx_graph import INPUT
from budgetnas.certificates.onnx_run import session_of
from budgetnas.data.dataset import Split

IMAGES, SEED = 512, 0
_BATCH = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """How the ranges of tensors were found.

    Attributes:
        split: of the images, "train".
        images: their number.
        seed: of the draw among all training images.
        onnxruntime: version that computed the tensors.
    """

    split: str
    images: int
    seed: int
    onnxruntime: str

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def calibration_images(train: Split) -> npt.NDArray[np.uint8]:
    """Return the images [N, H, W, C] to calibrate on: 512 of the training split, or all of a smaller one."""
    number = min(IMAGES, len(train))
    chosen = np.random.default_rng(SEED).choice(len(train), number, replace=False)
    return train.images[np.sort(chosen)]


def calibrated(graph: DeviceGraph, images: npt.NDArray[np.float32]) -> dict[int, Range]:
    """Return scale and zero point of each tensor of a graph in floats, by the number of its layer.

    Args:
        graph: of the same network in fp32.
        images: normalised [N, C, H, W].

    Raises:
        OnnxMissingError: onnxruntime is not installed.
    """
    from onnx import ModelProto, helper

    model = ModelProto()
    model.CopyFrom(graph.model)
    ends = {"ReduceMin": "low", "ReduceMax": "high"}
    names = [f"{end}{number}" for number in graph.tensors for end in ends.values()]
    for number, value in graph.tensors.items():
        model.graph.node.extend(
            helper.make_node(kind, [value], [f"{end}{number}"], keepdims=0) for kind, end in ends.items()
        )
    model.graph.output.extend(map(helper.make_empty_tensor_value_info, names))
    session = session_of(model.SerializeToString(), is_exact=True)
    rows = [
        np.array(session.run(names, {INPUT: images[start : start + _BATCH]})) for start in range(0, len(images), _BATCH)
    ]
    lows, highs = np.min(rows, axis=0)[::2], np.max(rows, axis=0)[1::2]
    pairs = zip(graph.tensors, lows.tolist(), highs.tolist(), strict=True)
    return {number: range_of(low, high) for number, low, high in pairs}


def quantise(
    spec: ResNetSpec,
    shape: DataShape,
    state: Mapping[str, Tensor],
    images: Array,
    *,
    mean: Sequence[float],
    std: Sequence[float],
) -> tuple[DeviceGraph, Calibration]:
    """Return the int8 graph of a network, and how it was calibrated.

    Args:
        spec: the architecture.
        shape: shape of images, and number of classes.
        state: tensors by their names in the built network.
        images: to calibrate on, normalised [N, C, H, W] float32.
        mean: per channel of raw [0, 255] pixels.
        std: standard deviation per channel of raw [0, 255] pixels.

    Raises:
        OnnxMissingError: onnx or onnxruntime is not installed.
    """
    import onnxruntime

    words: dict[str, Any] = {"mean": mean, "std": std}
    ranges = calibrated(device_graph(spec, shape, state, "fp32", **words), images)
    graph = device_graph(spec, shape, state, "int8", ranges=ranges, **words)
    version = str(onnxruntime.__version__)
    return graph, Calibration(split="train", images=len(images), seed=SEED, onnxruntime=version)
