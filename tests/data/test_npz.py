"""Arrays that are not what is documented: read where they can mean one thing only, else refused with the way out."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hostile import damaged, fuzz, only_ours
from hypothesis import given

from budgetnas.config.sections import DataConfig
from budgetnas.data.load import load_dataset
from budgetnas.data.npz import load_npz, read_unlabelled
from budgetnas.exceptions import DataError

LABELS = np.repeat(np.arange(3), 20)
IMAGES = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
NAMES = np.array(["a", "b", "c"])


def test_labels_of_one_column_are_labels(make_npz):
    plain = load_npz(make_npz())
    column = load_npz(make_npz(name="keras.npz", y_train=LABELS[:, None], y_test=LABELS[:, None]))
    assert np.array_equal(plain.train.labels, column.train.labels)
    assert column.train.labels.shape == (60,)


@pytest.mark.parametrize("name", ["valid", "val", "validation"])
def test_a_validation_split_of_ones_own_is_used_and_what_is_not_read_is_named(make_npz, name):
    own = {f"x_{name}": IMAGES[:30], f"y_{name}": LABELS[::2]}
    data = load_npz(make_npz(**own, ids=LABELS, **{"a\nb": LABELS}))
    assert np.array_equal(data.validation.images, IMAGES[:30])
    assert data.notes == (r"left out of the file: a\nb, ids", f"x_{name} is the validation split")
    assert len(load_dataset(DataConfig(dataset=str(make_npz(**own)))).validation) == 30
    with pytest.raises(DataError, match=rf"has no y_{name} .*: save it too, or leave the other"):
        load_npz(make_npz(**{f"x_{name}": IMAGES}))
    with pytest.raises(DataError, match="only one can be the validation split: leave one out"):
        load_npz(make_npz(**{**own, "x_valid": IMAGES, "x_val": IMAGES, "y_valid": LABELS, "y_val": LABELS}))


def test_a_name_in_capital_letters_is_one_to_save_in_small_ones(make_npz):
    with pytest.raises(DataError, match=r"has no x_val .*: save X_val as x_val\."):
        load_npz(make_npz(X_val=IMAGES, y_val=LABELS))
    with pytest.raises(DataError, match=r"has X_val: save it as x_val, or leave it out"):
        load_npz(make_npz(X_val=IMAGES, Y_val=LABELS))
    with pytest.raises(DataError, match=r"has no x_train, x_test .*: save X_train as x_train, X_test as x_test\."):
        load_npz(make_npz(x_train=None, x_test=None, X_train=IMAGES, X_test=IMAGES))


def test_names_of_classes_under_another_name_are_told(make_npz):
    data = load_npz(make_npz(class_names=NAMES))
    assert data.notes == ("left out of the file: class_names", "save class_names as classes to name the classes")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"y_train": LABELS + 1, "y_test": LABELS + 1}, "class 0 has no images in y_train: do labels begin at 1"),
        (
            {"y_train": LABELS + 1, "classes": NAMES},
            r"labels from 1 to 3 .* 0\.\.2: do labels begin at 1\? Save y_train",
        ),
        ({"y_train": LABELS + 5}, "classes 0, 1, 2, 3, 4 have no images in y_train: do labels begin at 5"),
        ({"y_train": LABELS * 2}, "classes 1, 3 have no images in y_train: number them without gaps"),
        ({"classes": np.array(["a", "b", "c", "d"])}, "class 3 has no images in y_train: leave names without images"),
        ({"classes": NAMES[LABELS]}, r"names classes twice \(a, b, c\): save a name per class"),
        ({"classes": NAMES.astype("S")}, r"save them as \.astype\(str\)"),
        (
            {"y_train": np.eye(3)[LABELS]},
            r"float64 \(60, 3\) in y_train: it looks one-hot, so save y_train\.argmax\(1\)",
        ),
        ({"y_test": np.eye(3, dtype=int)[LABELS]}, r"one-hot, so save y_test\.argmax\(1\)"),
        ({"y_train": np.ones((60, 3))}, "give one label per image, not several"),
        ({"y_train": LABELS[None]}, r"save y_train\.ravel\(\)"),
        ({"y_train": LABELS.astype("f4")}, r"save y_train\.astype\(np\.int64\)"),
        ({"y_train": LABELS + 0.5}, "give one integer label per image"),
        ({"y_train": LABELS > 0}, r"save y_train\.astype\(np\.int64\)"),
        ({"y_train": NAMES[LABELS]}, "number the names by np.unique"),
        ({"x_train": IMAGES.transpose(0, 3, 1, 2)}, r"looks like NCHW, so save x_train\.transpose\(0, 2, 3, 1\)"),
        ({"x_test": IMAGES[:, None, :, :, 0]}, r"looks like NCHW, so save x_test\.transpose"),
        ({"x_train": IMAGES.transpose(1, 2, 3, 0)}, r"last axis counts the images, so save np\.moveaxis"),
        ({"x_train": IMAGES[..., 0].transpose(1, 2, 0)}, r"last axis counts the images, so save np\.moveaxis"),
        ({"x_train": IMAGES / 255}, r"lie in 0\.\.1, so save \(255 \* x_train\)\.round\(\)"),
        ({"x_train": IMAGES.astype("f4")}, r"lie in 0\.\.255, so save x_train\.round\(\)\.astype\(np\.uint8\)"),
        ({"x_train": IMAGES / 127.5 - 1}, r"lie in -1\.\.1, so save \(127\.5"),
        ({"x_train": IMAGES / 50 - 2}, "range from -2 to 3.1, so save the original images"),
        ({"x_train": IMAGES.astype(int)}, r"so save x_train\.astype\(np\.uint8\)"),
        ({"x_train": IMAGES.astype(int) * 9}, "from 0 to 2295, so scale them to 0..255"),
        ({"x_train": IMAGES > 9}, r"save 255 \* x_train\.astype\(np\.uint8\)"),
        ({"x_train": IMAGES.transpose(0, 3, 1, 2) / 255}, "looks like NCHW, .* and its values lie in 0..1"),
        ({"x_train": IMAGES[..., 0].reshape(60, -1)}, r"flat, so save x_train\.reshape\(-1, 8, 8\)"),
        (
            {"x_train": IMAGES.reshape(60, -1)},
            r"reshape\(-1, 3, 8, 8\)\.transpose\(0, 2, 3, 1\) if .*\(-1, 8, 8, 3\) if",
        ),
        ({"x_train": IMAGES.reshape(60, -1)[:, :50]}, "flat, so save them with their height and width"),
        ({"x_train": LABELS, "y_train": IMAGES}, "look swapped"),
        ({"x_train": np.array([IMAGES[0]] * 60 + [None], dtype=object)}, "save images of one size, labels and names"),
    ],
)
def test_arrays_of_another_form_are_refused_with_the_way_out(make_npz, arrays, words):
    with pytest.raises(DataError, match=words) as caught:
        load_npz(make_npz(**arrays))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            "X_train Y_train X_test Y_test",
            "save X_train as x_train, Y_train as y_train, X_test as x_test, Y_test as y_t",
        ),
        (
            "train_images train_labels test_images test_labels val_images",
            "train_images as x_train, .* val_images as x_v",
        ),
        ("trainX trainY testX testY", "trainY as y_train"),
        ("images labels", "save images as x and labels as y, and give `data.test_share=0.2`"),
        ("x y", "give `data.test_share=0.2`"),
        ("x_train y_train x_test", "has no y_test .*: give `data.test_share=0.2`"),
        ("x_train y_train", "has no x_test, y_test .*: give `data.test_share=0.2`"),
        ("arr_0 arr_1", r"\(it holds arr_0, arr_1\): it must hold x_train"),
    ],
)
def test_arrays_of_other_names_are_told_and_how_to_name_them(tmp_path, names, words):
    np.savez(tmp_path / "own.npz", **dict.fromkeys(names.split(), LABELS))
    with pytest.raises(DataError, match=words):
        load_npz(tmp_path / "own.npz")


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("set.npy", "it is one array"),
        ("set.csv", "tables are not read"),
        ("set.pkl", "pickles can run code and are not read"),
        ("set.zip", "unpack it, and give the folder"),
        ("set.tar.gz", "unpack it, and give the folder"),
        ("set.mat", "scipy.io.loadmat"),
        ("set.h5", "h5py"),
        ("set.png", "give the folder that holds train/ and test/"),
        ("set.npz", "it must hold x_train"),
    ],
)
def test_files_of_other_kinds_say_what_to_do_with_them(tmp_path, file, words):
    (tmp_path / file).write_bytes(b"anything")
    with pytest.raises(DataError, match=words):
        load_dataset(DataConfig(dataset=str(tmp_path / file)))


UNLABELLED = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)


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
        ({"x_test": UNLABELLED, "x": UNLABELLED[:1], "x_train": UNLABELLED[:2]}, "x_test", ("0", "1", "2")),
        (
            {"x": UNLABELLED, "x_train": UNLABELLED[:2], "ids": np.array([7, 5, 10**12])},
            "x",
            ("7", "5", "1000000000000"),
        ),
        ({"data": UNLABELLED, "ids": np.array(["a", "b", "ü"])}, "data", ("a", "b", "ü")),
        ({"data": UNLABELLED, "ids": np.arange(3, dtype=np.uint8), "y": np.arange(3)}, "data", ("0", "1", "2")),
    ],
)
def test_the_images_and_their_ids(path, arrays, key, ids):
    path.write_bytes(pack(**arrays))
    found = read_unlabelled(path)
    assert (found.key, found.ids) == (key, ids)
    assert (found.images == UNLABELLED[..., None]).all()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": UNLABELLED / 255}, "its values lie in 0..1, so save (255 * x).round().astype(np.uint8)"),
        ({"x": UNLABELLED.astype(np.float32)}, "its values lie in 0..255, so save x.round().astype(np.uint8)"),
        (
            {"x": np.zeros((3, 48), np.uint8)},
            "its images are flat, so save x.reshape(-1, 3, 4, 4).transpose(0, 2, 3, 1)",
        ),
        ({"x": np.zeros((9, 3, 8, 8), np.uint8)}, "it looks like NCHW, so save x.transpose(0, 2, 3, 1)"),
        ({"x": np.uint8(5)}, "save one axis each"),
        ({"x": UNLABELLED[:0]}, "save at least one image"),
        ({"a": UNLABELLED, "b": UNLABELLED}, "does not say which images to classify (it holds a, b)"),
        ({"y_test": np.arange(3)}, "does not say which images to classify (it holds y_test)"),
        ({}, "does not say which images to classify: "),
        ({"x": UNLABELLED, "ids": np.arange(4)}, "has 3 images in x, but int64 (4,) in ids"),
        ({"x": UNLABELLED, "ids": np.zeros(3)}, "has 3 images in x, but float64 (3,) in ids"),
        ({"x": np.array([None] * 3, dtype=object)}, "cannot be read as .npz (Object arrays"),
        ({"x": UNLABELLED, "ids": np.array([None] * 3, dtype=object)}, "cannot be read as .npz (Object arrays"),
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
@given(damaged(pack(x=UNLABELLED, ids=np.arange(3))))
def test_damaged_bytes(path, content):
    path.write_bytes(content)
    only_ours(read_unlabelled, path)
