"""The layout of an image folder: the class and split of each image, by the names of its folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from budgetnas.data.dataset import VALIDATION
from budgetnas.data.files import FoundFiles, find_images, is_image, list_folder
from budgetnas.data.picture import SUFFIXES
from budgetnas.data.suggestions import folder_step, is_detection, split_step
from budgetnas.exceptions import DataError
from budgetnas.text import listed, plural

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
