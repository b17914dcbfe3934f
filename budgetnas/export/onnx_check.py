"""`model.onnx` read back: its initialisers explained line by line, and its logits beside torch's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.complexity.counter import ledger
from budgetnas.exceptions import DataError
from budgetnas.export.ledger import buffers
from budgetnas.export.onnx_graph import AXES, INPUT, MEAN, STD

FloatArray = npt.NDArray[np.float32]
_STATISTICS = ("running_mean", "running_var")


class OnnxMissingError(DataError):
    """onnx or onnxruntime is not installed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """The initialisers of a model.

    Attributes:
        rows: (name, elements, what it is) of every initialiser.
        params: elements of those that are trainable parameters.
        statistics: elements of those that are means and variances of batch normalisation.
        constants: elements of the others.
        discrepancies: where they differ from the ledger, a line each; empty where all agrees.
    """

    rows: tuple[tuple[str, int, str], ...]
    params: int
    statistics: int
    constants: int
    discrepancies: tuple[str, ...]

    @property
    def told(self) -> str:
        """What agrees, in a line."""
        return (
            f"{len(self.rows)} initialisers: {self.params:,} parameters as in the ledger, {self.statistics:,} "
            f"batch-norm means and variances (its counters are not needed), {self.constants:,} constants; nothing is "
            "folded"
        )


def explain(content: bytes, spec: ResNetSpec, shape: DataShape) -> Explained:
    """Say of every initialiser what it is, and hold the sums against the ledger.

    Raises:
        OnnxMissingError: onnx is not installed.
        DataError: the bytes are no ONNX model, or its tensors lie elsewhere.
    """
    rows, odd = [], []
    sums = {"parameter": 0, "statistic": 0, "constant": 0}
    found: dict[str, list[int]] = {}
    for name, elements in _initializers(content):
        layer, _, tensor = name.rpartition(".")
        if name in (AXES, MEAN, STD):
            kind, told = (
                "constant",
                f"a constant: {'the sides to average over' if name == AXES else 'of normalisation'}",
            )
        elif tensor in _STATISTICS:
            kind, told = "statistic", f"{tensor} of batch normalisation {layer}"
        else:
            kind, told = "parameter", f"{tensor} of layer {layer}"
        rows.append((name, elements, told))
        sums[kind] += elements
        if kind != "constant":
            found.setdefault(layer, [0, 0])[kind == "statistic"] += elements
    for row in ledger(lower(spec, shape), shape):
        statistics = max(0, buffers(row) - 1)  # without the counter, which no inference needs
        stored = found.pop(row.name, [0, 0])
        if stored != [row.params, statistics]:
            odd.append(
                f"{row.name} holds {stored[0]:,} + {stored[1]:,} numbers, the ledger {row.params:,} + {statistics:,}"
            )
    odd += [f"{layer} is no layer of {spec.id}" for layer in found]
    return Explained(
        rows=tuple(rows),
        params=sums["parameter"],
        statistics=sums["statistic"],
        constants=sums["constant"],
        discrepancies=tuple(odd),
    )


def run_onnx(content: bytes, images: npt.NDArray[Any], *, batch: int = 256) -> FloatArray:
    """Return the logits [N, classes] of images [N, C, H, W] by onnxruntime, on one CPU thread.

    Raises:
        OnnxMissingError: onnxruntime is not installed.
        DataError: it cannot run the model.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise OnnxMissingError("onnxruntime is not installed: pip install 'budgetnas[onnx]'.") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        parts = [session.run(None, {INPUT: images[start : start + batch]})[0] for start in range(0, len(images), batch)]
    except Exception as error:  # onnxruntime has no base class of its own
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"`model.onnx` cannot be run ({reason}): export the network again.") from error
    return np.concatenate(parts)


def takes_raw_pixels(content: bytes) -> bool:
    """Tell whether normalisation is inside a model."""
    return any(name == MEAN for name, _ in _initializers(content))


def _initializers(content: bytes) -> list[tuple[str, int]]:
    """Parse a model: only a protobuf is read, and no other file."""
    try:
        import onnx
    except ImportError as error:
        raise OnnxMissingError("onnx is not installed: pip install 'budgetnas[onnx]'.") from error
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's own, which cannot be named without importing it
        raise DataError("`model.onnx` is no ONNX model: export the network again.") from error
    tensors = model.graph.initializer
    if not tensors or any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors):
        raise DataError("`model.onnx` does not hold its own weights: export the network again.")
    return [(tensor.name, int(np.prod(tensor.dims, dtype=np.int64))) for tensor in tensors]
