"""Image folders that are wrong in any way: a DataError that names the file, and nothing that is no image is shown."""

from __future__ import annotations

import io
import os

import pytest
from hostile import damaged, fuzz, only_ours
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from budgetnas.data.folder import load_folder
from budgetnas.exceptions import DataError


def image(kind, mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, (4, 4), 7).save(file, kind)
    return file.getvalue()


KINDS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "PPM")
IMAGES = [image(kind) for kind in KINDS] + [image("PNG", "P"), image("TIFF", "L"), image("PNG", "1")]
CLASSES = ("a", "b")


@pytest.fixture
def root(tmp_path):
    for split in ("train", "test"):
        for name in CLASSES:
            (tmp_path / "set" / split / name).mkdir(parents=True)
            (tmp_path / "set" / split / name / "1.png").write_bytes(IMAGES[0])
    return tmp_path / "set"


@fuzz(120)
@given(
    st.one_of(st.sampled_from(IMAGES).flatmap(damaged), st.binary(max_size=60)),
    st.sampled_from(("png", "jpg", "tif", "webp", "ppm")),
    st.sampled_from((None, 5)),
)
def test_any_bytes_as_an_image(root, content, suffix, size):
    path = root / "train" / "a" / f"0.{suffix}"
    path.write_bytes(content)
    only_ours(load_folder, root, size)
    path.unlink()


@pytest.mark.parametrize("name", ["a\nb", "<script>alert(1)<", "x..", " ", "\x1b[2J", "é", "x" * 250])
def test_odd_names_of_classes_are_taken_as_they_are(root, name):
    (root / "train" / name).mkdir()
    (root / "test" / name).mkdir()
    for split in ("train", "test"):
        (root / split / name / "1.png").write_bytes(IMAGES[0])
    assert name in load_folder(root, None).classes


def test_a_link_to_an_image_is_followed_as_the_folder_is_a_persons_own(root):
    (root.parent / "elsewhere.png").write_bytes(IMAGES[0])
    (root / "train" / "a" / "2.png").symlink_to("../../../elsewhere.png")
    assert len(load_folder(root, None).train) == 3


@pytest.mark.parametrize("kind", ["text", "nothing", "ring", "folder", "device"])
def test_a_link_to_anything_else_is_named_and_says_nothing_of_it(root, kind):
    link, secret = root / "train" / "a" / "2.png", root.parent / "secret"
    secret.write_text("P6 password 12345")
    target = {"text": secret, "nothing": root / "no", "ring": link, "folder": root.parent, "device": "/dev/zero"}[kind]
    link.symlink_to(target)
    for size in (None, 4):
        with pytest.raises(DataError, match=r"2\.png") as caught:
            load_folder(root, size)
        assert "12345" not in str(caught.value)


def test_a_pipe_is_not_waited_for(root):
    os.mkfifo(root / "train" / "a" / "2.png")
    with pytest.raises(DataError, match=r"2\.png` is no file"):
        load_folder(root, None)
