from __future__ import annotations

import shutil

import numpy as np

from budgetnas.config.study import DataConfig
from budgetnas.data.load import doubts, load_dataset

LABELS = np.repeat(np.arange(3), 20)


def doubtful(path):
    load_dataset.cache_clear()  # it may be another file of the same name
    return doubts(load_dataset(DataConfig(dataset=str(path))))


def test_there_is_none_about_sound_images_and_sets_known_by_name(make_npz):
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
