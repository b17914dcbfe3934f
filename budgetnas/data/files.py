"""The image files below a folder, as torchvision's ImageFolder finds them, and what is left out of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from budgetnas.data.picture import SUFFIXES
from budgetnas.exceptions import DataError
from budgetnas.text import listed, plural

# Folders that systems and tools leave behind, beside those that they hide by a leading dot.
_LEFT_BEHIND = frozenset(
    {"__macosx", "__pycache__", "@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What lies below a folder.

    Attributes:
        images: files with the suffix of an image, in the order of torchvision's ImageFolder.
        left_out: other files, and folders that a system or a tool left behind, which were not looked into.
    """

    images: tuple[Path, ...]
    left_out: tuple[Path, ...]


def is_image(name: str) -> bool:
    """Tell whether a file goes by the name of an image."""
    return name.lower().endswith(SUFFIXES) and not is_hidden(name)


def is_hidden(name: str) -> bool:
    """Tell whether no person put a file or a folder there: a leading dot, or the name that a tool gives it."""
    return name.startswith(".") or name.lower() in _LEFT_BEHIND


def find_images(folder: Path) -> Found:
    """Find the images in a folder and in all folders below it, links to others followed.

    Raises:
        DataError: a folder cannot be read, or a link leads back to a folder that holds it.
    """
    images: list[tuple[str, str]] = []
    left_out: list[Path] = []
    for place, folders, names in os.walk(folder, followlinks=True, onerror=_refuse):
        left_out += [Path(place, name) for name in folders if is_hidden(name)]
        folders[:] = [name for name in folders if not is_hidden(name)]
        for name in folders:
            _refuse_ring(folder, Path(place, name))
        images += [(place, name) for name in names if is_image(name)]
        left_out += [Path(place, name) for name in names if not is_image(name)]
    # By folder and then by name, which is not the order of whole paths.
    return Found(images=tuple(Path(*image) for image in sorted(images)), left_out=tuple(sorted(left_out)))


def list_folder(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders in a folder, and everything else in it with what tools left behind, both sorted.

    Raises:
        DataError: it cannot be read.
    """
    try:
        entries = sorted(folder.iterdir())
        folders = [entry for entry in entries if not is_hidden(entry.name) and entry.is_dir()]
    except OSError as error:
        raise _unreadable(error) from error
    others = set(entries) - set(folders)
    return folders, sorted(others)


def left_out_line(root: Path, images: int, left_out: Sequence[Path]) -> str:
    """Say how many files below a folder are images and name the others; a folder of a tool is named, not counted."""
    folders = [f"{path.relative_to(root).as_posix()}/" for path in left_out if path.is_dir()]
    files = [path.relative_to(root).as_posix() for path in left_out if not path.is_dir()]
    parts = [listed(files)] if files else []
    if folders:
        parts.append(f"{plural(len(folders), 'folder')} ({listed(folders)})")
    return f"{images:,} images of {images + len(files):,} files; left out: {' and '.join(parts)}"


def _refuse_ring(top: Path, folder: Path) -> None:
    """Refuse a link to a folder that the way down to it has already been in: the way would have no end."""
    if not folder.is_symlink():
        return
    target = folder.resolve()
    way = [parent for parent in folder.parents if parent == top or top in parent.parents]
    if any(parent.resolve().is_relative_to(target) for parent in way):
        raise DataError(f"`{folder}` is a link to a folder that holds it: remove it.")


def _refuse(error: OSError) -> None:
    raise _unreadable(error) from error


def _unreadable(error: OSError) -> DataError:
    return DataError(f"`{error.filename}` cannot be read ({error.strerror}): make it readable.")
