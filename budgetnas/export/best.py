"""`best/`: the winner's architecture as JSON and its weights as safetensors, and the network back from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.config.recipe import Recipe
from budgetnas.data.dataset import Dataset
from budgetnas.data.statistics import normalisation
from budgetnas.exceptions import StorageError
from budgetnas.models.build import build_model
from budgetnas.models.weights import unpack
from budgetnas.records.trial import Candidate
from budgetnas.storage.files import digest, read_bytes, read_json, write_bytes, write_json

ARCH, WEIGHTS = "arch.json", "model.safetensors"


def write_best(
    folder: Path, *, candidate: Candidate, data: Dataset, recipe: Recipe, weights: bytes, results: Mapping[str, Any]
) -> None:
    """Write the winner; the architecture file, which names the weights by hash, comes last."""
    mean, std = normalisation(data, recipe)
    spec = candidate.spec
    write_bytes(folder / WEIGHTS, weights)
    write_json(
        folder / ARCH,
        {
            "id": spec.id,
            "spec": {"blocks": spec.blocks, "widths": spec.widths, "stem_width": spec.stem_width},
            "shape": asdict(data.shape),
            "params": candidate.params,
            "macs": candidate.macs,
            "dataset": data.name,
            "notice": data.traits.notice or None,
            "classes": data.classes,
            "normalisation": {"mean": mean, "std": std, "of": "raw pixels in [0, 255], per channel"},
            "weights": {"file": WEIGHTS, "sha256": digest(weights)},
            "results": dict(results),
        },
    )


def load_best(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Return the network of a `best/` folder, in evaluation mode, and the content of its `arch.json`.

    The network takes normalised images [N, C, H, W] and returns logits [N, classes].

    Raises:
        BudgetNASError: a file is missing, damaged, or does not belong to the other.
    """
    arch = read_json(folder / ARCH)
    try:
        spec = ResNetSpec(
            blocks=tuple(arch["spec"]["blocks"]),
            widths=tuple(arch["spec"]["widths"]),
            stem_width=arch["spec"]["stem_width"],
        )
        shape = DataShape(**arch["shape"])
        sha256 = arch["weights"]["sha256"]
    except (KeyError, TypeError) as error:
        raise StorageError(f"`{folder / ARCH}` lacks {error}: export the network again.") from error
    model = unpack(build_model(spec, shape), read_bytes(folder / WEIGHTS, sha256))
    return model.eval(), arch
