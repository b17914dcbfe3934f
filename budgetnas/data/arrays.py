"""Checks of image, label and class-name arrays: shape, type, memory. Each error suggests a fix."""

from __future__ import annotations

import os
from collections import Counter
from math import isqrt
from pathlib import Path

import numpy as np

from budgetnas.arrays import Array
from budgetnas.data.dataset import Images, Labels
from budgetnas.exceptions import DataError
from budgetnas.system import memory
from budgetnas.text import listed

_COPIES = 2


def available_bytes() -> int:
    """Return the bytes that this process can still allocate: the system's estimate, within a container's limit."""
    known = memory()
    if known is not None:
        return known[1]
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_fits(size: int, source: str) -> None:
    """Check that a data set of `size` bytes fits into memory, before any of it is read.

    Raises:
        DataError: twice its size (one copy as read, one as split) exceeds the available memory.
    """
    free = available_bytes()
    if size * _COPIES > free:
        raise DataError(
            f"`{source}` needs {size * _COPIES / 2**30:,.1f} GiB in memory, but {free / 2**30:,.1f} GiB are free: "
            "use smaller images or fewer of them."
        )


MOST_CHANNELS = 16
_FEW_CHANNELS = 4  # an array whose second axis is at most this, and whose last axis is longer, looks like NCHW


def read_images(path: Path, key: str, array: Array, labels: Array) -> Images:
    """Return an array as images [N, H, W, C] uint8.

    Args:
        path: the file that holds it.
        key: its name in the file.
        array: uint8 [N, H, W, C] or [N, H, W].
        labels: the array of their labels; its shape helps to find out what is wrong.

    Raises:
        DataError: the array has another shape or type; the message suggests a fix.
    """
    steps = _image_steps(key, array, labels)
    if steps:
        raise DataError(
            f"`{path}` holds {array.dtype} {array.shape} as {key}, but must hold uint8 images, NHWC or NHW, at least "
            f"one: {' and '.join(steps)}."
        )
    images = array[..., None] if array.ndim == 3 else array
    return np.ascontiguousarray(images, dtype=np.uint8)


def read_labels(path: Path, key: str, array: Array, images: int) -> Array:
    """Return an array as integer labels [N]. The shape [N, 1], which Keras uses, is accepted.

    Raises:
        DataError: the array has another shape or type; the message suggests a fix.
    """
    if array.ndim > 1 and array.size == len(array):
        array = array.reshape(-1)
    if array.shape != (images,) or array.dtype.kind not in "iu" or not images:
        raise DataError(
            f"`{path}` has {images} images in {key.replace('y', 'x', 1)}, but {array.dtype} {array.shape} in {key}: "
            f"{_label_step(key, array, images)}."
        )
    return array


def read_classes(path: Path, key: str, labels: Array, names: Array | None) -> tuple[str, ...]:
    """Return the class names: the file's own, or the labels as text.

    Args:
        path: the file.
        key: name of the training labels in the file.
        labels: the training labels [N].
        names: the file's array `classes`; None where it has none.

    Raises:
        DataError: `names` is no array of distinct names, or a class has no training images.
    """
    low, high = int(labels.min()), int(labels.max())
    classes = _numbered(path, key, labels) if names is None else _named(path, names)
    check_range(path, key, labels, len(classes))
    absent = np.setdiff1d(np.arange(len(classes)), labels).tolist()
    if absent:
        if absent == list(range(low)):
            step = f"do labels begin at {low}? Save {key} - {low}, and change the other labels the same way"
        elif absent == list(range(high + 1, len(classes))):
            step = "leave names without images out of classes"
        else:
            step = f"number them without gaps, as np.unique({key}, return_inverse=True)[1] does"
        word = "class" if len(absent) == 1 else "classes"
        verb = "has" if len(absent) == 1 else "have"
        raise DataError(f"`{path}`: {word} {listed(absent)} {verb} no images in {key}: {step}.")
    return classes


def check_range(path: Path, key: str, labels: Array, classes: int) -> Labels:
    """Return labels as int64.

    Raises:
        DataError: a label is not in 0..classes-1.
    """
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        step = f"do labels begin at 1? Save {key} - 1" if (low, high) == (1, classes) else "relabel them"
        raise DataError(
            f"`{path}` has labels from {low} to {high} in {key}, but they must lie in 0..{classes - 1}: {step}."
        )
    return labels.astype(np.int64)


def _named(path: Path, names: Array) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind != "U" or len(names) < 2:
        step = "save them as .astype(str)" if names.dtype.kind == "S" else "save a name per class, in their order"
        raise DataError(
            f"`{path}` holds {names.dtype} {names.shape} as classes, but must hold a list of names: {step}."
        )
    classes = tuple(str(name) for name in names)
    twice = [name for name, times in Counter(classes).items() if times > 1]
    if twice:
        raise DataError(f"`{path}` names classes twice ({listed(twice)}): save a name per class, not per image.")
    return classes


def _numbered(path: Path, key: str, labels: Array) -> tuple[str, ...]:
    count = int(labels.max()) + 1
    if not 2 <= count <= len(labels):
        raise DataError(
            f"`{path}` holds labels up to {count - 1} in {key}, but must hold 0..C-1 of 2 classes or more: number the "
            f"classes from 0, as np.unique({key}, return_inverse=True)[1] does."
        )
    return tuple(str(label) for label in range(count))


def _image_steps(key: str, array: Array, labels: Array) -> list[str]:
    """Return the steps that make `array` an array of images, none where it is one."""
    shape = array.shape
    if array.ndim < 3 <= labels.ndim:
        return [f"{key} and its labels look swapped, so save each under the other's name"]
    if 0 in shape:
        return ["it is empty, so save at least one image"]
    steps = []
    if array.ndim == 2:
        steps.append(_unflatten(key, shape[1]))
    elif array.ndim not in (3, 4):
        steps.append("save one axis each for images, height, width and, if in colour, channels")
    elif labels.shape[:1] == shape[-1:] != shape[:1]:
        steps.append(f"its last axis counts the images, so save np.moveaxis({key}, -1, 0)")
    elif array.ndim == 4 and shape[1] <= _FEW_CHANNELS < shape[3]:
        steps.append(f"it looks like NCHW, so save {key}.transpose(0, 2, 3, 1)")
    elif array.ndim == 4 and shape[3] > MOST_CHANNELS:
        steps.append(f"its last axis has {shape[3]}, but must be 1 to {MOST_CHANNELS} channels, so save it as NHWC")
    if array.dtype != np.uint8:
        steps.append(_to_uint8(key, array))
    return steps


def _unflatten(key: str, length: int) -> str:
    """Return the step for flat images, which are taken to be square, grey or in colour."""
    side, colour = isqrt(length), isqrt(length // 3)
    if side * side == length:
        return f"its images are flat, so save {key}.reshape(-1, {side}, {side})"
    if 3 * colour * colour == length:
        return (
            f"its images are flat, so save {key}.reshape(-1, 3, {colour}, {colour}).transpose(0, 2, 3, 1) if a colour "
            f"follows the other, {key}.reshape(-1, {colour}, {colour}, 3) if a pixel does"
        )
    return "its images are flat, so save them with their height and width"


def _to_uint8(key: str, array: Array) -> str:
    if array.dtype.kind == "b":
        return f"save 255 * {key}.astype(np.uint8)"
    if array.dtype.kind not in "iuf":
        return "save whole numbers from 0 to 255 as np.uint8"
    low, high = float(array.min()), float(array.max())
    if array.dtype.kind == "f" and low >= 0 and high <= 1:
        return f"its values lie in 0..1, so save (255 * {key}).round().astype(np.uint8)"
    if low >= 0 and high <= 255:
        rounded = f"{key}.round()" if array.dtype.kind == "f" else key
        return f"its values lie in 0..255, so save {rounded}.astype(np.uint8)"
    if array.dtype.kind == "f" and low >= -1 and high <= 1:
        return f"its values lie in -1..1, so save (127.5 * ({key} + 1)).round().astype(np.uint8)"
    step = "scale them to 0..255" if array.dtype.kind in "iu" else "save the original images, in 0..255"
    return f"its values range from {low:g} to {high:g}, so {step}"


def _label_step(key: str, array: Array, images: int) -> str:
    """Return the step that makes `array` one label per image."""
    kind = array.dtype.kind
    if array.ndim == 2 and len(array) == images and kind in "iufb":
        is_one_hot = bool(np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all())
        return f"it looks one-hot, so save {key}.argmax(1)" if is_one_hot else "give one label per image, not several"
    if array.size == images and array.ndim > 1:
        return f"save {key}.ravel()"
    if array.shape != (images,):
        return "give one integer label per image"
    if kind in "US":
        return f"number the names by np.unique({key}, return_inverse=True), and save the names as classes"
    if kind == "b" or (kind == "f" and bool((array == np.round(array)).all())):
        return f"save {key}.astype(np.int64)"
    return "give one integer label per image"
