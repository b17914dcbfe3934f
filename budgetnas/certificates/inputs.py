"""The images to classify: image files, folders of them and `.npz` files, in order, each image with an id."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from budgetnas.arch.spec import DataShape
from budgetnas.data.dataset import Images
from budgetnas.data.files import find_images, left_out_line
from budgetnas.data.npz import read_unlabelled
from budgetnas.data.picture import MODES, SUFFIXES, Picture, read_picture
from budgetnas.exceptions import DataError
from budgetnas.text import is_text, plural

_KINDS = "an image, a folder of images or an .npz"
_FOREIGN = {  # the first bytes of a file, and what it is
    b"\x80": "a pickle, which is not read since it could run code: make an .npz of it",
    b"\x93NUMPY": "a single array: save it as an .npz, under the name x",
}
_NUMBER = re.compile(r"([0-9]+)")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class InputImage:
    """One image to classify.

    Attributes:
        id: its id in a file of predictions.
        path: its file; for an image in an `.npz`, the file followed by its id there.
        pixels: uint8 [H, W, C] of an image in an `.npz`; None for an image file, which is read later.
    """

    id: str
    path: str
    pixels: Images | None = None

    def read(self, shape: DataShape) -> Picture:
        """Read the image at the size and with the channels that a network takes.

        Raises:
            DataError: the file is no readable image.
        """
        if self.pixels is None:
            return read_picture(Path(self.path), channels=shape.channels, size=(shape.width, shape.height))
        return Picture(pixels=self.pixels, resized=False, done=())


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """The images found at the given paths.

    Attributes:
        wanted: the images, in order.
        faults: a line for each path that cannot be read.
        notes: a line for each folder with files that were left out.
    """

    wanted: tuple[InputImage, ...]
    faults: tuple[str, ...]
    notes: tuple[str, ...]


def find_inputs(words: Sequence[str], shape: DataShape) -> Inputs:
    """Find the images to classify; image files are not opened yet.

    The id of an image file is its name without the suffix; in a folder, its path from there (`1`, `cats/7`). The id of
    an image in an `.npz` is its entry of `ids`, or its index from 0. Where two images would share an id, all ids are
    paths.

    Args:
        words: paths of image files, folders and `.npz` files.
        shape: the network's input shape.
    """
    found: list[InputImage] = []
    faults: list[str] = []
    notes: list[str] = []
    for word in words:
        try:
            is_folder = _is_folder(word)
            if not is_folder and Path(word).suffix.lower() == ".npz":
                found += _in_npz(word, shape)
            elif shape.channels not in MODES:
                raise DataError(
                    f"`{word}` is no .npz, but the network takes images of {plural(shape.channels, 'channel')}, which "
                    "no image file holds: give an .npz."
                )
            else:
                found += _in_folder(word, notes) if is_folder else [_alone(word)]
        except DataError as error:
            faults.append(str(error))
    known = []
    for image in found:
        if is_text(image.path):
            known.append(image)
        else:
            faults.append(f"{image.path!a} is no text: rename it.")
    return Inputs(wanted=tuple(_with_unique_ids(known)), faults=tuple(faults), notes=tuple(notes))


def _with_unique_ids(found: list[InputImage]) -> list[InputImage]:
    """Make all ids paths where two images share one; ids that an `.npz` gives may repeat."""
    times = Counter(id for id, _ in {(image.id, image.path) for image in found})
    if max(times.values(), default=1) == 1:
        return found
    return [replace(image, id=image.path) for image in found]


def _alone(word: str) -> InputImage:
    path = Path(word)
    try:
        if not path.is_file():  # a pipe would never end
            raise DataError(f"`{word}` is no file and no folder: give {_KINDS}.")
        with path.open("rb") as file:
            begin = file.read(len(max(_FOREIGN, key=len)))
    except OSError as error:
        raise DataError(f"`{word}` cannot be read ({error.strerror}): give {_KINDS}.") from error
    for magic, kind in _FOREIGN.items():
        if begin.startswith(magic):
            raise DataError(f'`{word}` is {kind} (docs/own_data.md, "Predictions for many").')
    return InputImage(id=path.stem, path=word)


def _in_folder(word: str, notes: list[str]) -> list[InputImage]:
    """Find the images of a folder as training does, in natural order (2 before 10)."""
    root, found = Path(word), find_images(Path(word))
    if not found.images:
        raise DataError(f"`{word}` holds no images ({', '.join(sorted(SUFFIXES))}): give {_KINDS}.")
    if found.left_out:
        notes.append(f"{word}: {left_out_line(root, len(found.images), found.left_out)}.")
    wanted = [InputImage(id=path.relative_to(root).with_suffix("").as_posix(), path=str(path)) for path in found.images]
    return sorted(wanted, key=lambda image: (_natural(image.id), image.path))


def _natural(id: str) -> list[str | int]:
    """Return a sort key that puts 2 before 10: the words and numbers of an id in turn."""
    return [int(part) if place % 2 else part for place, part in enumerate(_NUMBER.split(id))]


def _in_npz(word: str, shape: DataShape) -> list[InputImage]:
    found = read_unlabelled(Path(word))
    _, height, width, channels = found.images.shape
    if (height, width, channels) != (shape.height, shape.width, shape.channels):
        raise DataError(
            f"`{word}` holds images of {height}x{width} pixels and {plural(channels, 'channel')} as {found.key}, but "
            f"the network takes {shape.height}x{shape.width} and {shape.channels}: prepare them as its training images "
            "were."
        )
    images = zip(found.ids, found.images, strict=True)
    return [InputImage(id=id, path=f"{word}/{id}", pixels=pixels) for id, pixels in images]


def _is_folder(word: str) -> bool:
    try:
        return Path(word).is_dir()
    except OSError:  # too long for a path
        return False
