"""What a certificate records of its ONNX files: bytes, found and counted, and right answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from budgetnas.arch.device import Precision, file_bytes, weights_bytes
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.device_check import precision_of, ranges_of
from budgetnas.certificates.device_graph import device_graph
from budgetnas.certificates.onnx_check import takes_raw_pixels
from budgetnas.certificates.onnx_run import read_model, run_onnx
from budgetnas.certificates.predict import normalised
from budgetnas.certificates.quantise import calibrated, calibration_images
from budgetnas.data.dataset import Images, Split
from budgetnas.exceptions import StorageError

ONNX = "model.onnx"
QUANTISED: Mapping[str, Precision] = {"model.int8.onnx": "int8", "model.fp16.onnx": "fp16"}
_AT_ONCE = 1024  # images in memory as floats
_CLOSE = 0.01  # of a scale, which is rounded to 8 bits
_TIE = 0.02  # of the largest logit: tensors rounded the other way may move logits so far


def file_facts(
    contents: Mapping[str, bytes], spec: ResNetSpec, shape: DataShape, measured: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return what `results.json` records of ONNX files, by their names.

    Args:
        contents: the files.
        spec: the architecture.
        shape: shape of images, and number of classes.
        measured: further facts of each file.
    """
    return {name: sizes(content, spec, shape) | dict(measured.get(name, {})) for name, content in contents.items()}


def sizes(content: bytes, spec: ResNetSpec, shape: DataShape) -> dict[str, Any]:
    """Return the size of a file in bytes, and what was counted: null for a model whose norms are not folded."""
    precision, counted = precision_of(content), None
    if precision is not None:
        layers = lower(spec, shape)
        counted = {
            "precision": precision,
            "weights_bytes": weights_bytes(layers, precision),
            "file_bytes": file_bytes(layers, precision),
        }
    return {"bytes": len(content), "counted": counted}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """The answers of a file on a split.

    Attributes:
        right: whether each is right, [N].
        near: whether the two largest logits are so close that another machine may answer otherwise, [N].
    """

    right: npt.NDArray[np.bool_]
    near: npt.NDArray[np.bool_]

    @property
    def correct(self) -> int:
        """Number of right answers."""
        return int(self.right.sum())


def answers(content: bytes, split: Split, arch: dict[str, Any]) -> Answers:
    """Return the answers of a model that is known to be ours, computed node by node by onnxruntime.

    Raises:
        OnnxMissingError: onnx or onnxruntime is not installed.
    """
    parts = [split.images[start : start + _AT_ONCE] for start in range(0, len(split), _AT_ONCE)]
    logits = np.concatenate([run_onnx(content, as_taken(content, part, arch), is_exact=True) for part in parts])
    second, first = np.sort(logits, axis=1)[:, -2:].T if logits.shape[1] > 1 else (logits[:, 0] - 1, logits[:, 0])
    near = first - second <= _TIE * np.maximum(1.0, np.abs(logits).max(axis=1))
    return Answers(right=logits.argmax(axis=1) == split.labels, near=near)


def check_answers(content: bytes, split: Split, arch: dict[str, Any], entry: Mapping[str, Any]) -> str:
    """Hold the answers of a model on a test split to the recorded number; return a line that says what agrees.

    Raises:
        OnnxMissingError: onnx or onnxruntime is not installed.
        StorageError: more answers differ than nearly tie.
    """
    found = answers(content, split, arch)
    near = int(found.near.sum())
    finding = (
        f"{found.correct:,} of {len(split):,} right, {entry['test_correct']:,} of {entry['test_images']:,} recorded; "
        f"the two largest logits of {near:,} nearly tie"
    )
    if len(split) != entry["test_images"] or abs(found.correct - entry["test_correct"]) > near:
        raise StorageError(finding)
    return finding


def check_calibration(
    content: bytes, spec: ResNetSpec, shape: DataShape, state: Mapping[str, Tensor], train: Split, arch: dict[str, Any]
) -> str:
    """Calibrate an int8 file again, and hold its scales and zero points to that; return what agrees.

    Raises:
        OnnxMissingError: onnx or onnxruntime is not installed.
        StorageError: the ranges of a tensor differ by more than rounding on another machine.
    """
    words = {key: arch["normalisation"][key] for key in ("mean", "std")}
    images = calibration_images(train)
    again = calibrated(device_graph(spec, shape, state, "fp32", **words), as_taken(content, images, arch))
    for number, (scale, zero) in ranges_of(read_model(content)).items():
        expected, point = again[number]
        if abs(scale - expected) > _CLOSE * expected or abs(zero - point) > 1:
            raise StorageError(f"tensor {number} has another range than on {len(images):,} training images")
    return f"ranges are those of {len(images):,} training images"


def as_taken(content: bytes, images: Images, arch: dict[str, Any]) -> npt.NDArray[Any]:
    """Return raw images [N, H, W, C] uint8 as a model takes them: [N, C, H, W], raw or normalised."""
    raw = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return raw if takes_raw_pixels(content) else normalised(raw, arch).numpy()
