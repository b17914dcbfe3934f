"""Images through the network of a certificate: read as its training read them, then logits and classes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from budgetnas.arch.spec import DataShape
from budgetnas.certificates.arch_json import ARCH, read_arch
from budgetnas.certificates.inputs import Wanted
from budgetnas.certificates.manifest import MANIFEST, read_manifest, read_member
from budgetnas.config.study import DataConfig
from budgetnas.config.toml import build
from budgetnas.data.builtin import KNOWN
from budgetnas.data.dataset import Dataset, Images
from budgetnas.data.layout import TEST, has_test_split
from budgetnas.data.load import load_dataset
from budgetnas.data.picture import Picture
from budgetnas.exceptions import BudgetNASError, DataError, StorageError, UsageError

KEYS = ("subset", "image_size", "test_share")  # of `[data]`: what decides which pixels are read


def write_reading(source: DataConfig) -> dict[str, Any]:
    """Return what a manifest records of how a data set was read; null stands for "as it is"."""
    return {key: getattr(source, key) for key in KEYS}


def read_reading(manifest: Mapping[str, Any]) -> DataConfig | None:
    """Return how a data set was read, by the manifest of a certificate; None where an older version recorded nothing.

    Raises:
        StorageError: the manifest says what no data set can be read by.
    """
    data = manifest.get("data")
    if not isinstance(data, Mapping) or not set(KEYS) & set(data):
        return None
    try:
        return build(DataConfig, {key: data[key] for key in KEYS if key in data}, "data")
    except UsageError as error:
        raise StorageError(f"`{MANIFEST}` is not of this program ({error}): export the network again.") from error


def was_resized(folder: Path) -> bool:
    """Tell whether a certificate says that its images were resized for its training."""
    reading = read_reading(read_manifest(folder))
    return reading is not None and reading.image_size is not None


def load_as_trained(folder: Path, named: Mapping[str, Any]) -> Dataset | None:
    """Load a data set as the training of a certificate's network read its own: so many images, this size, its channels.

    Args:
        folder: of the certificate.
        named: keys and values of `[data]` that come before those of the certificate.

    Returns:
        The data set; None where none is named, or the certificate is damaged, of which `verify` says more.

    Raises:
        DataError: the data set cannot be had.
        UsageError: a key that is named does not go with it, or the data set is missing.
    """
    if "dataset" not in named:
        if {*named} <= {"dir"}:
            return None
        raise UsageError("`--dataset` is missing: give the data set to test on, or leave its other options out.")
    if named["dataset"] == "auto":
        raise UsageError("`--dataset` is auto, but must name the data set to test on.")
    try:
        manifest = read_manifest(folder)
        _, _, shape = read_arch(read_member(folder, ARCH, manifest), where=folder / ARCH)
        recorded = read_reading(manifest) or DataConfig()
    except BudgetNASError:
        return None
    fitting = {key: getattr(recorded, key) for key in _fitting(named["dataset"])}
    return load_dataset(build(DataConfig, {**fitting, **named}, "data"), channels=shape.channels)


def _fitting(dataset: str) -> tuple[str, ...]:
    """Return those of `KEYS` that go with a data set: only folders are resized, only sets without test images cut."""
    if dataset in KNOWN:
        return ("subset",)
    path = Path(dataset)
    try:
        if path.is_dir():
            return ("subset", "image_size") if has_test_split(path) else KEYS
        with zipfile.ZipFile(path) as pack:
            has_test = {f"x_{TEST}.npy", f"y_{TEST}.npy"} <= set(pack.namelist())
            return ("subset",) if has_test else ("subset", "test_share")
    except (OSError, ValueError, zipfile.BadZipFile, DataError):
        return ("subset",)  # loading it says what is wrong


BATCH = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """What a network sees in one image.

    Attributes:
        image: which.
        classes: the most likely ones, best first: label from 0, name, softmax.
        resized: whether the image had another size.
        done: what else was done to it, as in `Picture`.
    """

    image: Wanted
    classes: tuple[tuple[int, str, float], ...]
    resized: bool
    done: tuple[str, ...]


def predict(
    model: nn.Module, arch: dict[str, Any], wanted: Sequence[Wanted], *, top: int, faults: list[str]
) -> Iterator[Prediction]:
    """Classify images, 256 of them in memory at a time.

    Args:
        model: the network of a certificate.
        arch: content of its `arch.json`.
        wanted: the images.
        top: classes of each, or all where there are fewer.
        faults: grows by a line for each image that cannot be read.

    Yields:
        The predictions, in order, without those images.
    """
    shape = DataShape(**arch["shape"])
    for start in range(0, len(wanted), BATCH):
        read: list[tuple[Wanted, Picture]] = []
        for image in wanted[start : start + BATCH]:
            try:
                read.append((image, image.read(shape)))
            except DataError as error:
                faults.append(str(error))
        if not read:
            continue
        values = logits(model, np.stack([picture.pixels for _, picture in read]), arch)
        shares, labels = values.softmax(dim=1).topk(min(top, shape.classes), dim=1)
        for (image, picture), best, order in zip(read, shares.tolist(), labels.tolist(), strict=True):
            classes = tuple((label, arch["classes"][label], share) for label, share in zip(order, best, strict=True))
            yield Prediction(image=image, classes=classes, resized=picture.resized, done=picture.done)


@torch.no_grad()
def logits(model: nn.Module, images: Images, arch: dict[str, Any]) -> Tensor:
    """Return the logits [N, classes] of raw images [N, H, W, C] uint8, in fp32 on the CPU."""
    parts = [images[start : start + BATCH].transpose(0, 3, 1, 2) for start in range(0, len(images), BATCH)]
    return torch.cat([model(normalised(part, arch)) for part in parts])


def normalised(images: Images, arch: dict[str, Any]) -> Tensor:
    """Return raw images [N, C, H, W] uint8 as the network takes them: float32, normalised per channel."""
    mean, std = (torch.tensor(arch["normalisation"][key]).view(1, -1, 1, 1) for key in ("mean", "std"))
    return (torch.from_numpy(np.ascontiguousarray(images)).to(torch.float32) - mean) / std
