"""ONNX models of anyone: read as one protobuf, without opening another file, and run by onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from budgetnas.arrays import Array
from budgetnas.certificates.onnx_graph import INPUT
from budgetnas.exceptions import DataError
from budgetnas.text import one_line


class OnnxMissingError(DataError):
    """onnx or onnxruntime is not installed."""


def run_onnx(content: bytes, images: Array, *, batch: int = 256, is_exact: bool = False) -> npt.NDArray[np.float32]:
    """Return the logits [N, classes] of images [N, C, H, W] by onnxruntime, on one CPU thread.

    Args:
        content: bytes of the model.
        images: as the model takes them.
        batch: images at a time.
        is_exact: whether the graph runs node by node; integer kernels of some processors saturate.

    Raises:
        OnnxMissingError: onnx or onnxruntime is not installed.
        DataError: the model cannot be run, its tensors are in another file, or it returns no logits.
    """
    require_runtime()
    read_model(content)
    starts = range(0, max(1, len(images)), batch)
    try:
        session = session_of(content, is_exact=is_exact)
        logits = np.concatenate([session.run(None, {INPUT: images[start : start + batch]})[0] for start in starts])
    except Exception as error:  # onnxruntime has no base class of its own
        reason = one_line(error)
        raise DataError(f"`model.onnx` cannot be run ({shown(reason)}): export the network again.") from error
    if logits.dtype != np.float32 or logits.ndim != 2 or len(logits) != len(images):
        raise DataError("`model.onnx` does not give logits [N, classes]: export the network again.")
    return logits


def require_runtime() -> None:
    """Check that onnx and onnxruntime are installed.

    Raises:
        OnnxMissingError: one of them is not.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise OnnxMissingError(f"{error.name} is not installed: pip install 'budgetnas[onnx]'.") from error


def session_of(content: bytes, *, is_exact: bool) -> Any:
    """Return an onnxruntime session on one CPU thread, with or without the runtime's changes to the graph."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if is_exact:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def read_model(content: bytes) -> Any:
    """Parse a model; no other file is opened.

    Raises:
        OnnxMissingError: onnx is not installed.
        DataError: the bytes are no ONNX model, or its tensors are in another file.
    """
    try:
        import onnx
    except ImportError as error:
        raise OnnxMissingError("onnx is not installed: pip install 'budgetnas[onnx]'.") from error
    try:
        model = onnx.load_model_from_string(content)
        tensors = model.graph.initializer
        # A damaged name reads as bytes or raises an error, depending on protobuf's version.
        is_text = all(isinstance(tensor.name, str) for tensor in tensors)
        lies_elsewhere = any(message.data_location or message.external_data for message in _tensors(model))
    except Exception as error:  # protobuf's own, which cannot be named without importing it
        raise DataError("`model.onnx` is no ONNX model: export the network again.") from error
    if not is_text:
        raise DataError("`model.onnx` is no ONNX model: export the network again.")
    if not tensors or lies_elsewhere:
        raise DataError("`model.onnx` does not hold its own weights: export the network again.")
    return model


def _tensors(message: Any) -> Iterator[Any]:
    """Yield every tensor of a model, including those in nodes, subgraphs and functions."""
    if message.DESCRIPTOR.name == "TensorProto":
        yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in (value,) if hasattr(value, "ListFields") else value:
                yield from _tensors(part)


def shown(word: Any) -> str:
    """Return a word of a foreign file, safe to print."""
    return str(word)[:200] if isinstance(word, str) and word.isprintable() else ascii(word)[:200]
