"""A person's own data set as one `.npz` file, checked from its headers before its arrays are read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from budgetnas.data.dataset import RawData, Split, Traits
from budgetnas.data.memory import check_fits
from budgetnas.exceptions import DataError

KEYS = ("x_train", "y_train", "x_test", "y_test")
CLASSES = "classes"
FORM = "x_train, y_train, x_test, y_test; uint8 images NHWC or NHW, integer labels 0..C-1"


def load_npz(path: Path) -> RawData:
    """Read `x_train, y_train, x_test, y_test` (uint8 NHWC or NHW; integer labels) and, if there, `classes`.

    Nothing in the file can run code: object arrays are refused.

    Raises:
        DataError: the file is missing, truncated, foreign, inconsistent, or too large for memory.
    """
    try:
        _check_headers(path)
        with np.load(path, allow_pickle=False) as pack:
            # By their whole names: a member `x_train` would be read in place of `x_train.npy`, which was checked.
            arrays = {key: pack[f"{key}.npy"] for key in KEYS}
            names = pack[f"{CLASSES}.npy"] if CLASSES in pack.files else None
    except DataError:
        raise
    except Exception as error:  # a foreign file can make zipfile, numpy and the decompressors raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"`{path}` cannot be read as .npz ({reason}): it must hold {FORM}.") from error
    images = {key: _images(path, key, arrays[key]) for key in ("x_train", "x_test")}
    if images["x_train"].shape[1:] != images["x_test"].shape[1:]:
        raise DataError(
            f"`{path}` has images of {images['x_train'].shape[1:]} in x_train and {images['x_test'].shape[1:]} in "
            "x_test (height, width, channels), but they must be alike: save both in one size."
        )
    classes = _class_names(path, arrays["y_train"], names)
    train, test = (
        Split(images=images[f"x_{part}"], labels=_labels(path, arrays, part, len(classes)))
        for part in ("train", "test")
    )
    return RawData(name=path.stem, classes=classes, train=train, test=test, traits=own_traits(*train.images.shape[1:]))


def own_traits(height: int, width: int, channels: int) -> Traits:
    """Return what a person's own data set is taken to declare: CIFAR's lengths, mirrored only if in colour."""
    return Traits(shift=min(height, width) // 8, flip=channels == 3)


def _check_headers(path: Path) -> None:
    total = 0
    with zipfile.ZipFile(path) as pack:
        there = [key for key in (*KEYS, CLASSES) if f"{key}.npy" in pack.namelist()]
        missing = [key for key in KEYS if key not in there]
        if missing:
            raise DataError(f"`{path}` has no {', '.join(missing)}: it must hold {FORM}.")
        for key in there:
            with pack.open(f"{key}.npy") as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
            size = dtype.itemsize
            for length in shape:
                size *= max(0, length)  # a negative one must not make room for another array; numpy refuses it
            total += size
    check_fits(total, str(path))


def _images(path: Path, key: str, images: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape:
        raise DataError(
            f"`{path}` holds {images.dtype} {images.shape} as {key}, but must hold uint8 images, NHWC or NHW, "
            "at least one: convert and save them so."
        )
    if images.ndim == 3:
        images = images[..., None]
    if images.shape[3] > 16:
        raise DataError(
            f"`{path}` holds {images.shape[3]} channels in {key}, but the last axis must be 1 to 16 channels: "
            "save the images as NHWC."
        )
    return np.ascontiguousarray(images, dtype=np.uint8)


def _class_names(path: Path, labels: npt.NDArray[np.generic], names: npt.NDArray[np.generic] | None) -> tuple[str, ...]:
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels):
        raise DataError(
            f"`{path}` holds {labels.dtype} {labels.shape} as y_train, but must hold one integer label per image."
        )
    count = int(labels.max()) + 1
    if names is not None:
        if names.ndim != 1 or names.dtype.kind != "U" or len(names) < 2:
            raise DataError(f"`{path}` holds {names.dtype} {names.shape} as classes, but must hold a list of names.")
        return tuple(str(name) for name in names)
    if not 2 <= count <= len(labels):
        raise DataError(
            f"`{path}` holds labels up to {count - 1} in y_train, but must hold 0..C-1 of 2 classes or more."
        )
    return tuple(str(label) for label in range(count))


def _labels(path: Path, arrays: dict[str, npt.NDArray[np.generic]], part: str, classes: int) -> npt.NDArray[np.int64]:
    key, labels, images = f"y_{part}", arrays[f"y_{part}"], arrays[f"x_{part}"]
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise DataError(
            f"`{path}` has {len(images)} images in x_{part}, but {labels.dtype} {labels.shape} in {key}: "
            "give one integer label per image."
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise DataError(
            f"`{path}` has labels from {low} to {high} in {key}, but they must lie in 0..{classes - 1}: relabel them."
        )
    return labels.astype(np.int64)
