"""The quantised file of a trained network: calibrated on training images, scored on validation, tested once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from budgetnas.certificates.certificate import CertifiedNetwork
from budgetnas.certificates.device_graph import device_graph, serialised
from budgetnas.certificates.onnx_files import ONNX, QUANTISED, answers
from budgetnas.certificates.onnx_run import OnnxMissingError, require_runtime
from budgetnas.certificates.predict import normalised
from budgetnas.certificates.quantise import calibration_images, quantise
from budgetnas.data.dataset import Dataset, Split
from budgetnas.data.load import load_dataset
from budgetnas.evidence.accuracy import wilson
from budgetnas.exceptions import DataError, UsageError
from budgetnas.models.build import read_state
from budgetnas.storage.files import digest
from budgetnas.trials.facts import Look

RecordLook = Callable[[str, Callable[[], Look]], tuple[Look, int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantisedFile:
    """A quantised file of a network, and what was measured of both ONNX files.

    Attributes:
        name: of the file.
        content: of the file.
        measured: facts of each ONNX file, by its name.
        looks: at the test set in the whole run, this one included; None where it was not read.
    """

    name: str
    content: bytes
    measured: Mapping[str, Mapping[str, Any]]
    looks: int | None

    def results(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """Return the results of the network with the number of looks that it is now."""
        chosen = before["chosen"]
        if chosen is None or self.looks is None:
            return dict(before)
        return {**before, "chosen": {**chosen, "test_looks": self.looks}}


def check_quantisation(asked: str | None) -> None:
    """Check what can be checked before anything is read or written.

    Raises:
        UsageError: the precision is not one to quantise to, or onnx or onnxruntime is not installed.
    """
    if asked is None:
        return
    if asked not in QUANTISED.values():
        raise UsageError(f"is {asked!r:.80}, but must be {' or '.join(QUANTISED.values())}.", argument="quantize")
    try:
        require_runtime()
    except OnnxMissingError as error:
        rule = str(error).rstrip(".").replace(": ", ", which it needs: ")
        raise UsageError(f"is {asked}, but {rule}, or leave it out.", argument="quantize") from error


def quantised_file(net: CertifiedNetwork, onnx: bytes, precision: str, record: RecordLook) -> QuantisedFile:
    """Quantise a network and measure it, beside its `model.onnx`.

    The test set is read only where it was read for the network already: with the same weights in `model.onnx` that is
    the same look, with quantised ones it is one more.

    Args:
        net: the network; its data set is loaded again.
        onnx: content of its `model.onnx`.
        precision: "int8" or "fp16".
        record: makes a look at the test set under a key, unless it was made, and counts all looks.

    Raises:
        DataError: the data set cannot be loaded, or is another one; a weight is too large for the precision.
        StorageError: the look cannot be recorded.
    """
    (name,) = (name for name, known in QUANTISED.items() if known == precision)
    data, arch, state = _data_of(net), net.arch(), read_state(net.weights)
    measured: dict[str, dict[str, Any]] = {ONNX: {}, name: {}}
    words: dict[str, Any] = {"mean": net.mean, "std": net.std}
    if precision == "int8":
        images = normalised(calibration_images(data.train).transpose(0, 3, 1, 2), arch).numpy()
        graph, calibration = quantise(net.spec, net.shape, state, images, **words)
        measured[name]["calibration"] = calibration.as_json()
    else:
        graph = device_graph(net.spec, net.shape, state, QUANTISED[name], **words)
    content = serialised(graph)
    own = net.results["this_network"]
    if own["validation_images"]:
        for file, one in ((ONNX, onnx), (name, content)):
            measured[file] |= _facts("validation", _look(one, data.validation, arch))
    looks = None
    if own["test_images"]:
        key = f"{precision}/{own['trial']}:{digest(content)}"
        found, looks = record(key, lambda: _look(content, data.test, arch))
        measured[ONNX] |= _facts("test", _look(onnx, data.test, arch))
        measured[name] |= _facts("test", found)
    return QuantisedFile(name=name, content=content, measured=measured, looks=looks)


def _data_of(net: CertifiedNetwork) -> Dataset:
    """Load the data set of a network as its training did."""
    if net.source is None:
        raise DataError(f"`{net.dataset}` cannot be read again, since an older version made the run: train it again.")
    data = load_dataset(net.source)
    if data.fingerprint != net.fingerprint:
        raise DataError(
            f"`{net.source.dataset}` is not the data that the network was trained on (its fingerprint differs): put "
            "that in its place."
        )
    return data


def _look(content: bytes, split: Split, arch: dict[str, Any]) -> Look:
    return Look(correct=answers(content, split, arch).correct, images=len(split))


def _facts(split: str, look: Look) -> dict[str, Any]:
    interval = list(wilson(look.correct, look.images))
    return {f"{split}_correct": look.correct, f"{split}_images": look.images, f"{split}_interval": interval}
