"""Image folders of every layout: read as torchvision reads them, or refused with the likely reason."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from budgetnas.config.sections import DataConfig
from budgetnas.data.folder import load_folder
from budgetnas.data.load import load_dataset
from budgetnas.exceptions import DataError


def save(path, *, size=(8, 8), mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(str(path))).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, **options)


@pytest.mark.parametrize(
    ("mode", "fingerprint"),
    [
        ("RGB", "7b68368689261759f7b2e10e45d9cf69b09dfa3f565a252194323cbacc8e7259"),
        ("L", "32b54a6b52296b4521c3e3b8e20b99268fed897f4d3a15a7119bf03f949e36ad"),
    ],
)
def test_a_plain_folder_has_the_fingerprint_that_runs_recorded_of_it(make_folder, mode, fingerprint):
    data = load_dataset(DataConfig(dataset=str(make_folder(modes=(mode, mode)))))
    assert (data.fingerprint, data.notes) == (fingerprint, ())


def test_images_are_those_of_torchvision_in_its_order(make_folder):
    from torchvision.datasets import ImageFolder

    root = make_folder(classes=("10", "2"))
    for name in ("10/b/1.png", "10/b-c/1.PNG", "10/b/d/e/1.jpg", "2/x.png/1.bmp", "2/0.TIFF"):
        save(root / "train" / name)
    (root / "train/2/link").symlink_to(root / "test/10")
    data, theirs = load_folder(root), ImageFolder(root / "train")
    assert data.classes == tuple(theirs.classes) == ("10", "2")
    assert data.train.labels.tolist() == theirs.targets
    assert np.array_equal(data.train.images, np.stack([np.asarray(image) for image, _ in theirs]))


def test_what_is_left_out_is_named_and_counted(make_folder):
    root = make_folder()
    plain = load_folder(root)
    assert plain.notes == ()
    for name in ("train/x.png", "x.png", "train/a/._0.png", "train/.ipynb_checkpoints/0.png", "__MACOSX/train/a/0.png"):
        save(root / name)
    for name in ("a/.ipynb_checkpoints/0-checkpoint.png", "a/@eaDir/0.png", "b/lost+found/0.png"):
        save(root / "test" / name)
    for name in (
        "notes.txt",
        ".DS_Store",
        "train/labels.csv",
        "train/a/Thumbs.db",
        "test/b/desktop.ini",
        "test/b/1.gif",
    ):
        (root / name).touch()
    (root / "raw").mkdir()
    data = load_folder(root)
    assert data.classes == plain.classes
    assert np.array_equal(data.train.images, plain.train.images)
    assert np.array_equal(data.test.images, plain.test.images)
    (told,) = data.notes
    assert told.startswith("24 images of 33 files; left out: .DS_Store, notes.txt, test/b/1.gif, test/b/desktop.ini, ")
    assert "and 6 folders (__MACOSX/, raw/, test/a/.ipynb_checkpoints/, test/a/@eaDir/, test/b/lost+found/, " in told
    for i in range(20):
        (root / f"z{i}.txt").touch()
    assert "and 19 more" in load_folder(root).notes[0]


@pytest.mark.parametrize("name", [".hidden", "__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", ".ipynb_checkpoints"])
def test_a_folder_that_no_person_made_is_no_class_also_where_there_are_no_splits(make_folder, name):
    root = make_folder(parts=("",))
    save(root / name / "0.png")
    data = load_folder(root, has_test_share=True)
    assert data.classes == ("a", "b")
    assert f"1 folder ({name}/)" in data.notes[0]


def test_all_files_that_cannot_be_used_are_named_at_once(make_folder):
    root = make_folder()
    for i in range(13):
        (root / "train" / "a" / f"{i}.png").write_bytes(b"no image")
    whole = (root / "test" / "b" / "5.png").read_bytes()
    (root / "test" / "b" / "5.png").write_bytes(whole[:-30])  # only its pixels are damaged
    Image.fromarray(np.full((8, 8), 60_000, np.uint16)).save(root / "test" / "a" / "0.png")
    with pytest.raises(DataError) as caught:
        load_folder(root)
    told = str(caught.value)
    assert "has 15 images that cannot be used" in told
    assert all(f"train/a/{i}.png" in told for i in (0, 1, 10, 11, 12))
    assert " and 3 more: cannot be read as an image (it holds no PNG" in told
    assert "test/a/0.png: is an image of mode I;16" in told
    assert "test/b/5.png: cannot be read as an image (" in told


def test_damaged_images_are_named_before_mixed_sizes_are(make_folder):
    root = make_folder(sizes=((8, 8), (9, 8)))
    path = root / "train" / "a" / "0.png"
    path.write_bytes(path.read_bytes()[:-30])  # its header is whole
    with pytest.raises(DataError, match=r"`.*train/a/0\.png` cannot be read as an image"):
        load_folder(root)


def test_mixed_sizes_are_refused_with_their_names_unless_resized(make_folder):
    root = make_folder(sizes=((8, 8), (9, 8)))
    save(root / "train/a/9.png")
    with pytest.raises(
        DataError, match=r"12 images of another size than the usual 8x8 \(`train/b/0\.png` 9x8, .* and 2"
    ):
        load_folder(root)
    assert load_folder(root, 10).train.images.shape[1:] == (10, 10, 3)


@pytest.mark.parametrize("size", [None, 5])
def test_grey_images_stay_grey_and_colour_stays_colour_whatever_the_size(make_folder, size):
    grey, mixed = make_folder(modes=("L", "L")), make_folder(name="mixed", modes=("L", "RGB"))
    for data, channels in ((load_folder(grey, size), 1), (load_folder(mixed, size), 3)):
        assert data.train.images.shape[1:] == (size or 8, size or 8, channels)
        assert data.traits.flip == (channels == 3)
    assert load_folder(mixed, size).notes == ("12 images converted from mode L to colour",)
    save(grey / "test" / "b" / "9.png")  # the last of all decides, too
    assert load_folder(grey, size).train.images.shape[3] == 3


def test_what_was_done_to_images_is_counted(make_folder):
    root = make_folder()
    exif = Image.Exif()
    exif[274] = 6
    save(root / "train/a/8.jpg", size=(6, 8), exif=exif)
    save(root / "train/b/8.png", mode="RGBA")
    notes = load_folder(root, 8).notes
    assert notes == (
        "1 image converted from mode RGBA to colour",
        "1 image squeezed to other proportions",
        "1 image turned by EXIF orientation",
    )


def test_an_image_that_is_turned_has_the_size_that_a_person_sees(make_folder):
    root = make_folder(sizes=((6, 8), (6, 8)))
    exif = Image.Exif()
    exif[274] = 8
    save(root / "train/a/8.jpg", size=(8, 6), exif=exif)
    assert load_folder(root).train.images.shape == (13, 8, 6, 3)


@pytest.mark.parametrize("name", ["valid", "val", "validation"])
def test_a_validation_split_of_ones_own_is_used(make_folder, name):
    root = make_folder(parts=("train", "test", name))
    data = load_folder(root)
    assert (len(data.train), len(data.validation), len(data.test)) == (12, 12, 12)
    assert data.notes == (f"{name}/ is the validation split",)
    other = "val" if name == "valid" else "valid"
    (root / other).mkdir()
    assert len(load_folder(root).validation) == 12
    shutil.copytree(root / name, root / other, dirs_exist_ok=True)
    with pytest.raises(DataError, match=r"has valid/ and val|has val/ and validation/|has valid/ and validation/"):
        load_folder(root)
    shutil.rmtree(root / other)
    shutil.rmtree(root / name / "b")
    with pytest.raises(DataError, match=rf"only one of train/ and {name}/ \(b\)"):
        load_folder(root)


TREES = {  # files of a folder, and what is said of it
    "data/set/train/a data/set/test/a": "seems to be in `.*/data/set`, so give `data.dataset=.*/data/set`",
    "images/cat images/dog": "seems to be in `.*/images`",
    "Train/a Train/b Test/a Test/b": "no folder train/: rename Train/ to train/ and Test/ to test/",
    "train/a train/b TEST/a TEST/b": "no folder test/: rename TEST/ to test/",
    "training/a training/b testing/a testing/b": "rename training/ to train/ and testing/ to test/",
    "train/a train/b Val/a test/a test/b": "has a folder Val/ beside .*: rename it to val/",
    "train/a train/b val/a val/b": "no folder test/: rename val/ to test/, or give `data.test_share=0.2`",
    "train/a train/b": "no folder test/: give `data.test_share=0.2`",
    "cat dog": "looks like a folder per class, so give `data.test_share=0.2`",
    "test/a test/b": "put the class folders with the images to learn from into train/",
    "cat/train cat/test dog/train dog/test": "splits in classes",
    "train/images train/labels test/images test/labels": "no classes: it looks like a set for detection",
    "images/train labels/train images/test": "it looks like a set for detection",
    "train/a train/b test": "`.*/test` has 1 image but no folder per class: .* not known, give `data.test_share=0.2`",
    "train/a train/b test/unknown": r"\(a, b, unknown\): .* not known, give `data.test_share=0.2`",
    "train test": "`.*/train` has 1 image but no folder per class: sort the images .*, train/CLASS",
    ".": "it has 1 image but no folder per class, .*train/CLASS.*labels in labels.csv are not read",
    "train/a test/a": "has 1 class, but must have 2",
    "train/a train/b test/a test/c": r"only one of train/ and test/ \(b, c\)",
}


@pytest.mark.parametrize("tree", TREES)
def test_another_layout_is_refused_with_the_likely_reason(tmp_path, tree):
    for folder in tree.split():
        save(tmp_path / "set" / folder / "1.png")
    if tree == ".":
        (tmp_path / "set" / "labels.csv").touch()
    with pytest.raises(DataError, match=TREES[tree]):
        load_folder(tmp_path / "set")


@pytest.mark.parametrize(
    ("file", "words"),
    [("set.npz", "give `data.dataset=.*set.npz`"), ("set.zip", "unpack set.zip there"), ("x", "must have")],
)
def test_a_folder_of_other_files_says_what_to_do_with_them(tmp_path, file, words):
    (tmp_path / file).touch()
    with pytest.raises(DataError, match=words):
        load_folder(tmp_path)


@pytest.mark.parametrize("test", ["test/1.png", "test/unknown/1.png"])
def test_test_images_of_unknown_classes_are_left_out_where_a_share_is_tested_on(make_folder, test):
    root = make_folder(parts=("train",))
    save(root / test)
    data = load_folder(root, has_test_share=True)
    assert (len(data.train), data.test) == (12, None)
    assert data.notes == ("12 images of 12 files; left out: 1 folder (test/)",)


def test_a_class_that_is_called_like_a_split_is_a_class(tmp_path):
    for name in ("bus", "car", "train"):
        for i in range(3):
            save(tmp_path / "set" / name / f"{i}.png")
    assert load_folder(tmp_path / "set", has_test_share=True).classes == ("bus", "car", "train")


@pytest.mark.parametrize("target", [".", "..", "../..", "../b"])
def test_links_that_never_end_are_refused_by_name(make_folder, target):
    root = make_folder()
    (root / "train/a/round").symlink_to(target)
    (root / "train/b/back").symlink_to("../a")
    with pytest.raises(DataError, match=r"train/(a|b)/.*` is a link to a folder that holds it: remove it"):
        load_folder(root)


def test_a_class_without_images_is_named_with_what_it_has(make_folder):
    root = make_folder()
    shutil.rmtree(root / "test/a")
    (root / "test/a").mkdir()
    (root / "test/a/1.heic").touch()
    with pytest.raises(
        DataError, match=r"test/a` has no images \(\.bmp, .*; not read: 1\.heic\): add some or remove it"
    ):
        load_folder(root)
