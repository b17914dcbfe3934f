"""The user's own data set as an image folder; all images are read in one size and one mode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from budgetnas.data.arrays import check_fits
from budgetnas.data.dataset import VALIDATION, RawData, Split
from budgetnas.data.files import left_out_line
from budgetnas.data.layout import TEST, TRAIN, Layout, find_layout
from budgetnas.data.npz import own_traits
from budgetnas.data.picture import Header, Picture, PictureError, read_header, read_picture
from budgetnas.exceptions import DataError
from budgetnas.text import MOST, listed, plural

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
