"""The user's own images as one `.npz` file: a data set, or unlabelled images that are to be classified.

Array headers are checked before arrays are read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from budgetnas.arrays import Array
from budgetnas.data.arrays import check_fits, check_range, read_classes, read_images, read_labels
from budgetnas.data.dataset import VALIDATION, Images, RawData, Split, Traits
from budgetnas.data.suggestions import SHARE, file_step, keys_step
from budgetnas.exceptions import DataError
from budgetnas.text import listed, one_line

CLASSES = "classes"
FORM = "it must hold x_train, y_train, x_test, y_test; uint8 images NHWC or NHW, integer labels 0..C-1"
_ALL = ("x", "y")
END = ".npy"
Keys = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Members:
    """Names of the arrays in a file: images and labels by split, all arrays to read, all others."""

    splits: dict[str, Keys]
    names: tuple[str, ...]
    left_out: tuple[str, ...]


def load_npz(path: Path, *, has_test_share: bool = False) -> RawData:
    """Read `x_train, y_train, x_test, y_test` (uint8 NHWC or NHW; integer labels) and, if present, `x_valid, y_valid`.

    An array `classes`, if present, has the class names. Object arrays are refused, so the file cannot run code.

    Args:
        path: the file.
        has_test_share: whether the test split is to be taken out of `x_train`, or of `x` where there is no `x_train`.

    Raises:
        DataError: the file is missing, truncated, foreign, inconsistent, or too large for memory.
    """
    try:
        members, arrays = _read(path, has_test_share=has_test_share)
    except DataError:
        raise
    except Exception as error:  # a foreign file can make zipfile, numpy and the decompressors raise anything
        reason = one_line(error)
        step = "save images of one size, labels and names as plain arrays" if "Object arrays" in reason else FORM
        raise DataError(f"`{path}` cannot be read as .npz ({reason}): {file_step(path) or step}.") from error
    images = {x: read_images(path, x, arrays[x], arrays[y]) for x, y in members.splits.values()}
    first, y_train = members.splits["train"]
    for x, found in images.items():
        if found.shape[1:] != images[first].shape[1:]:
            raise DataError(
                f"`{path}` has images of {images[first].shape[1:]} in {first} and {found.shape[1:]} in {x} (height, "
                "width, channels), but they must be alike: save all in one size."
            )
    labels = {y: read_labels(path, y, arrays[y], len(images[x])) for x, y in members.splits.values()}
    classes = read_classes(path, y_train, labels[y_train], arrays.get(CLASSES))
    splits = {
        part: Split(images=images[x], labels=check_range(path, y, labels[y], len(classes)))
        for part, (x, y) in members.splits.items()
    }
    own = members.splits.get("validation")
    return RawData(
        name=path.stem,
        classes=classes,
        train=splits["train"],
        validation=splits.get("validation"),
        test=splits.get("test"),
        traits=own_traits(*images[first].shape[1:]),
        notes=(
            *([f"left out of the file: {listed(members.left_out)}"] if members.left_out else []),
            *_class_names(members),
            *([f"{own[0]} is the validation split"] if own else []),
        ),
    )


def own_traits(height: int, width: int, channels: int) -> Traits:
    """Return the training defaults of the user's own data set: the recipe's lengths, flips only for colour images."""
    return Traits(shift=min(height, width) // 8, flip=channels == 3)


def _read(path: Path, *, has_test_share: bool) -> tuple[_Members, dict[str, Array]]:
    with zipfile.ZipFile(path) as pack:
        members = _members(path, pack.namelist(), has_test_share=has_test_share)
        check_fits(sum(read_array_header(pack, name)[1] for name in members.names), str(path))
    with np.load(path, allow_pickle=False) as arrays:
        # By full names: for `x_train`, numpy would prefer a member `x_train` to the checked `x_train.npy`.
        return members, {name: arrays[name + END] for name in members.names}


def _members(path: Path, files: list[str], *, has_test_share: bool) -> _Members:
    """Assign arrays to splits.

    Raises:
        DataError: an array is missing, or a split has two candidates.
    """
    there = {file.removesuffix(END) for file in files if file.endswith(END)}
    splits = {"train": ("x_train", "y_train")}
    if has_test_share and not there & {*splits["train"]}:
        splits = {"train": _ALL}
    own = [keys for keys in ((f"x_{name}", f"y_{name}") for name in VALIDATION) if there & {*keys}]
    if len(own) > 1:
        raise DataError(
            f"`{path}` has {' and '.join(x for x, _ in own)}, but only one can be the validation split: leave one out."
        )
    if own:
        splits["validation"] = own[0]
    if not has_test_share:
        splits["test"] = ("x_test", "y_test")
    elif there >= {"x_test", "y_test"}:
        raise DataError(f"is given, but `{path}` has a test split, x_test: leave it out.", argument="data.test_share")
    missing = [name for keys in splits.values() for name in keys if name not in there]
    if missing:
        raise _missing(path, files, missing, validation=splits.get("validation"))
    known = {f"{axis}_{part}" for axis in _ALL for part in ("train", "test", *VALIDATION)}
    capital = sorted(name for name in there - known if name.lower() in known)
    if capital:
        raise DataError(f"`{path}` has {capital[0]}: save it as {capital[0].lower()}, or leave it out.")
    names = [name for keys in splits.values() for name in keys] + [CLASSES] * (CLASSES in there)
    left_out = set(files) - {name + END for name in names}
    return _Members(
        splits=splits,
        names=tuple(names),
        left_out=tuple(sorted(file.removesuffix(END) for file in left_out)),
    )


def _missing(path: Path, files: list[str], missing: list[str], *, validation: Keys | None) -> DataError:
    """Return the error that names the missing arrays, those that the file has, and a fix."""
    there = {file.removesuffix(END) for file in files}
    capital = {name.lower(): name for name in there}
    if all(name in capital for name in missing):
        step = f"save {listed([f'{capital[name]} as {name}' for name in missing])}"
    elif validation and set(missing) & set(validation):
        step = f"save it too, or leave the other of {' and '.join(validation)} out"
    elif there >= {*_ALL} or set(missing) <= {"x_test", "y_test"}:
        step = SHARE
    else:
        step = keys_step(files) or FORM
    holds = f" (it holds {listed(sorted(there))})" if files else ""
    return DataError(f"`{path}` has no {', '.join(missing)}{holds}: {step}.")


def _class_names(members: _Members) -> list[str]:
    """Return a note where an array that is not read seems to hold the class names."""
    found = [name for name in members.left_out if name in ("class_names", "label_names", "names")]
    return [f"save {found[0]} as {CLASSES} to name the classes"] if found and CLASSES not in members.names else []


def read_array_header(pack: zipfile.ZipFile, name: str) -> tuple[np.dtype[Any], int]:
    """Return the dtype of an array and its size in bytes, from its header."""
    with pack.open(name + END) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    size = dtype.itemsize
    for length in shape:
        size *= max(0, length)  # a negative one must not make room for another array; numpy refuses it
    return dtype, size


KEYS, IDS = ("x_test", "x"), "ids"
UNLABELLED_FORM = (
    "it must hold uint8 images, NHWC or NHW, as x_test, as x, or as its only uint8 array; ids, if any, as ids"
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class UnlabelledImages:
    """Unlabelled images of an `.npz`, such as the images of a course that are to be classified.

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
        raise DataError(f"`{path}` cannot be read as .npz ({reason}): {UNLABELLED_FORM}.") from error
    array = arrays[key]
    images = read_images(path, key, array, np.empty(array.shape[:1]))
    return UnlabelledImages(key=key, images=images, ids=_ids(path, key, len(images), arrays.get(IDS)))


def _only_uint8(path: Path, pack: zipfile.ZipFile, names: Sequence[str]) -> str:
    """Return the name of the only uint8 array besides `ids`."""
    found = [name for name in names if name != IDS and read_array_header(pack, name)[0] == np.uint8]
    if len(found) != 1:
        holds = f" (it holds {listed(sorted(names))})" if names else ""
        raise DataError(f"`{path}` does not say which images to classify{holds}: {UNLABELLED_FORM}.")
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
