"""The check of a certificate: hashes, counts, source, weights, ONNX and, given the data, its test accuracy.

No code from the folder runs: `model.py` is generated again from `arch.json` and compared byte for byte, and weights are
safetensors. A passed check shows that the folder is complete and consistent, not who made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from budgetnas.arch.costs import costs_of
from budgetnas.arch.counter import count
from budgetnas.arch.device import Precision
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.budget import COSTS, SIZES, write_cost
from budgetnas.certificates.card import card
from budgetnas.certificates.certificate import CARD, LEDGER, RECIPE, RESULTS, SOURCE, WEIGHTS, load_network
from budgetnas.certificates.front_matter import MARK
from budgetnas.certificates.json_files import ARCH, MANIFEST, read_arch, read_manifest, read_member
from budgetnas.certificates.ledger import has_device_columns, ledger_csv, reconcile
from budgetnas.certificates.onnx_files import ONNX, QUANTISED
from budgetnas.certificates.onnx_run import OnnxMissingError
from budgetnas.certificates.predict import logits, read_reading
from budgetnas.certificates.source import model_source
from budgetnas.certificates.verify_onnx import OnnxChecks
from budgetnas.config.recipe import Recipe, write_recipe
from budgetnas.config.recorded import recipe_then, younger
from budgetnas.config.toml import build
from budgetnas.data.dataset import Dataset
from budgetnas.evidence.outcome import Outcome, outcome_of
from budgetnas.evidence.scores import SCORES
from budgetnas.exceptions import BudgetNASError, StorageError
from budgetnas.models.build import read_state
from budgetnas.storage.files import parse_json
from budgetnas.text import one_line, plural

TIE = 1e-3  # between the top two logits: another machine may round to the other class
ROUNDING = 1e-4  # of a loss, from one machine to another
NEEDED = (ARCH, SOURCE, WEIGHTS, LEDGER, RESULTS, RECIPE, CARD)


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
        (LEDGER, lambda: _ledger(files[LEDGER], spec, shape)),
        (WEIGHTS, lambda: _weights(files[WEIGHTS], spec, shape)),
        (RECIPE, lambda: _recipe(files[RECIPE], folder / RECIPE)),
        (CARD, lambda: _card(files, arch, manifest)),
    ]
    graphs = OnnxChecks(files=files, arch=arch, spec=spec, shape=shape)
    steps.extend((name, partial(graphs.check, name)) for name in (ONNX, *QUANTISED) if name in files)
    if data is not None:
        steps.append(("test accuracy", lambda: _accuracy(files, arch, spec, shape, data, manifest)))
        quantised = [name for name in QUANTISED if name in files]
        steps.extend(
            (f"test accuracy, {name}", partial(graphs.test, name, data, manifest))
            for name in (quantised and (ONNX, *quantised))
        )
    for name, step in steps:
        yield _checked(name, step)


def _checked(name: str, step: Callable[[], str | None]) -> Check:
    try:
        return Check(name=name, passed=True, finding=step() or "")
    except OnnxMissingError as reason:
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
    weights: Precision = arch.get("weights") or "fp32"
    found = costs_of(spec, shape, weights)
    caps = {name: cap for name in COSTS if (cap := arch.get(f"max_{name}")) is not None}
    for name, cap in caps.items():
        if getattr(found, name) > cap:
            raise StorageError(f"the network has {getattr(found, name):,} {name}, over its cap of {cap:,}")
    cap = f"of at most {caps['params']:,}" if "params" in caps else "without a cap"
    sizes = "".join(f", {getattr(found, name):,} of {write_cost(caps[name], name)}" for name in SIZES if name in caps)
    return f"{cost.params:,} parameters {cap}, {cost.macs:,} MACs{sizes}{f' in {weights}' if sizes else ''}"


def _same(found: bytes, expected: bytes, sources: str) -> str:
    written = f"what this version writes from {sources}"
    if found != expected:
        raise StorageError(f"differs from {written}: it was changed, or another version made it")
    return f"byte for byte {written}"


def _ledger(content: bytes, spec: ResNetSpec, shape: DataShape) -> str:
    return _same(content, ledger_csv(spec, shape, with_device=has_device_columns(content)).encode(), ARCH)


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


def _accuracy(
    files: Mapping[str, bytes],
    arch: dict[str, Any],
    spec: ResNetSpec,
    shape: DataShape,
    data: Dataset,
    manifest: Mapping[str, Any],
) -> str:
    """Test the network; images whose top two logits nearly tie may be classified otherwise on another machine."""
    recorded = parse_json(files[RESULTS], where=Path(RESULTS))
    own = recorded["this_network"]
    if data.shape != shape:
        raise StorageError(f"{data.name} has {_in_words(data.shape)}, but the network takes {_in_words(shape)}")
    values = logits(load_network(spec, shape, files[WEIGHTS]), data.test.images, arch)
    top = values.topk(2, dim=1).values
    near = torch.nonzero(top[:, 0] - top[:, 1] < TIE).flatten().tolist()
    correct = int((values.argmax(1).numpy() == data.test.labels).sum())
    ties = f"; top two logits within {TIE:g}: {_some(near)}" if near else ""
    same_data = data.fingerprint == manifest["data"]["fingerprint"]
    other = "" if same_data else f"; {data.name} is not the data that it was trained on (its fingerprint differs)"
    result = f"{correct:,} of {len(data.test):,} right, {own['test_correct']:,} of {own['test_images']:,} recorded"
    if len(data.test) != own["test_images"] or abs(correct - own["test_correct"]) > len(near):
        raise StorageError(f"{result}{ties}{other}")
    outcome = outcome_of(
        data.test.labels.astype(np.int64),
        values.argmax(1).numpy(),
        cross_entropy(values, torch.from_numpy(data.test.labels.astype(np.int64)), reduction="none").numpy(),
        classes=len(data.classes),
    )
    try:
        return f"{result}{_beside(recorded, outcome, unsure=len(near))}{ties}{other}"
    except StorageError as error:
        raise StorageError(f"{result}; {error}{ties}{other}") from None


def _beside(recorded: Mapping[str, Any], outcome: Outcome, *, unsure: int) -> str:
    """Check the results of each class and another score than accuracy, where they are recorded.

    Args:
        recorded: content of `results.json`.
        outcome: on the test set, made again.
        unsure: images that may be classified otherwise on another machine.
    """
    classes = recorded.get("class_results", {}).get("test", ())
    differ = sum(abs(one["correct"] - now) for one, now in zip(classes, outcome.correct.tolist(), strict=bool(classes)))
    if differ > unsure:
        raise StorageError(f"the results of single classes differ by {plural(differ, 'image')} from those recorded")
    found = recorded.get("score")
    if found is None or found["this_network"]["test"] is None:
        return ""
    score = SCORES[found["name"]]
    now, then = score.shown(outcome.score(score.name)), found["this_network"]["test"]
    fewest = min(number for number in outcome.images.tolist() if number)
    if abs(now - then) > ROUNDING * max(1.0, now) + 2 * unsure / fewest:
        raise StorageError(f"{score.words} {now:.6f}, {then:.6f} recorded")
    return f"; {score.words} {now:.4f}, {then:.4f} recorded"


def _in_words(shape: DataShape) -> str:
    return f"images of {shape.channels}x{shape.height}x{shape.width} in {shape.classes} classes"


def _some(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:20]))
    return f"image {shown}" if len(numbers) == 1 else f"images {shown}{' ...' if len(numbers) > 20 else ''}"
