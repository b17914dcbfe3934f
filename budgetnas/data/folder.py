"""A person's own data set as an image folder: `train/CLASS/*` and `test/CLASS/*`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from budgetnas.data.dataset import RawData, Split
from budgetnas.data.memory import check_fits
from budgetnas.data.npz import own_traits
from budgetnas.exceptions import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
_CHANNELS = {"L": 1, "RGB": 3}


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
    if not folder.is_dir():
        raise DataError(f"`{root}` has no folder {part}/: an image folder must have train/CLASS/* and test/CLASS/*.")
    classes = sorted(child for child in folder.iterdir() if child.is_dir())
    files = {
        child.name: sorted(file for file in child.rglob("*") if file.suffix.lower() in SUFFIXES) for child in classes
    }
    empty = [name for name, found in files.items() if not found]
    if empty:
        raise DataError(f"`{folder / empty[0]}` has no images ({', '.join(sorted(SUFFIXES))}): add some or remove it.")
    return files


def _first(files: dict[str, list[Path]], image_size: int | None) -> tuple[tuple[int, int], str]:
    if image_size is not None:
        return (image_size, image_size), "RGB"
    path = next(iter(files.values()))[0]
    with _open(path) as image:
        if image.mode not in _CHANNELS:
            raise DataError(
                f"`{path}` is an image of mode {image.mode}, but must be grey (L) or colour (RGB): convert it, or "
                "set --set data.image_size=N, which resizes and converts all."
            )
        return image.size, image.mode


def _read(files: dict[str, list[Path]], size: tuple[int, int], mode: str, *, resize: bool) -> Split:
    paths = [(path, label) for label, found in enumerate(files.values()) for path in found]
    images = np.empty((len(paths), size[1], size[0], _CHANNELS[mode]), dtype=np.uint8)
    for i, (path, _) in enumerate(paths):
        with _open(path) as image:
            if not resize and (image.size, image.mode) != (size, mode):
                raise DataError(
                    f"`{path}` is {image.mode} {image.size[0]}x{image.size[1]}, but the first image is "
                    f"{mode} {size[0]}x{size[1]}: make them alike, or set --set data.image_size=N."
                )
            try:
                pixels = image.convert(mode).resize(size, Image.Resampling.BILINEAR) if resize else image
                images[i] = np.asarray(pixels).reshape(images.shape[1:])
            except (OSError, SyntaxError) as error:
                raise DataError(f"`{path}` is a damaged image ({error}): replace or remove it.") from error
    return Split(images=images, labels=np.array([label for _, label in paths], dtype=np.int64))


def _open(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DataError(f"`{path}` cannot be read as an image ({error}): replace or remove it.") from error
