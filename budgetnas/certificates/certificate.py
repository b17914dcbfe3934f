"""A certificate: a self-verifying folder with a trained network, its architecture, costs, results and provenance."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import torch as safetensors
from torch import Tensor, nn

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.budget import Budget
from budgetnas.certificates.card import card
from budgetnas.certificates.device_graph import device_graph, serialised
from budgetnas.certificates.json_files import (
    ARCH,
    ARCH_FORMAT,
    MANIFEST,
    make_manifest,
    read_arch,
    read_manifest,
    read_member,
    size_caps,
)
from budgetnas.certificates.ledger import ledger_csv
from budgetnas.certificates.names import rename_from_source, rename_to_source
from budgetnas.certificates.onnx_files import ONNX, file_facts
from budgetnas.certificates.onnx_graph import MISSING, onnx_bytes
from budgetnas.certificates.predict import write_reading
from budgetnas.certificates.source import model_source
from budgetnas.config.recipe import Recipe, write_recipe
from budgetnas.config.sections import DataConfig
from budgetnas.exceptions import DataError, StorageError
from budgetnas.models.build import build_model, read_state, unpack
from budgetnas.storage.files import dump_json, write_bytes

SOURCE, WEIGHTS = "model.py", "model.safetensors"
LEDGER, RESULTS, RECIPE, CARD = "ledger.csv", "results.json", "recipe.toml", "README.md"


@dataclass(frozen=True, kw_only=True, slots=True)
class CertifiedNetwork:
    """A trained network and everything that its certificate states.

    Attributes:
        spec: the architecture.
        shape: shape of images, and number of classes.
        classes: class names, by label.
        dataset: name of the data set.
        fingerprint: SHA-256 of the data set.
        source: `[data]` keys that loaded it; None where they were not recorded.
        notice: a warning to print beside every result on the data set; "" for none.
        mean: per channel of raw [0, 255] pixels, for normalisation.
        std: standard deviation per channel of raw [0, 255] pixels.
        weights: the built network's tensors as safetensors.
        recipe: the training recipe.
        budget: the search's budget, or None.
        results: every accuracy, with seed, split and epoch, as JSON values.
        provenance: command, versions, hardware, commit, as JSON values.
    """

    spec: ResNetSpec
    shape: DataShape
    classes: tuple[str, ...]
    dataset: str
    fingerprint: str
    source: DataConfig | None
    notice: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    weights: bytes
    recipe: Recipe
    budget: Budget | None
    results: Mapping[str, Any]
    provenance: Mapping[str, Any]

    @property
    def caps_bytes(self) -> bool:
        """Whether its search capped the bytes of the file, which holds for one with folded norms."""
        return self.budget is not None and self.budget.max_bytes is not None

    def arch(self) -> dict[str, Any]:
        """Return the content of `arch.json`."""
        cost = count(self.spec, self.shape)
        return {
            "format": ARCH_FORMAT,
            "id": self.spec.id,
            "spec": self.spec.to_json(),
            "shape": asdict(self.shape),
            "classes": list(self.classes),
            "dataset": self.dataset,
            "notice": self.notice or None,
            "normalisation": {
                "mean": list(self.mean),
                "std": list(self.std),
                "of": "raw pixels in [0, 255], per channel",
            },
            **asdict(cost),
            "max_params": self.budget and self.budget.max_params,
            "max_macs": self.budget and self.budget.max_macs,
            **({} if self.budget is None else size_caps(self.budget)),
        }


def onnx_of(net: CertifiedNetwork, *, with_preprocessing: bool, fold_norms: bool) -> bytes | None:
    """Return `model.onnx` of a network; None where onnx is not installed.

    Args:
        net: the network.
        with_preprocessing: whether it takes raw pixels; not with folded norms.
        fold_norms: whether each norm is folded into the convolution before it.

    Raises:
        DataError: the network is too large for one file.
    """
    state = read_state(net.weights)
    words: dict[str, Any] = {"mean": net.mean, "std": net.std}
    if not fold_norms:
        return onnx_bytes(net.spec, net.shape, state, with_preprocessing=with_preprocessing, **words)
    try:
        return serialised(device_graph(net.spec, net.shape, state, "fp32", **words))
    except ImportError:
        return None


def write_certificate(
    folder: Path,
    net: CertifiedNetwork,
    *,
    with_preprocessing: bool = False,
    fold_norms: bool = False,
    quantised: Mapping[str, bytes] | None = None,
    measured: Mapping[str, Mapping[str, Any]] | None = None,
) -> str | None:
    """Write a certificate, whole or not at all; an existing one is replaced.

    Args:
        folder: folder of the certificate.
        net: the network.
        with_preprocessing: whether `model.onnx` takes raw pixels; not with folded norms.
        fold_norms: whether its norms are folded into the convolutions before them.
        quantised: content of `model.int8.onnx` or `model.fp16.onnx`, by name.
        measured: further facts to record of each ONNX file, by its name.

    Returns:
        A line that says which file could not be made and how to fix that; None where all were made.

    Raises:
        StorageError: the folder cannot be written; an existing certificate stays as it was.
    """
    state = rename_to_source(read_state(net.weights), net.spec)
    onnx = onnx_of(net, with_preprocessing=with_preprocessing, fold_norms=fold_norms)
    graphs = ({} if onnx is None else {ONNX: onnx}) | dict(quantised or {})
    results = dict(net.results)
    if fold_norms or quantised:
        results["files"] = file_facts(graphs, net.spec, net.shape, measured or {})
    files = {
        ARCH: dump_json(net.arch()),
        SOURCE: model_source(net.spec, net.shape).encode(),
        WEIGHTS: safetensors.save(state),
        **graphs,
        LEDGER: ledger_csv(net.spec, net.shape).encode(),
        RESULTS: dump_json(results),
        RECIPE: write_recipe(net.recipe).encode(),
        CARD: card(net.arch(), results, net.provenance, has_onnx=onnx is not None).encode(),
    }
    data = {"name": net.dataset, "fingerprint": net.fingerprint, **(write_reading(net.source) if net.source else {})}
    provenance = {**net.provenance, "data": data}
    files[MANIFEST] = dump_json(make_manifest(net.spec.id, files, provenance))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    except OSError as error:
        raise StorageError(f"`{folder}` cannot be written ({error.strerror}): choose another folder.") from error
    try:
        for name, content in files.items():
            write_bytes(new / name, content)
        new.chmod(0o755)
        _swap(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return MISSING if onnx is None else None


def _swap(new: Path, folder: Path) -> None:
    """Replace the old folder by the new one; the old one is removed last."""
    if not folder.exists():
        new.replace(folder)
        return
    old = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.old."))
    folder.replace(old / folder.name)
    try:
        new.replace(folder)
    except BaseException:
        (old / folder.name).replace(folder)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def load_certificate(folder: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """Return the network of a certificate, in evaluation mode, and the content of its `arch.json`.

    The network takes normalised images [N, C, H, W] and returns logits [N, classes]. Both files are checked against
    the hashes of the manifest. No code from the folder runs.

    Raises:
        BudgetNASError: a file is missing, damaged, or does not match the others.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    arch, spec, shape = read_arch(read_member(folder, ARCH, manifest), where=folder / ARCH)
    weights = read_member(folder, WEIGHTS, manifest)
    return load_network(spec, shape, weights), arch


def load_network(spec: ResNetSpec, shape: DataShape, weights: bytes) -> nn.Module:
    """Build a network in evaluation mode with the weights of a certificate.

    Raises:
        DataError: the weights are damaged, or belong to another architecture.
    """
    state: dict[str, Tensor] = rename_from_source(read_state(weights), spec)
    with torch.device("meta"):  # shapes without memory: a foreign file may state any size
        sizes = {name: tensor.shape for name, tensor in build_model(spec, shape).state_dict().items()}
    odd = [name for name, tensor in state.items() if tensor.shape != sizes[name]]
    if odd:
        raise DataError(
            f"the file of weights holds {odd[0]!r} in another size than `{spec.id}` ({len(odd)} such): take the file "
            "that belongs to the network."
        )
    return unpack(build_model(spec, shape), safetensors.save(state)).eval()
