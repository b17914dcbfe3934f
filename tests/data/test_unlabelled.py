"""Images that are to be classified, from an `.npz`: what they may be called, and what is refused."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hostile import damaged, fuzz, only_ours
from hypothesis import given

from budgetnas.data.unlabelled import read_unlabelled
from budgetnas.exceptions import DataError

IMAGES = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)


def pack(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "any.npz"


@pytest.mark.parametrize(
    ("arrays", "key", "ids"),
    [
        ({"x_test": IMAGES, "x": IMAGES[:1], "x_train": IMAGES[:2]}, "x_test", ("0", "1", "2")),
        ({"x": IMAGES, "x_train": IMAGES[:2], "ids": np.array([7, 5, 10**12])}, "x", ("7", "5", "1000000000000")),
        ({"data": IMAGES, "ids": np.array(["a", "b", "ü"])}, "data", ("a", "b", "ü")),
        ({"data": IMAGES, "ids": np.arange(3, dtype=np.uint8), "y": np.arange(3)}, "data", ("0", "1", "2")),
    ],
)
def test_the_images_and_their_ids(path, arrays, key, ids):
    path.write_bytes(pack(**arrays))
    found = read_unlabelled(path)
    assert (found.key, found.ids) == (key, ids)
    assert (found.images == IMAGES[..., None]).all()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": IMAGES / 255}, "its values lie in 0..1, so save (255 * x).round().astype(np.uint8)"),
        ({"x": IMAGES.astype(np.float32)}, "its values lie in 0..255, so save x.round().astype(np.uint8)"),
        (
            {"x": np.zeros((3, 48), np.uint8)},
            "its images are flat, so save x.reshape(-1, 3, 4, 4).transpose(0, 2, 3, 1)",
        ),
        ({"x": np.zeros((9, 3, 8, 8), np.uint8)}, "it looks like NCHW, so save x.transpose(0, 2, 3, 1)"),
        ({"x": np.uint8(5)}, "save one axis each"),
        ({"x": IMAGES[:0]}, "save at least one image"),
        ({"a": IMAGES, "b": IMAGES}, "does not say which images to classify (it holds a, b)"),
        ({"y_test": np.arange(3)}, "does not say which images to classify (it holds y_test)"),
        ({}, "does not say which images to classify: "),
        ({"x": IMAGES, "ids": np.arange(4)}, "has 3 images in x, but int64 (4,) in ids"),
        ({"x": IMAGES, "ids": np.zeros(3)}, "has 3 images in x, but float64 (3,) in ids"),
        ({"x": np.array([None] * 3, dtype=object)}, "cannot be read as .npz (Object arrays"),
        ({"x": IMAGES, "ids": np.array([None] * 3, dtype=object)}, "cannot be read as .npz (Object arrays"),
    ],
)
def test_what_is_something_else_is_refused_with_the_likely_way_out(path, arrays, said):
    path.write_bytes(pack(**arrays))
    with pytest.raises(DataError) as refused:
        read_unlabelled(path)
    assert said in str(refused.value)
    assert str(refused.value).startswith(f"`{path}` ")


def test_what_says_that_it_is_huge_is_refused_before_it_is_read(path):
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 4, 4), }\n"
    with zipfile.ZipFile(path, "w") as members:
        members.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)
    with pytest.raises(DataError, match=r"needs [\d,.]+ GiB in memory"):
        read_unlabelled(path)


@fuzz(60)
@given(damaged(pack(x=IMAGES, ids=np.arange(3))))
def test_damaged_bytes(path, content):
    path.write_bytes(content)
    only_ours(read_unlabelled, path)
