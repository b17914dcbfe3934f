"""The check of a certificate: hashes, counts, source, weights, ONNX and, given the data, its test accuracy.

No code from the folder runs: `model.py` is generated again from `arch.json` and compared byte for byte, and weights are
safetensors. A passed check shows that the folder is complete and consistent, not who made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.card import card
from budgetnas.certificates.certificate import CARD, LEDGER, ONNX, RECIPE, RESULTS, SOURCE, WEIGHTS, load_network
from budgetnas.certificates.front_matter import MARK
from budgetnas.certificates.json_files import ARCH, MANIFEST, read_arch, read_manifest, read_member
from budgetnas.certificates.ledger import ledger_csv, reconcile
from budgetnas.certificates.onnx_check import OnnxMissingError, explain, run_onnx, takes_raw_pixels
from budgetnas.certificates.predict import logits, normalised, read_reading
from budgetnas.certificates.source import model_source
from budgetnas.config.recipe import Recipe, write_recipe
from budgetnas.config.recorded import recipe_then, younger
from budgetnas.config.toml import build
from budgetnas.data.dataset import Dataset
from budgetnas.exceptions import BudgetNASError, StorageError
from budgetnas.models.build import read_state
from budgetnas.storage.files import parse_json
from budgetnas.text import one_line

TIE = 1e-3  # between the top two logits: another machine may round to the other class
CLOSE = 1e-4  # between ONNX and torch
NEEDED = (ARCH, SOURCE, WEIGHTS, LEDGER, RESULTS, RECIPE, CARD)
_IMAGES = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        name: the file or property that was checked.
        passed: whether the check passed; None where it cannot run here.
        finding: in one line.
    """

    name: str
    passed: bool | None
    finding: str


def verify(folder: Path, data: Dataset | None = None) -> Iterator[Check]:
    """Check a certificate step by step; steps that depend on a failed one are skipped.

    Args:
        folder: folder of the certificate.
        data: the data set on whose test split to test the network, if any.

    Yields:
        The results, in order, as they are found.
    """
    try:
        manifest = read_manifest(folder)
        read_reading(manifest)
    except BudgetNASError as error:
        yield Check(name=MANIFEST, passed=False, finding=str(error))
        return
    yield Check(name=MANIFEST, passed=True, finding=f"digest {manifest['digest']}")
    files: dict[str, bytes] = {}
    yield from _hashes(folder, manifest, files)
    if ARCH not in files:
        return
    try:
        arch, spec, shape = read_arch(files[ARCH], where=folder / ARCH)
    except BudgetNASError as error:
        yield Check(name=ARCH, passed=False, finding=str(error))
        return
    steps: list[tuple[str, Callable[[], str | None]]] = [
        ("cost and cap", lambda: _cost(arch, spec, shape)),
        (SOURCE, lambda: _same(files[SOURCE], model_source(spec, shape).encode(), ARCH)),
        (LEDGER, lambda: _same(files[LEDGER], ledger_csv(spec, shape).encode(), ARCH)),
        (WEIGHTS, lambda: _weights(files[WEIGHTS], spec, shape)),
        (RECIPE, lambda: _recipe(files[RECIPE], folder / RECIPE)),
        (CARD, lambda: _card(files, arch, manifest)),
    ]
    if ONNX in files:
        steps.append((ONNX, lambda: _onnx(files, arch, spec, shape)))
    if data is not None:
        steps.append(("test accuracy", lambda: _accuracy(files, arch, spec, shape, data, manifest)))
    for name, step in steps:
        yield _checked(name, step)


class NotCheckedError(Exception):
    """A package that a check needs is not installed."""


def _checked(name: str, step: Callable[[], str | None]) -> Check:
    try:
        return Check(name=name, passed=True, finding=step() or "")
    except NotCheckedError as reason:
        return Check(name=name, passed=None, finding=f"not checked: {reason}")
    except BudgetNASError as error:
        return Check(name=name, passed=False, finding=one_line(error, most=None))
    except KeyError as error:
        return Check(name=name, passed=False, finding=f"{error} is missing")
    except Exception as error:  # sealed content of any type can fail in any way
        fault = one_line(error)
        return Check(name=name, passed=False, finding=f"has another form than it must have ({fault})")


def _hashes(folder: Path, manifest: Mapping[str, Any], files: dict[str, bytes]) -> Iterator[Check]:
    """Check every file against the manifest; add the undamaged ones to `files`."""
    listed = manifest["files"]
    for name in (*listed, *(name for name in NEEDED if name not in listed)):
        try:
            files[name] = read_member(folder, name, manifest)
        except BudgetNASError as error:
            yield Check(name=name, passed=False, finding=str(error))
    unknown = sorted(path.name for path in folder.iterdir() if path.name not in listed and path.name != MANIFEST)
    if unknown:
        yield Check(name="files", passed=False, finding=f"not of the certificate: {', '.join(unknown[:5])}")
    elif len(files) == len(listed):
        yield Check(name="files", passed=True, finding=f"{len(files)} files have the size and SHA-256 of the manifest")


def _cost(arch: Mapping[str, Any], spec: ResNetSpec, shape: DataShape) -> str:
    cost = count(spec, shape)
    if spec.id != arch["id"]:
        raise StorageError(f"arch.json names {arch['id']}, but its numbers are those of {spec.id}")
    for name in ("params", "macs", "activations"):
        if arch[name] != getattr(cost, name):
            raise StorageError(f"arch.json says {arch[name]} {name}, but the network has {getattr(cost, name):,}")
    for name, cap in (("params", arch["max_params"]), ("macs", arch["max_macs"])):
        if cap is not None and getattr(cost, name) > cap:
            raise StorageError(f"the network has {getattr(cost, name):,} {name}, over its cap of {cap:,}")
    cap = "under no cap" if arch["max_params"] is None else f"of at most {arch['max_params']:,}"
    return f"{cost.params:,} parameters {cap}, {cost.macs:,} MACs"


def _same(found: bytes, expected: bytes, sources: str) -> str:
    written = f"what this version writes from {sources}"
    if found != expected:
        raise StorageError(f"differs from {written}: it was changed, or another version made it")
    return f"byte for byte {written}"


def _weights(content: bytes, spec: ResNetSpec, shape: DataShape) -> str:
    state = read_state(content)
    load_network(spec, shape, content)
    if not all(tensor.isfinite().all() for tensor in state.values()):
        raise StorageError("holds numbers that are not finite")
    counters = {name for name in state if name.endswith("num_batches_tracked")}
    odd = [name for name in state if name not in counters and state[name].dtype != torch.float32]
    if odd:
        raise StorageError(f"holds {odd[0]} in another precision than float32")
    found = reconcile(spec, shape, {name: tensor.numel() for name, tensor in state.items()})
    if found.discrepancies:
        raise StorageError("; ".join(found.discrepancies))
    return found.summary


def _recipe(content: bytes, where: Path) -> str:
    import tomllib

    try:
        table = tomllib.loads(content.decode())
    except ValueError as error:
        raise StorageError(f"`{where}` is no TOML ({error})") from error
    recipe = build(Recipe, recipe_then(table), "recipe")
    if write_recipe(recipe, without=younger(table)).encode() != content:
        raise StorageError("differs from what this version writes for the same recipe")
    return f"{recipe.epochs} epochs, batch {recipe.batch_size}, {recipe.precision}"


def _card(files: Mapping[str, bytes], arch: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    results = parse_json(files[RESULTS], where=Path(RESULTS))
    has_front = files[CARD].startswith(MARK.encode())
    try:
        expected = card(arch, results, manifest, has_onnx=ONNX in files, has_front=has_front)
    except Exception as error:
        raise StorageError(f"cannot be compared, since {RESULTS} or {MANIFEST} is incomplete ({error})") from error
    return _same(files[CARD], expected.encode(), f"{ARCH}, {RESULTS} and the manifest")


def _onnx(files: Mapping[str, bytes], arch: dict[str, Any], spec: ResNetSpec, shape: DataShape) -> str:
    """Explain the initialisers, and compare the logits of random images with torch's."""
    try:
        network = _network(files, spec, shape)
        found = explain(files[ONNX], spec, shape, network.state_dict())
        if found.discrepancies:
            raise StorageError("; ".join(found.discrepancies))
        if [*found.mean, *found.std] != [*arch["normalisation"]["mean"], *arch["normalisation"]["std"]]:
            raise StorageError(f"says that images are normalised otherwise than {ARCH} does")
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (_IMAGES, shape.height, shape.width, shape.channels), dtype=np.uint8)
        ours = logits(network, images, arch).numpy()
        raw = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        theirs = run_onnx(files[ONNX], raw if takes_raw_pixels(files[ONNX]) else normalised(raw, arch).numpy())
    except OnnxMissingError as error:
        raise NotCheckedError(str(error)) from error
    difference = float(np.abs(ours - theirs).max())
    scale = max(1.0, float(np.abs(ours).max()))
    if not difference <= CLOSE * scale:
        raise StorageError(f"differs from torch by {difference:.2g} on random images")
    return f"{found.summary}; on {_IMAGES} random images at most {difference:.1e} from torch"


def _network(files: Mapping[str, bytes], spec: ResNetSpec, shape: DataShape) -> nn.Module:
    return load_network(spec, shape, files[WEIGHTS])


def _accuracy(
    files: Mapping[str, bytes],
    arch: dict[str, Any],
    spec: ResNetSpec,
    shape: DataShape,
    data: Dataset,
    manifest: Mapping[str, Any],
) -> str:
    """Test the network; images whose top two logits nearly tie may be classified otherwise on another machine."""
    own = parse_json(files[RESULTS], where=Path(RESULTS))["this_network"]
    if data.shape != shape:
        raise StorageError(f"{data.name} has {_in_words(data.shape)}, but the network takes {_in_words(shape)}")
    values = logits(_network(files, spec, shape), data.test.images, arch)
    top = values.topk(2, dim=1).values
    near = torch.nonzero(top[:, 0] - top[:, 1] < TIE).flatten().tolist()
    correct = int((values.argmax(1).numpy() == data.test.labels).sum())
    ties = f"; top two logits within {TIE:g}: {_some(near)}" if near else ""
    same_data = data.fingerprint == manifest["data"]["fingerprint"]
    other = "" if same_data else f"; {data.name} is not the data that it was trained on (its fingerprint differs)"
    result = f"{correct:,} of {len(data.test):,} right, {own['test_correct']:,} of {own['test_images']:,} recorded"
    if len(data.test) != own["test_images"] or abs(correct - own["test_correct"]) > len(near):
        raise StorageError(f"{result}{ties}{other}")
    return f"{result}{ties}{other}"


def _in_words(shape: DataShape) -> str:
    return f"images of {shape.channels}x{shape.height}x{shape.width} in {shape.classes} classes"


def _some(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:20]))
    return f"image {shown}" if len(numbers) == 1 else f"images {shown}{' ...' if len(numbers) > 20 else ''}"
