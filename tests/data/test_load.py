from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from sklearn import datasets

from budgetnas.arch.spec import DataShape
from budgetnas.config.sections import DataConfig
from budgetnas.data.known import _all_digits
from budgetnas.data.load import SHAPES, doubts, load_dataset, resolve
from budgetnas.data.npz import load_npz
from budgetnas.exceptions import DataError, UsageError

HARD_FINGERPRINT = "6f67471cf220b9986bf03dc605880fa08d7a74725cb4e625a2eda9e37c5adb1d"


def test_digits_are_split_by_class_and_always_alike():
    load_dataset.cache_clear()
    data = load_dataset(DataConfig(dataset="digits"))
    assert (data.shape.height, data.shape.width, data.shape.channels, data.shape.classes) == (8, 8, 1, 10)
    assert len(data.train) + len(data.validation) + len(data.test) == 1797
    for split in (data.train, data.validation, data.test):
        counts = np.bincount(split.labels)
        assert counts.max() - counts.min() <= 0.2 * counts.max()
    assert not data.traits.flip
    assert data.traits.notice
    load_dataset.cache_clear()
    assert load_dataset(DataConfig(dataset="digits")).fingerprint == data.fingerprint


@pytest.mark.parametrize("has_file", [True, False])
def test_digits_are_those_of_scikit_learn_with_its_import_and_without(monkeypatch, has_file):
    if not has_file:
        monkeypatch.setattr("budgetnas.data.known.find_spec", lambda name: None)
    bunch, found = datasets.load_digits(), _all_digits()
    assert np.array_equal(found.images, (15 * bunch.images).astype(np.uint8)[..., None])
    assert np.array_equal(found.labels, bunch.target)


def test_the_hard_split_of_digits_is_fixed_and_has_few_images_to_learn_from():
    data = load_dataset(DataConfig(dataset="digits-hard"))
    for split, each in ((data.train, 24), (data.validation, 20)):
        assert np.bincount(split.labels).tolist() == [each] * 10
    assert len(data.test) == 1797 - 240 - 200
    images = [image.tobytes() for split in (data.train, data.validation, data.test) for image in split.images]
    assert sorted(images) == sorted(image.tobytes() for image in _all_digits().images)
    assert data.fingerprint == HARD_FINGERPRINT, "runs and certificates depend on this split"
    assert data.fingerprint != load_dataset(DataConfig(dataset="digits")).fingerprint
    few = load_dataset(DataConfig(dataset="digits-hard", subset=5))
    assert {len(few.train), len(few.validation), len(few.test)} == {50}


def test_a_stand_in_has_the_shape_of_what_cannot_be_had():
    data = load_dataset(DataConfig(dataset=SHAPES + "cifar100"))
    assert (len(data.train), len(data.validation), len(data.test)) == (40_000, 10_000, 10_000)
    assert set(np.bincount(data.validation.labels)) == {100}
    assert (data.name, data.shape) == ("cifar100", DataShape(classes=100))
    assert "cannot be downloaded" in data.traits.notice


def test_validation_is_held_out_by_a_rule_or_a_number_of_images(make_npz):
    own = DataConfig(dataset=str(make_npz(per_class=50)))
    for asked, images in (("auto", 30), ("share", 30), (42, 42)):
        data = load_dataset(replace(own, validation=asked))
        assert (len(data.train), len(data.validation)) == (150 - images, images)
    few = load_dataset(replace(own, subset=10, test_share=None, validation=15))
    assert (len(few.train), len(few.validation)) == (15, 15), "of the images that the subset keeps"
    with pytest.raises(UsageError, match=r"^`data.validation` is 76, but must be from 3 \(.*\) to 75 \(half"):
        load_dataset(replace(own, validation=76))
    with pytest.raises(UsageError, match=r"^`data.validation` is 0, but must be from 1 to"):
        DataConfig(validation=0)


def test_a_set_with_a_validation_split_keeps_it_under_every_rule_and_refuses_a_number(make_npz):
    labels = np.repeat(np.arange(3), 4)
    images = np.random.default_rng(5).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    own = str(make_npz(x_valid=images, y_valid=labels))
    for dataset, name, held_out in ((own, "own", 12), ("digits-hard", "digits-hard", 200)):
        for rule in ("auto", "share"):
            assert len(load_dataset(DataConfig(dataset=dataset, validation=rule)).validation) == held_out
        with pytest.raises(UsageError) as caught:
            load_dataset(DataConfig(dataset=dataset, validation=20))
        assert str(caught.value) == (
            f"`data.validation` is 20, but {name} has a validation split of its own: leave it out."
        )


def test_auto_goes_by_the_device_and_an_explicit_name_never_falls_back():
    assert resolve(DataConfig(), has_gpu=False).dataset == "digits-hard"
    assert resolve(DataConfig(), has_gpu=True).dataset == "cifar10"
    assert resolve(DataConfig(dataset="cifar100"), has_gpu=False).dataset == "cifar100"


def test_an_npz_flows_into_shape_and_traits(make_npz):
    data = load_dataset(DataConfig(dataset=str(make_npz(side=16))))
    assert (data.shape.channels, data.shape.height, data.shape.classes) == (3, 16, 3)
    assert (data.traits.shift, data.traits.flip) == (2, True)
    assert len(data.validation) == 12


def test_grey_images_may_come_without_a_channel_axis_and_are_not_mirrored(make_npz):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (60, 12, 9), dtype=np.uint8)
    data = load_dataset(DataConfig(dataset=str(make_npz(x_train=images, x_test=images))))
    assert data.train.images.shape[1:] == (12, 9, 1)
    assert not data.traits.flip
    assert load_dataset(DataConfig(dataset=str(make_npz(x_train=images, x_test=images)), flip=True)).traits.flip


def test_a_subset_keeps_so_many_of_each_class_and_changes_the_fingerprint(make_npz):
    whole = DataConfig(dataset=str(make_npz()))
    part = load_dataset(replace(whole, subset=10))
    assert np.bincount(part.test.labels).tolist() == [10, 10, 10]
    assert len(part.train) + len(part.validation) == 30
    assert part.fingerprint != load_dataset(whole).fingerprint


LABELS = np.repeat(np.arange(3), 20)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"y_test": None}, "has no y_test"),
        ({"y_train": LABELS[:-1]}, r"60 images in x_train, but int64 \(59,\)"),
        ({"y_test": LABELS + 1}, r"labels from 1 to 3 in y_test, but they must lie in 0\.\.2: do labels begin at 1\?"),
        ({"y_train": LABELS - 1}, "labels from -1 to 1"),
        ({"y_train": LABELS * 10**6}, "labels up to 2000000"),
        ({"y_train": LABELS * 2}, r"classes 1, 3 have no images in y_train: number them without gaps"),
        ({"y_train": np.where(np.arange(60), 0, 1), "y_test": LABELS * 0}, r"fewer than 2 training images \(1 \(1\)\)"),
        ({"y_train": LABELS.astype(float)}, "float64"),
        ({"y_train": LABELS * 0}, "2 classes or more"),
        ({"x_train": np.zeros((60, 8, 8, 3))}, r"float64 \(60, 8, 8, 3\) as x_train"),
        ({"x_train": np.zeros((60, 3, 8, 40), np.uint8)}, "NHWC"),
        ({"x_test": np.zeros((60, 9, 9, 3), np.uint8)}, "must be alike"),
        ({"x_test": np.zeros((0, 8, 8, 3), np.uint8), "y_test": LABELS[:0]}, "at least one"),
        ({"x_train": np.array([None] * 60, dtype=object)}, "cannot be read as .npz"),
    ],
)
def test_a_wrong_npz_is_named_with_its_fault(make_npz, arrays, words):
    with pytest.raises(DataError, match=words) as caught:
        load_dataset(DataConfig(dataset=str(make_npz(**arrays))))
    assert "\n" not in str(caught.value)


def test_damaged_and_foreign_files_are_named(make_npz, tmp_path):
    whole = make_npz().read_bytes()
    for content in (
        whole[: len(whole) // 2],
        b"",
        b"PK\x03\x04 nonsense",
        b"GIF89a",
        whole.replace(b"NUMPY", b"NUMPX"),
    ):
        path = tmp_path / "damaged.npz"
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"damaged\.npz"):
            load_npz(path)
    with pytest.raises(DataError, match=r"`data\.dataset` is '/no/such\.npz'"):
        load_dataset(DataConfig(dataset="/no/such.npz"))


def test_headers_that_confuse_numpy_are_named(make_npz, tmp_path):
    import zipfile

    for header in (b"{'descr': '|u1', 'fortran_order': False, 'shape': ((((", b"-" * 5_000 + b"1", b"\0" * 60, b""):
        path = tmp_path / "odd.npz"
        with zipfile.ZipFile(make_npz()) as source, zipfile.ZipFile(path, "w") as target:
            for name in source.namelist():
                odd = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
                target.writestr(name, odd if name == "x_train.npy" else source.read(name))
        with pytest.raises(DataError, match=r"odd\.npz` cannot be read as \.npz"):
            load_npz(path)


def test_what_is_not_asked_for_in_vain_is_refused(make_npz):
    with pytest.raises(UsageError, match="only image folders are resized"):
        load_dataset(DataConfig(dataset="digits", image_size=16))
    with pytest.raises(UsageError, match=r"`data\.shift` is 8, but must be below the 8 pixels"):
        load_dataset(DataConfig(dataset=str(make_npz()), shift=8))
    for name in ("x" * 5_000, "a\0b"):
        with pytest.raises(DataError, match=r"`data\.dataset` is"):
            load_dataset(DataConfig(dataset=name))
    with pytest.raises(DataError, match="must be valid UTF-8"):
        load_dataset(DataConfig(dataset=str(make_npz(classes=np.array(["a", "b", "\udc80"])))))


def test_data_beyond_memory_are_refused_from_their_header(make_npz, tmp_path):
    import io
    import zipfile

    path = tmp_path / "huge.npz"
    with zipfile.ZipFile(make_npz()) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "x_train.npy":
                header = io.BytesIO()
                array = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 64, 64, 3)}
                np.lib.format.write_array_header_1_0(header, array)
                content = header.getvalue()
            target.writestr(name, content)
    with pytest.raises(DataError, match=r"needs 22,\d{3}\.\d GiB in memory"):
        load_npz(path)


def test_a_share_of_each_class_is_the_test_split_where_there_is_none_and_always_the_same(make_npz, make_folder):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    flat = make_npz(name="flat.npz", x_train=None, y_train=None, x_test=None, y_test=None, x=images, y=LABELS)
    data = load_dataset(DataConfig(dataset=str(flat), test_share=0.25))
    assert np.bincount(data.test.labels).tolist() == [5, 5, 5]
    assert len(data.train) + len(data.validation) == 45
    parts = (data.train, data.validation, data.test)
    assert sorted(one.tobytes() for part in parts for one in part.images) == sorted(one.tobytes() for one in images)
    assert "0.25 of each class is the test split" in data.notes
    load_dataset.cache_clear()
    assert load_dataset(DataConfig(dataset=str(flat), test_share=0.25)).fingerprint == data.fingerprint
    whole = make_folder(parts=("train", "valid"))
    for root, validation in ((whole, 12), (whole / "train", 2)):
        found = load_dataset(DataConfig(dataset=str(root), test_share=0.2))
        assert (len(found.test), len(found.validation), found.classes) == (2, validation, ("a", "b"))


def test_a_share_is_refused_where_there_is_a_test_split(make_npz, make_folder):
    for dataset, error in (("digits", UsageError), (make_npz(), DataError), (make_folder(), DataError)):
        with pytest.raises(error, match=r"`data\.test_share` is .* test split.*: leave it out"):
            load_dataset(DataConfig(dataset=str(dataset), test_share=0.2))
    for share in (0.0, 1.0, -0.2, 20.0):
        with pytest.raises(UsageError, match="must be above 0 and below 1"):
            DataConfig(test_share=share)


def test_one_image_to_learn_from_is_enough_where_validation_is_given(make_npz):
    few = {"x_train": np.arange(2 * 64, dtype=np.uint8).reshape(2, 8, 8), "y_train": np.arange(2)}
    others = {"x_test": few["x_train"], "y_test": np.arange(2)}
    with pytest.raises(DataError, match="one to learn from and one to validate on"):
        load_dataset(DataConfig(dataset=str(make_npz(**few, **others))))
    data = load_dataset(DataConfig(dataset=str(make_npz(**few, **others, x_val=few["x_train"], y_val=np.arange(2)))))
    assert (len(data.train), len(data.validation)) == (2, 2)


def doubtful(path):
    load_dataset.cache_clear()  # it may be another file of the same name
    return doubts(load_dataset(DataConfig(dataset=str(path))))


def test_there_is_no_doubt_about_sound_images_and_sets_known_by_name(make_npz):
    assert doubtful(make_npz()) == ()
    assert doubtful("digits-hard") == ()


def test_test_images_that_are_learnt_from_are_counted(make_npz, make_folder):
    images = np.random.default_rng(1).integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    with np.load(make_npz()) as pack:
        images[:5] = pack["x_train"][:5]
    assert doubtful(make_npz(x_test=images)) == (
        "5 of 60 test images are also training or validation images, pixel for pixel: a score on them is no score on "
        "new images.",
    )
    root = make_folder(parts=("train", "test", "val"))
    shutil.copy(root / "train/a/0.png", root / "val/b/x.png")
    assert doubtful(root)[0].startswith("1 of 13 validation images are also training images")


def test_classes_that_nothing_is_tested_on_are_named(make_npz):
    path = make_npz(y_test=np.minimum(LABELS, 1), classes=np.array(["a", "b", "c"]))
    assert doubtful(path) == ("No test image is of class c.",)


def test_images_cast_from_shares_and_empty_ones_are_noticed(make_npz):
    random = np.random.default_rng(0).random((2, 60, 8, 8))
    told = doubtful(make_npz(x_train=(random[0] > 0.5).astype(np.uint8), x_test=(random[1] > 0.5).astype(np.uint8)))
    assert told == ("No pixel is above 1 of 255: were images of 0..1 saved as whole numbers?",)
    train, test = (255 * random).astype(np.uint8)
    train[3], test[4] = 7, 9
    assert doubtful(make_npz(x_train=train, x_test=test)) == ("2 images of 120 show a single colour.",)
