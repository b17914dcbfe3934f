"""Predictions with the network of a certificate: images are read as in its training, then classified."""

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
from budgetnas.certificates.inputs import InputImage
from budgetnas.certificates.json_files import ARCH, MANIFEST, read_arch, read_manifest, read_member
from budgetnas.config.recorded import data_then
from budgetnas.config.sections import DataConfig
from budgetnas.config.toml import build
from budgetnas.data.dataset import Dataset, Images
from budgetnas.data.folder import TEST, has_test_split
from budgetnas.data.known import KNOWN
from budgetnas.data.load import load_dataset
from budgetnas.data.picture import Picture
from budgetnas.exceptions import BudgetNASError, DataError, StorageError, UsageError

# The keys of `[data]` that decide which pixels are read, and with them the one that only divides training images.
PIXELS, RULE = ("subset", "image_size", "test_share"), "validation"
KEYS = (*PIXELS, RULE)


def write_reading(source: DataConfig) -> dict[str, Any]:
    """Return the manifest's record of how a data set was read; null means "as it is"."""
    return {key: getattr(source, key) for key in KEYS}


def read_reading(manifest: Mapping[str, Any]) -> DataConfig | None:
    """Return the `[data]` keys in a certificate's manifest; None where an older version recorded none.

    Raises:
        StorageError: the keys are invalid.
    """
    data = manifest.get("data")
    if not isinstance(data, Mapping) or not set(KEYS) & set(data):
        return None
    try:
        return build(DataConfig, data_then({key: data[key] for key in KEYS if key in data}), "data")
    except UsageError as error:
        raise StorageError(f"`{MANIFEST}` is not of this program ({error}): export the network again.") from error


def was_resized(folder: Path) -> bool:
    """Return whether a certificate's training resized its images."""
    reading = read_reading(read_manifest(folder))
    return reading is not None and reading.image_size is not None


def load_as_trained(folder: Path, named: Mapping[str, Any]) -> Dataset | None:
    """Load a data set the way a certificate's training loaded its own: same subset, image size and channels.

    Args:
        folder: folder of the certificate.
        named: keys of `[data]` that override the certificate's; `dataset` is among them.

    Returns:
        The data set; None where none is named, or the certificate is damaged, which `verify` reports.

    Raises:
        DataError: the data set cannot be loaded.
        UsageError: a key in `named` does not apply to it, or the data set is missing.
    """
    if "dataset" not in named:
        if {*named} <= {"dir"}:
            return None
        raise UsageError(
            "is missing: give the data set to test on, or leave its other options out.", argument="data.dataset"
        )
    if named["dataset"] == "auto":
        raise UsageError("is auto, but must name the data set to test on.", argument="data.dataset")
    try:
        manifest = read_manifest(folder)
        _, _, shape = read_arch(read_member(folder, ARCH, manifest), where=folder / ARCH)
        recorded = read_reading(manifest) or build(DataConfig, data_then({}), "data")
    except BudgetNASError:
        return None
    fitting = {key: getattr(recorded, key) for key in (*_fitting(named["dataset"]), RULE)}
    try:
        return load_dataset(build(DataConfig, {**fitting, **named}, "data"), channels=shape.channels)
    except UsageError as error:
        if error.argument != f"data.{RULE}":
            raise
        del fitting[RULE]  # a number for the images of the training, which other images cannot give
        return load_dataset(build(DataConfig, {**fitting, **named}, "data"), channels=shape.channels)


def _fitting(dataset: str) -> tuple[str, ...]:
    """Return the `PIXELS` that apply to a data set: size for folders only, share for sets without a test split only."""
    if dataset in KNOWN:
        return ("subset",)
    path = Path(dataset)
    try:
        if path.is_dir():
            return ("subset", "image_size") if has_test_split(path) else PIXELS
        with zipfile.ZipFile(path) as pack:
            has_test = {f"x_{TEST}.npy", f"y_{TEST}.npy"} <= set(pack.namelist())
            return ("subset",) if has_test else ("subset", "test_share")
    except (OSError, ValueError, zipfile.BadZipFile, DataError):
        return ("subset",)  # loading it will raise the error


BATCH = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """The classes of one image.

    Attributes:
        image: the image.
        classes: (label from 0, name, softmax) of the most probable classes, best first.
        resized: whether the image was resized.
        done: other conversions, as in `Picture`.
    """

    image: InputImage
    classes: tuple[tuple[int, str, float], ...]
    resized: bool
    done: tuple[str, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each class, best first: `id` of the image, `rank` from 1, `label`, `class` and `share`."""
        return [
            {"id": self.image.id, "rank": rank, "label": label, "class": name, "share": share}
            for rank, (label, name, share) in enumerate(self.classes, 1)
        ]


def check_top(top: int, arch: Mapping[str, Any]) -> None:
    """Check the number of classes to return per image.

    Raises:
        UsageError: the network does not know so many, or it is not a positive integer.
    """
    known = len(arch["classes"])
    if not isinstance(top, int) or top < 1:
        raise UsageError(f"is {top!r}, but must be 1 or more.", argument="top")
    if top > known:
        raise UsageError(f"is {top}, but the network knows {known} classes.", argument="top")


def predict(
    model: nn.Module, arch: dict[str, Any], wanted: Sequence[InputImage], *, top: int, faults: list[str]
) -> Iterator[Prediction]:
    """Classify images, with 256 of them in memory at a time.

    Args:
        model: the network of a certificate.
        arch: content of its `arch.json`.
        wanted: the images.
        top: number of classes to return per image, at most all.
        faults: gets a line for each image that cannot be read.

    Yields:
        A prediction for each readable image, in order.
    """
    shape = DataShape(**arch["shape"])
    for start in range(0, len(wanted), BATCH):
        read: list[tuple[InputImage, Picture]] = []
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
    """Normalise raw images [N, C, H, W] uint8 per channel to float32, as the network takes them."""
    mean, std = (torch.tensor(arch["normalisation"][key]).view(1, -1, 1, 1) for key in ("mean", "std"))
    return (torch.from_numpy(np.ascontiguousarray(images)).to(torch.float32) - mean) / std
