"""The checks of the ONNX files of a certificate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.certificate import RESULTS, WEIGHTS, load_network
from budgetnas.certificates.device_check import check_device_file, precision_of
from budgetnas.certificates.json_files import ARCH
from budgetnas.certificates.onnx_check import explain
from budgetnas.certificates.onnx_files import QUANTISED, as_taken, check_answers, check_calibration, sizes
from budgetnas.certificates.onnx_run import run_onnx
from budgetnas.certificates.predict import logits
from budgetnas.data.dataset import Dataset
from budgetnas.exceptions import StorageError
from budgetnas.storage.files import parse_json

CLOSE = 1e-4  # between ONNX and torch
_IMAGES = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class OnnxChecks:
    """The checks of ONNX files; each returns a line that says what agrees, or raises a BudgetNASError.

    Attributes:
        files: of the certificate, by name.
        arch: content of `arch.json`.
        spec: the architecture.
        shape: shape of images, and number of classes.
    """

    files: Mapping[str, bytes]
    arch: dict[str, Any]
    spec: ResNetSpec
    shape: DataShape

    def check(self, name: str) -> str:
        """Hold a file to weights and counts, and its logits of random images to torch's where it is in floats."""
        finding = self._explained(name)
        return finding if name in QUANTISED else f"{finding}; {self._compared(name)}"

    def test(self, name: str, data: Dataset, manifest: Mapping[str, Any]) -> str:
        """Test a file, once it is known to be ours; calibrate one of int8 again on the data of the training."""
        self._explained(name)
        entry, findings = self._recorded()[name], []
        if entry.get("test_images"):
            findings.append(check_answers(self.files[name], data.test, self.arch, entry))
        if QUANTISED.get(name) == "int8" and data.fingerprint == manifest["data"]["fingerprint"]:
            state = self._network().state_dict()
            findings.append(check_calibration(self.files[name], self.spec, self.shape, state, data.train, self.arch))
        return "; ".join(findings) or "none is recorded"

    def _explained(self, name: str) -> str:
        """Compare a file with what we write; one that passes is safe to run."""
        content, state = self.files[name], self._network().state_dict()
        precision = QUANTISED.get(name) or precision_of(content)
        words = {key: self.arch["normalisation"][key] for key in ("mean", "std")}
        if precision is not None:
            finding = check_device_file(content, self.spec, self.shape, state, precision, **words)
        else:
            found = explain(content, self.spec, self.shape, state)
            if found.discrepancies:
                raise StorageError("; ".join(found.discrepancies))
            if {"mean": [*found.mean], "std": [*found.std]} != words:
                raise StorageError(f"says that images are normalised otherwise than {ARCH} does")
            finding = found.summary
        recorded = self._recorded()
        is_sized = name in recorded or precision is not None
        if is_sized and not sizes(content, self.spec, self.shape).items() <= recorded[name].items():
            raise StorageError(f"has another size than {RESULTS} says")
        return finding

    def _compared(self, name: str) -> str:
        content, shape = self.files[name], self.shape
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (_IMAGES, shape.height, shape.width, shape.channels), dtype=np.uint8)
        ours = logits(self._network(), images, self.arch).numpy()
        difference = float(np.abs(ours - run_onnx(content, as_taken(content, images, self.arch))).max())
        if not difference <= CLOSE * max(1.0, float(np.abs(ours).max())):
            raise StorageError(f"differs from torch by {difference:.2g} on random images")
        return f"on {_IMAGES} random images at most {difference:.1e} from torch"

    def _network(self) -> nn.Module:
        return load_network(self.spec, self.shape, self.files[WEIGHTS])

    def _recorded(self) -> Mapping[str, Any]:
        """Return what `results.json` records of ONNX files; older certificates record nothing."""
        results = parse_json(self.files[RESULTS], where=Path(RESULTS)) if RESULTS in self.files else {}
        recorded: Mapping[str, Any] = results.get("files", {})
        return recorded
