"""Suggestions for folders and files that are no data set, by what they seem to be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from budgetnas.data.dataset import VALIDATION
from budgetnas.data.files import find_images, is_image, list_folder
from budgetnas.text import listed, plural

SHARE = "give `data.test_share=0.2`, which takes a fifth of each class as the test split"
_FORM = "an image folder must have train/CLASS/* and test/CLASS/*"
_SORT = "sort the images into a folder per class, train/CLASS/* and test/CLASS/*"
_SPLITS = {
    "train": ("train", "training", "trn", "train_set", "trainset", "training_set"),
    "test": ("test", "testing", "tst", "test_set", "testset"),
}
_TABLES = (".csv", ".tsv", ".json", ".xlsx", ".parquet")
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_DETECTION = frozenset({"images", "labels", "annotations", "masks", "bboxes"})
_DEEP = 3
_FILES = {
    ".npy": "it is one array, so save images and labels together, np.savez('set.npz', x_train=..., y_train=..., ...)",
    ".pt": "read it with torch.load, and save arrays with np.savez",
    ".pth": "read it with torch.load, and save arrays with np.savez",
    ".pkl": "pickles can run code and are not read, so load it yourself and save arrays with np.savez",
    ".pickle": "pickles can run code and are not read, so load it yourself and save arrays with np.savez",
    ".mat": "read it with scipy.io.loadmat, and save arrays with np.savez",
    ".h5": "read it with h5py, and save arrays with np.savez",
    ".hdf5": "read it with h5py, and save arrays with np.savez",
    **dict.fromkeys((".csv", ".tsv", ".parquet"), "tables are not read, so save arrays with np.savez"),
    **dict.fromkeys(_ARCHIVES, "unpack it, and give the folder"),
}


def folder_step(root: Path) -> str:
    """Return the fix for a folder without `train/` or `test/`, by what it holds instead."""
    folders, others = list_folder(root)
    images = [path for path in others if is_image(path.name)]
    if len(folders) == 1 and not images and (inner := _inner(folders[0])) is not None:
        return f"the data set seems to be in `{inner}`, so give `data.dataset={inner}`"
    if step := _by_names({folder.name for folder in folders}):
        return step
    if root.name == "train" and (root.resolve().parent / "test").is_dir():
        return f"test/ is beside it, so give `data.dataset={root.parent}`"
    if any({"train", "test"} <= {child.name for child in list_folder(folder)[0]} for folder in folders):
        return "classes must be in splits, not splits in classes, so move the images to train/CLASS/ and test/CLASS/"
    if sum(bool(find_images(folder).images) for folder in folders) > 1:
        return f"it looks like a folder per class, so {SHARE}"
    if images:
        return f"it has {plural(len(images), 'image')} but no folder per class, so {_SORT}{_tables(others)}"
    return _by_files(others) or _FORM


def split_step(split: Path) -> str:
    """Return the fix for a split that has no folder per class."""
    _, others = list_folder(split)
    step = f"sort the images into a folder per class, {split.name}/CLASS/*"
    if split.name == "test":
        step += ", or, where their classes are not known, give `data.test_share=0.2`, which tests on images of train/"
    return step + _tables([*others, *list_folder(split.parent)[1]])


def keys_step(files: Sequence[str]) -> str:
    """Return how to rename the arrays of an `.npz`, guessed from their names; "" where the names give no clue."""
    if any(is_image(file) for file in files):
        return "unpack it, and give the folder"
    found: dict[str, list[str]] = {}
    for file in sorted(files):
        name = file.removesuffix(".npy")
        part = next((part for part in ("train", "test", "val") if part in name.lower()), "")
        rest = name.lower().replace(part, "").strip("_")
        axis = "y" if rest.startswith("y") or "lab" in rest or "target" in rest else "x"
        found.setdefault(f"{axis}_{part}", []).append(name)
    named = {key: names[0] for key, names in found.items() if len(names) == 1}
    if set(named) == {"x_", "y_"}:
        return f"save {named['x_']} as x and {named['y_']} as y, and {SHARE}"
    if not {"x_train", "y_train", "x_test", "y_test"} <= set(named):
        return ""
    steps = [f"{name} as {key}" for key, name in named.items() if key.partition("_")[2] and name != key]
    return f"save {listed(steps)}" if steps else ""


def is_detection(names: set[str]) -> bool:
    """Return whether folders of these names look like a detection or segmentation set, not like classes."""
    found = {name.lower() for name in names}
    return bool(found) and (found <= _DETECTION or {"images", "labels"} <= found or "annotations" in found)


def file_step(path: Path) -> str | None:
    """Return the fix for a file that is no `.npz`, by its suffix; None for an unknown suffix."""
    if is_image(path.name):
        return "give the folder that holds train/ and test/, not an image"
    return _FILES.get(path.suffix.lower())


def _by_names(names: set[str]) -> str:
    found = {
        part: next((name for name in sorted(names, reverse=True) if name.lower() in alike), "")
        for part, alike in _SPLITS.items()
    }
    steps = [f"{name}/ to {part}/" for part, name in found.items() if name != part]
    if all(found.values()) and steps:
        return f"rename {' and '.join(steps)}"
    if is_detection(names):
        return f"it looks like a set for detection or segmentation, so {_SORT}"
    if "train" in names:
        own = next((f"rename {name}/ to test/, or " for name in VALIDATION if name in names), "")
        return own + SHARE
    if {"test", *VALIDATION} & names:
        return "put the class folders with the images to learn from into train/"
    return ""


def _by_files(others: list[Path]) -> str:
    for path in others:
        if path.suffix.lower() == ".npz":
            return f"give `data.dataset={path}`"
        if path.suffix.lower() in _ARCHIVES:
            return f"unpack {path.name} there"
    return ""


def _inner(folder: Path) -> Path | None:
    """Return the data set inside the only subfolder `folder`, unless its name is that of a split."""
    if any(folder.name.lower() in alike for alike in (*_SPLITS.values(), VALIDATION)):
        return None
    for _ in range(_DEEP):
        folders, others = list_folder(folder)
        if {"train", "test"} & {child.name.lower() for child in folders}:
            return folder
        if len(folders) != 1 or any(is_image(path.name) for path in others):
            return folder if len(folders) > 1 else None
        folder = folders[0]
    return None


def _tables(paths: list[Path]) -> str:
    table = next((path.name for path in paths if path.suffix.lower() in _TABLES), None)
    return f" (labels in {table} are not read)" if table else ""
