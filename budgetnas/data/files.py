"""The image files below a folder, as torchvision's ImageFolder finds them, and the files that are left out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from budgetnas.data.picture import SUFFIXES
from budgetnas.exceptions import DataError
from budgetnas.text import listed, plural

# Folders that systems and tools leave behind, besides hidden ones.
_LEFT_BEHIND = frozenset(
    {"__macosx", "__pycache__", "@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundFiles:
    """The files below a folder.

    Attributes:
        images: files with the suffix of an image, in the order of torchvision's ImageFolder.
        left_out: other files, and hidden or tool-made folders, which are not searched.
    """

    images: tuple[Path, ...]
    left_out: tuple[Path, ...]


def is_image(name: str) -> bool:
    """Return whether a file name has the suffix of an image and is not hidden."""
    return name.lower().endswith(SUFFIXES) and not is_hidden(name)


def is_hidden(name: str) -> bool:
    """Return whether a name is hidden: a leading dot, or a folder that a system or tool makes."""
    return name.startswith(".") or name.lower() in _LEFT_BEHIND


def find_images(folder: Path) -> FoundFiles:
    """Find the images in a folder and all folders below it; links are followed.

    Raises:
        DataError: a folder cannot be read, or a link points to a folder that contains it.
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
    # Sorted by folder, then by name: whole paths would sort differently.
    return FoundFiles(images=tuple(Path(*image) for image in sorted(images)), left_out=tuple(sorted(left_out)))


def list_folder(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders in a folder, and all its other entries (files, hidden and tool-made folders), both sorted.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        entries = sorted(folder.iterdir())
        folders = [entry for entry in entries if not is_hidden(entry.name) and entry.is_dir()]
    except OSError as error:
        raise _unreadable(error) from error
    others = set(entries) - set(folders)
    return folders, sorted(others)


def left_out_line(root: Path, images: int, left_out: Sequence[Path]) -> str:
    """Return a line that counts the images below a folder and names what was left out; folders are not counted."""
    folders = [f"{path.relative_to(root).as_posix()}/" for path in left_out if path.is_dir()]
    files = [path.relative_to(root).as_posix() for path in left_out if not path.is_dir()]
    parts = [listed(files)] if files else []
    if folders:
        parts.append(f"{plural(len(folders), 'folder')} ({listed(folders)})")
    return f"{images:,} images of {images + len(files):,} files; left out: {' and '.join(parts)}"


def _refuse_ring(top: Path, folder: Path) -> None:
    """Refuse a link to a folder that contains it: the walk would never end."""
    if not folder.is_symlink():
        return
    target = folder.resolve()
    walked = [parent for parent in folder.parents if parent == top or top in parent.parents]
    if any(parent.resolve().is_relative_to(target) for parent in walked):
        raise DataError(f"`{folder}` is a link to a folder that holds it: remove it.")


def _refuse(error: OSError) -> None:
    raise _unreadable(error) from error


def _unreadable(error: OSError) -> DataError:
    return DataError(f"`{error.filename}` cannot be read ({error.strerror}): make it readable.")
