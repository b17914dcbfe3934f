"""The user's own data set as an image folder; all images are read in one size and one mode.

The names of its folders decide the class and the split of each image.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from budgetnas.data.arrays import check_fits
from budgetnas.data.dataset import VALIDATION, RawData, Split
from budgetnas.data.files import FoundFiles, find_images, is_image, left_out_line, list_folder
from budgetnas.data.npz import own_traits
from budgetnas.data.picture import SUFFIXES, Header, Picture, PictureError, read_header, read_picture
from budgetnas.data.suggestions import folder_step, is_detection, split_step
from budgetnas.exceptions import DataError
from budgetnas.text import MOST, listed, plural

TRAIN, TEST = "train", "test"
_SPLITS = frozenset({TRAIN, TEST, *VALIDATION})
Classes = dict[str, FoundFiles]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The images of a folder.

    Attributes:
        splits: from the name of a split's folder (`train`, `test`, one of `VALIDATION`) to the images of each class,
            classes sorted. `test` is absent where it is to be taken out of `train`.
        left_out: files and folders that are not read.
    """

    splits: dict[str, Classes]
    left_out: tuple[Path, ...]


def find_layout(root: Path, *, has_test_share: bool) -> Layout:
    """Find the classes and splits of a folder: `train/CLASS/*`, `test/CLASS/*` and, if present, `valid/CLASS/*`.

    Args:
        root: the folder.
        has_test_share: whether the test split is to be taken out of `train/`, or out of a plain folder of classes.

    Raises:
        DataError: the folder has another layout; the message suggests a fix.
    """
    folders, left_out = list_folder(root)
    named = {folder.name: folder for folder in folders}
    validation = _validation(root, named)
    if has_test_share:
        if TRAIN not in named or (TEST not in named and not _names(named[TRAIN])):  # a class may be called "train"
            return _flat(root, folders, left_out)
        if has_test_split(root):
            raise DataError(
                f"is given, but `{root}` has a test split, {TEST}/: leave it out.", argument="data.test_share"
            )
    missing = [part for part in (TRAIN, TEST) if part not in named and not (part == TEST and has_test_share)]
    if missing:
        raise DataError(f"`{root}` has no folder {missing[0]}/: {folder_step(root)}.")
    splits: dict[str, Classes] = {}
    for part in (TRAIN, *validation, *([] if has_test_share else [TEST])):
        splits[part], others = _classes(named.pop(part))
        left_out += others
        _check_classes(root, splits[TRAIN], splits[part], part)
    other = [name for name in named if name.lower() in _SPLITS and name not in _SPLITS]
    if other:
        raise DataError(
            f"`{root}` has a folder {other[0]}/ beside {', '.join(f'{part}/' for part in splits)}: rename it to "
            f"{other[0].lower()}/ for the split of that name, or move it elsewhere."
        )
    return Layout(splits=splits, left_out=tuple(sorted([*left_out, *named.values()])))


def has_test_split(root: Path) -> bool:
    """Return whether a folder has a test split: some class of `train/` is also in `test/`."""
    train, test = root / TRAIN, root / TEST
    return train.is_dir() and test.is_dir() and bool(_names(train) & _names(test))


def _validation(root: Path, named: Mapping[str, Path]) -> list[str]:
    """Return the name of the validation split's folder, as a list of one or none; an empty folder does not count."""
    found = [name for name in VALIDATION if name in named and _holds_something(named[name])]
    if len(found) > 1:
        raise DataError(
            f"`{root}` has {' and '.join(f'{name}/' for name in found)}, but only one can be the validation split: "
            "move the other elsewhere."
        )
    return found


def _names(folder: Path) -> set[str]:
    return {child.name for child in list_folder(folder)[0]}


def _holds_something(folder: Path) -> bool:
    folders, others = list_folder(folder)
    return bool(folders) or any(is_image(path.name) for path in others)


def _flat(root: Path, folders: list[Path], left_out: list[Path]) -> Layout:
    classes = {folder.name: find_images(folder) for folder in folders}
    splits = [name for name in classes if name in _SPLITS - {TRAIN}]
    inner = [folder for folder in folders if _names(folder) >= {TRAIN, TEST}]
    if len(folders) < 2 or splits or inner:
        raise DataError(f"`{root}` has no folder {TRAIN}/ and is no folder of classes: {folder_step(root)}.")
    _check_images(root, classes)
    return Layout(splits={TRAIN: classes}, left_out=tuple(sorted([*left_out, *_left_out(classes)])))


def _classes(split: Path) -> tuple[Classes, list[Path]]:
    """Return the classes of a split, and the files and folders in it that are not read."""
    folders, left_out = list_folder(split)
    if not folders:
        beside = sum(is_image(path.name) for path in left_out)
        raise DataError(f"`{split}` has {plural(beside, 'image')} but no folder per class: {split_step(split)}.")
    classes = {folder.name: find_images(folder) for folder in folders}
    _check_images(split, classes)
    return classes, left_out + _left_out(classes)


def _check_images(where: Path, classes: Classes) -> None:
    if is_detection(set(classes)):
        raise DataError(f"`{where}` has folders {listed(list(classes))}, which are no classes: {folder_step(where)}.")
    empty = [name for name, found in classes.items() if not found.images]
    if empty:
        left_out = [path for name in empty for path in classes[name].left_out]
        others = f"; not read: {listed([path.name for path in left_out])}" if left_out else ""
        also = f"; neither have {listed(empty[1:])}" if empty[1:] else ""
        raise DataError(
            f"`{where / empty[0]}` has no images ({', '.join(SUFFIXES)}{others}){also}: add some or remove it."
        )


def _check_classes(root: Path, train: Classes, found: Classes, part: str) -> None:
    if len(train) < 2:
        raise DataError(f"`{root / TRAIN}` has {len(train)} class, but must have 2 or more folders, one per class.")
    odd = sorted(set(train) ^ set(found))
    if odd:
        step = "give both the same ones" if set(train) & set(found) else split_step(root / part)
        raise DataError(f"`{root}` has classes in only one of {TRAIN}/ and {part}/ ({listed(odd)}): {step}.")


def _left_out(classes: Classes) -> list[Path]:
    return [path for found in classes.values() for path in found.left_out]


Size = tuple[int, int]
T = TypeVar("T")


def load_folder(
    root: Path, image_size: int | None = None, channels: int | None = None, *, has_test_share: bool = False
) -> RawData:
    """Read every image of `train/CLASS/*`, `test/CLASS/*` and, if present, `valid/CLASS/*`.

    Args:
        root: the folder.
        image_size: side in pixels to which all images are resized; None where all have one size already.
        channels: 1 for grey, 3 for colour; default: 1 where all images are grey, else 3.
        has_test_share: whether the test split is to be taken out of the training images.

    Raises:
        DataError: the folder has another layout, an image cannot be used, or the images differ in size.
    """
    layout = find_layout(root, has_test_share=has_test_share)
    headers = _headers(root, layout)
    width, height = (image_size, image_size) if image_size is not None else _one_size(root, headers)
    shape = (height, width, channels or (1 if all(header.is_grey for header in headers.values()) else 3))
    check_fits(len(headers) * height * width * shape[2], str(root))
    splits, done = _read(root, layout, shape, size=None if image_size is None else (width, height))
    own = next((name for name in VALIDATION if name in splits), None)
    return RawData(
        name=root.resolve().name,
        classes=tuple(layout.splits[TRAIN]),
        train=splits[TRAIN],
        validation=splits[own] if own else None,
        test=splits.get(TEST),
        traits=own_traits(*shape),
        notes=(
            *([left_out_line(root, len(headers), layout.left_out)] if layout.left_out else []),
            *([f"{own}/ is the validation split"] if own else []),
            *(f"{plural(images, 'image')} {words}" for words, images in sorted(done.items())),
        ),
    )


def _headers(root: Path, layout: Layout) -> dict[Path, Header]:
    files = [path for classes in layout.splits.values() for found in classes.values() for path in found.images]
    faults: list[PictureError] = []
    headers = dict(_each(files, read_header, faults))
    if faults:
        _refuse_damaged(root, headers, faults)
    return headers


def _refuse_damaged(root: Path, headers: Mapping[Path, Header], faults: list[PictureError]) -> None:
    """Decode all images, so that one error names every unusable one; return where all can be used."""
    for _ in _each(list(headers), partial(read_picture, channels=3), faults):
        pass
    if faults:
        raise _unusable(root, faults)


def _one_size(root: Path, headers: Mapping[Path, Header]) -> Size:
    """Return the (width, height) that all images have."""
    usual = Counter(header.size for header in headers.values()).most_common(1)[0][0]
    odd = [(path, header.size) for path, header in headers.items() if header.size != usual]
    if odd:
        _refuse_damaged(root, headers, [])
        named = listed([f"`{path.relative_to(root)}` {width}x{height}" for path, (width, height) in odd])
        raise DataError(
            f"`{root}` has {plural(len(odd), 'image')} of another size than the usual {usual[0]}x{usual[1]} ({named}): "
            "make all alike, or give `data.image_size=N`, which resizes them."
        )
    return usual


def _read(
    root: Path, layout: Layout, shape: tuple[int, int, int], *, size: Size | None
) -> tuple[dict[str, Split], Counter[str]]:
    """Read all images as `shape`, in the order of their classes; count the conversions by name."""
    splits: dict[str, Split] = {}
    done: Counter[str] = Counter()
    faults: list[PictureError] = []
    for name, classes in layout.splits.items():
        files = [path for found in classes.values() for path in found.images]
        images = np.empty((len(files), *shape), dtype=np.uint8)
        pictures = _each(files, partial(_picture, shape=shape, size=size), faults)
        for place, (_, picture) in enumerate(pictures):
            images[place] = picture.pixels
            done.update(picture.done)
        labels = np.repeat(np.arange(len(classes)), [len(found.images) for found in classes.values()])
        splits[name] = Split(images=images, labels=labels.astype(np.int64))
    if faults:
        raise _unusable(root, faults)
    return splits, done


def _picture(path: Path, *, shape: tuple[int, int, int], size: Size | None) -> Picture:
    picture = read_picture(path, channels=shape[2], size=size)
    if picture.pixels.shape != shape:  # a PNG may hold its orientation after its pixels
        height, width, _ = picture.pixels.shape
        step = "make all alike, or give `data.image_size=N`"
        raise PictureError(path, f"is {width}x{height}, but others are {shape[1]}x{shape[0]}", step)
    return picture


def _each(files: Sequence[Path], read: Callable[[Path], T], faults: list[PictureError]) -> Iterator[tuple[Path, T]]:
    """Yield each file that can be used with what `read` returns for it; add the other files' errors to `faults`."""
    for path in files:
        try:
            yield path, read(path)
        except PictureError as error:
            faults.append(error)


def _unusable(root: Path, faults: Sequence[PictureError]) -> DataError:
    if len(faults) == 1:
        return faults[0]
    alike: dict[str, list[Path]] = {}
    for error in faults:
        alike.setdefault(error.fault, []).append(error.path.relative_to(root))
    named = "; ".join(f"{listed(paths)}: {fault}" for fault, paths in list(alike.items())[:MOST])
    return DataError(
        f"`{root}` has {len(faults):,} images that cannot be used ({named}): replace, convert or remove them."
    )
