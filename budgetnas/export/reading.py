"""How the training of a certificate's network read its data set, and any data set read in the same way."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from budgetnas.config.reader import build
from budgetnas.config.study import DataConfig
from budgetnas.data.builtin import KNOWN
from budgetnas.data.dataset import Dataset
from budgetnas.data.layout import TEST, has_test_split
from budgetnas.data.load import load_dataset
from budgetnas.exceptions import BudgetNASError, DataError, StorageError, UsageError
from budgetnas.export.arch import ARCH, read_arch
from budgetnas.export.manifest import MANIFEST, read_manifest, read_member

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
        named: keys and values of `[data]` that come before those of the certificate; `dataset` is among them.

    Returns:
        The data set; None where the certificate is damaged, of which `verify` says more.

    Raises:
        DataError: the data set cannot be had.
        UsageError: a key that is named does not go with it.
    """
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
