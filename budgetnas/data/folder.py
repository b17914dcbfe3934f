"""A person's own data set as an image folder: `train/CLASS/*` and `test/CLASS/*`."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from budgetnas.data.dataset import RawData, Split
from budgetnas.data.memory import check_fits
from budgetnas.data.npz import own_traits
from budgetnas.exceptions import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "PPM")  # no other: an EPS, say, would be run by Ghostscript
_CHANNELS = {"L": 1, "RGB": 3}
_CONVERTIBLE = frozenset({"1", "P", "PA", "LA", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"})
_READABLE = _CONVERTIBLE | set(_CHANNELS)


def load_folder(root: Path, image_size: int | None) -> RawData:
    """Read every image below `root/train` and `root/test`.

    Args:
        root: the folder.
        image_size: side in pixels to resize all images to, in colour; None to take them as they are, all of one
            size and one mode (grey or colour).

    Raises:
        DataError: a split is missing, the classes differ, an image is broken, or sizes or modes are mixed.
    """
    files = {part: _files(root, part) for part in ("train", "test")}
    classes = tuple(files["train"])
    if classes != tuple(files["test"]):
        odd = sorted(set(files["train"]) ^ set(files["test"]))
        raise DataError(
            f"`{root}` has classes in only one of train/ and test/ ({', '.join(odd[:5])}): give both the same ones."
        )
    if len(classes) < 2:
        raise DataError(f"`{root}/train` has {len(classes)} class, but must have 2 or more folders, one per class.")
    size, mode = _first(files["train"], image_size)
    if mode not in _CHANNELS:
        raise DataError(
            f"`{root}` begins with an image of mode {mode}, but must hold grey (L) or colour (RGB) ones: convert them, "
            "or set --set data.image_size=N, which resizes and converts all."
        )
    count = sum(len(paths) for part in files.values() for paths in part.values())
    check_fits(count * size[0] * size[1] * _CHANNELS[mode], str(root))
    train, test = (_read(files[part], size, mode, resize=image_size is not None) for part in ("train", "test"))
    return RawData(
        name=root.resolve().name,
        classes=classes,
        train=train,
        test=test,
        traits=own_traits(*train.images.shape[1:]),
    )


def _files(root: Path, part: str) -> dict[str, list[Path]]:
    folder = root / part
    try:
        if not folder.is_dir():
            raise DataError(
                f"`{root}` has no folder {part}/: an image folder must have train/CLASS/* and test/CLASS/*."
            )
        classes = sorted(child for child in folder.iterdir() if child.is_dir())
        files = {
            child.name: sorted(file for file in child.iterdir() if file.suffix.lower() in SUFFIXES) for child in classes
        }
    except OSError as error:
        raise DataError(f"`{error.filename}` cannot be read ({error.strerror}): make it readable.") from error
    empty = [name for name, found in files.items() if not found]
    if empty:
        raise DataError(f"`{folder / empty[0]}` has no images ({', '.join(sorted(SUFFIXES))}): add some or remove it.")
    return files


def _first(files: dict[str, list[Path]], image_size: int | None) -> tuple[tuple[int, int], str]:
    """Return the (width, height) and the mode that all images must have."""
    if image_size is not None:
        return (image_size, image_size), "RGB"
    path = next(iter(files.values()))[0]
    with _opened(path) as image:
        return image.size, image.mode


def _read(files: dict[str, list[Path]], size: tuple[int, int], mode: str, *, resize: bool) -> Split:
    paths = [(path, label) for label, found in enumerate(files.values()) for path in found]
    images = np.empty((len(paths), size[1], size[0], _CHANNELS[mode]), dtype=np.uint8)
    for i, (path, _) in enumerate(paths):
        with _opened(path) as image:
            if not resize and (image.size, image.mode) != (size, mode):
                raise DataError(
                    f"`{path}` is {image.mode} {image.size[0]}x{image.size[1]}, but the first image is "
                    f"{mode} {size[0]}x{size[1]}: make them alike, or set --set data.image_size=N."
                )
            pixels = image.convert(mode).resize(size, Image.Resampling.BILINEAR) if resize else image
            images[i] = np.asarray(pixels).reshape(images.shape[1:])
    return Split(images=images, labels=np.array([label for _, label in paths], dtype=np.int64))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open an image of 8 bits a channel; whatever a damaged one makes its decoder raise is a DataError."""
    try:
        if not path.is_file():  # a pipe would never end
            raise DataError(f"`{path}` is no file, or a link to none: replace or remove it.")
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=_FORMATS) as image:
            if image.mode not in _READABLE:
                raise DataError(
                    f"`{path}` is an image of mode {image.mode}, but must have 8 bits a channel, grey or colour: "
                    "convert it."
                )
            yield image
    except DataError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"`{path}` cannot be read as an image ({reason}): replace or remove it.") from error
