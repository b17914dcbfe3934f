"""What a person wants classified: image files, folders of them and `.npz` files, in order, each image under an id."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from budgetnas.arch.spec import DataShape
from budgetnas.data.dataset import Images
from budgetnas.data.files import find_images, left_out_line
from budgetnas.data.picture import MODES, SUFFIXES, Picture, read_picture
from budgetnas.data.unlabelled import read_unlabelled
from budgetnas.exceptions import DataError
from budgetnas.text import is_text, plural

_KINDS = "an image, a folder of images or an .npz"
_FOREIGN = {  # what a file begins with, and what it is then
    b"\x80": "a pickle, which is not read since it could run code: make an .npz of it",
    b"\x93NUMPY": "a single array: save it as an .npz, under the name x",
}
_NUMBER = re.compile(r"([0-9]+)")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Wanted:
    """One image that is to be classified.

    Attributes:
        id: of the image, in a file of predictions.
        path: of its file; for an image in an `.npz`, followed by its id there.
        pixels: of an image in an `.npz`, which is read whole; None for an image file.
    """

    id: str
    path: str
    pixels: Images | None = None

    def read(self, shape: DataShape) -> Picture:
        """Read it at the size and with the channels that a network takes.

        Raises:
            DataError: it is no readable image.
        """
        if self.pixels is None:
            return read_picture(Path(self.path), channels=shape.channels, size=(shape.width, shape.height))
        return Picture(pixels=self.pixels, resized=False, done=())


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """What was found of what was asked for.

    Attributes:
        wanted: the images, in order.
        faults: what cannot be read and why, a line each.
        notes: what was left out of folders, a line each.
    """

    wanted: tuple[Wanted, ...]
    faults: tuple[str, ...]
    notes: tuple[str, ...]


def find_inputs(words: Sequence[str], shape: DataShape) -> Inputs:
    """Find the images that are asked for; image files are not opened yet.

    The id of an image file is its name without the suffix, in a folder its path from there (`1`, `cats/7`); that of an
    image in an `.npz` is its entry of `ids`, or its place from 0. Where two images would have one id, all ids are
    paths.

    Args:
        words: paths of image files, folders and `.npz` files.
        shape: of the images that the network takes.
    """
    found: list[Wanted] = []
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
    return Inputs(wanted=tuple(_told_apart(known)), faults=tuple(faults), notes=tuple(notes))


def _told_apart(found: list[Wanted]) -> list[Wanted]:
    """Make all ids paths where two images share one; an `.npz` may repeat the ids that it gives."""
    times = Counter(id for id, _ in {(image.id, image.path) for image in found})
    if max(times.values(), default=1) == 1:
        return found
    return [replace(image, id=image.path) for image in found]


def _alone(word: str) -> Wanted:
    path = Path(word)
    try:
        if not path.is_file():  # a pipe would never end
            raise DataError(f"`{word}` is no file and no folder: give {_KINDS}.")
        with path.open("rb") as file:
            begin = file.read(len(max(_FOREIGN, key=len)))
    except OSError as error:
        raise DataError(f"`{word}` cannot be read ({error.strerror}): give {_KINDS}.") from error
    for magic, told in _FOREIGN.items():
        if begin.startswith(magic):
            raise DataError(f'`{word}` is {told} (docs/own_data.md, "Predictions for many").')
    return Wanted(id=path.stem, path=word)


def _in_folder(word: str, notes: list[str]) -> list[Wanted]:
    """Find the images of a folder as training does, in the order in which a person counts them."""
    root, found = Path(word), find_images(Path(word))
    if not found.images:
        raise DataError(f"`{word}` holds no images ({', '.join(sorted(SUFFIXES))}): give {_KINDS}.")
    if found.left_out:
        notes.append(f"{word}: {left_out_line(root, len(found.images), found.left_out)}.")
    wanted = [Wanted(id=path.relative_to(root).with_suffix("").as_posix(), path=str(path)) for path in found.images]
    return sorted(wanted, key=lambda image: (_natural(image.id), image.path))


def _natural(id: str) -> list[str | int]:
    """Return what puts 2 before 10: the words and the numbers of an id in turn."""
    return [int(part) if place % 2 else part for place, part in enumerate(_NUMBER.split(id))]


def _in_npz(word: str, shape: DataShape) -> list[Wanted]:
    found = read_unlabelled(Path(word))
    _, height, width, channels = found.images.shape
    if (height, width, channels) != (shape.height, shape.width, shape.channels):
        raise DataError(
            f"`{word}` holds images of {height}x{width} pixels and {plural(channels, 'channel')} as {found.key}, but "
            f"the network takes {shape.height}x{shape.width} and {shape.channels}: prepare them as its training images "
            "were."
        )
    images = zip(found.ids, found.images, strict=True)
    return [Wanted(id=id, path=f"{word}/{id}", pixels=pixels) for id, pixels in images]


def _is_folder(word: str) -> bool:
    try:
        return Path(word).is_dir()
    except OSError:  # too long for a path
        return False
