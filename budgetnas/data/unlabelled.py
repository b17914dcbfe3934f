"""Unlabelled images in an `.npz`, such as the images of a course that are to be classified."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from budgetnas.arrays import Array
from budgetnas.data.arrays import check_fits, read_images
from budgetnas.data.dataset import Images
from budgetnas.data.npz import END, read_array_header
from budgetnas.exceptions import DataError
from budgetnas.text import listed, one_line

KEYS, IDS = ("x_test", "x"), "ids"
FORM = "it must hold uint8 images, NHWC or NHW, as x_test, as x, or as its only uint8 array; ids, if any, as ids"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class UnlabelledImages:
    """Unlabelled images of an `.npz`.

    Attributes:
        key: name of the array of images.
        images: uint8 [N, H, W, C].
        ids: one per image: the file's array `ids`, or "0", "1", ...
    """

    key: str
    images: Images
    ids: tuple[str, ...]


def read_unlabelled(path: Path) -> UnlabelledImages:
    """Read unlabelled images and their ids.

    Raises:
        DataError: the file is missing, truncated, foreign, too large for memory, or has no images.
    """
    try:
        with zipfile.ZipFile(path) as pack:
            there = [file.removesuffix(END) for file in pack.namelist() if file.endswith(END)]
            key = next((name for name in KEYS if name in there), None) or _only_uint8(path, pack, there)
            read = [key, *([IDS] if IDS in there else [])]
            check_fits(sum(read_array_header(pack, name)[1] for name in read), str(path))
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name + END] for name in read}
    except DataError:
        raise
    except Exception as error:  # a foreign file can make zipfile, numpy and the decompressors raise anything
        reason = one_line(error)
        raise DataError(f"`{path}` cannot be read as .npz ({reason}): {FORM}.") from error
    array = arrays[key]
    images = read_images(path, key, array, np.empty(array.shape[:1]))
    return UnlabelledImages(key=key, images=images, ids=_ids(path, key, len(images), arrays.get(IDS)))


def _only_uint8(path: Path, pack: zipfile.ZipFile, names: Sequence[str]) -> str:
    """Return the name of the only uint8 array besides `ids`."""
    found = [name for name in names if name != IDS and read_array_header(pack, name)[0] == np.uint8]
    if len(found) != 1:
        holds = f" (it holds {listed(sorted(names))})" if names else ""
        raise DataError(f"`{path}` does not say which images to classify{holds}: {FORM}.")
    return found[0]


def _ids(path: Path, key: str, images: int, ids: Array | None) -> tuple[str, ...]:
    if ids is None:
        return tuple(map(str, range(images)))
    if ids.shape != (images,) or ids.dtype.kind not in "iuU":
        raise DataError(
            f"`{path}` has {images} images in {key}, but {ids.dtype} {ids.shape} in {IDS}: give one whole number or "
            "name per image."
        )
    return tuple(map(str, ids.tolist()))
