"""What a certificate records of how its data set was read, and data sets read by it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from made_networks import made
from PIL import Image

from budgetnas.arch.spec import DataShape
from budgetnas.certificates.certificate import write_certificate
from budgetnas.certificates.json_files import own_digest
from budgetnas.certificates.predict import load_as_trained, was_resized
from budgetnas.certificates.verify import verify
from budgetnas.config.sections import DataConfig
from budgetnas.exceptions import DataError, UsageError

SHAPE = DataShape(channels=3, height=6, width=6, classes=2)


@pytest.fixture
def certificate(tmp_path):
    """Write a certificate of a network whose data set was read in some way."""

    def write(**source):
        net = made(shape=SHAPE, source=DataConfig(dataset="own", **source) if source.pop("known", True) else None)
        write_certificate(tmp_path / "best", net)
        return tmp_path / "best"

    return write


@pytest.fixture
def draw(tmp_path):
    """Draw images into folders, 8 of each class, of any sizes."""

    def make(*folders, mode="RGB", sizes=((6, 6),)):
        rng = np.random.default_rng(0)
        for folder in folders:
            for label in ("a", "b"):
                (tmp_path / folder / label).mkdir(parents=True)
                for i in range(8):
                    width, height = sizes[i % len(sizes)]
                    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
                    Image.fromarray(pixels).convert(mode).save(tmp_path / folder / label / f"{i}.png")
        return tmp_path / folders[0].split("/")[0]

    return make


def recorded(folder):
    return json.loads((folder / "MANIFEST.json").read_text())["data"]


def test_it_records_what_decides_which_pixels_are_read_and_nothing_where_that_is_not_known(certificate):
    keys = ("subset", "image_size", "test_share", "validation")
    assert [recorded(certificate())[key] for key in keys] == [None, None, None, "auto"]
    source = {"subset": 5, "image_size": 6, "test_share": 0.25, "validation": 7}
    assert {key: recorded(certificate(**source))[key] for key in keys} == source
    assert was_resized(certificate(image_size=6))
    assert not was_resized(certificate(subset=6))
    assert set(recorded(certificate(known=False))) == {"name", "fingerprint"}
    assert not was_resized(certificate(known=False))


def test_a_folder_is_read_as_recorded(certificate, draw):
    mixed = draw("mixed/train", "mixed/test", sizes=((6, 6), (9, 12)))
    data = load_as_trained(certificate(image_size=6, subset=3), {"dataset": str(mixed)})
    assert data.test.images.shape == (6, 6, 6, 3)
    assert len(load_as_trained(certificate(image_size=6), {"dataset": str(mixed), "subset": 2}).test) == 4
    with pytest.raises(DataError, match=r"make all alike, or give `data.image_size=N`"):
        load_as_trained(certificate(), {"dataset": str(mixed)})
    assert load_as_trained(certificate(known=False), {"dataset": str(mixed), "image_size": 6}).shape == SHAPE


def test_the_share_for_testing_is_taken_where_there_are_no_test_images(certificate, draw, make_npz):
    flat, whole = draw("flat"), draw("whole/train", "whole/test")
    folder = certificate(test_share=0.25)
    assert len(load_as_trained(folder, {"dataset": str(flat)}).test) == 4
    assert len(load_as_trained(folder, {"dataset": str(whole)}).test) == 16
    assert len(load_as_trained(folder, {"dataset": str(make_npz())}).test) == 60
    assert len(load_as_trained(folder, {"dataset": str(make_npz(x_test=None, y_test=None))}).test) == 15
    unlabelled = draw("unlabelled/train")
    (unlabelled / "test").mkdir()
    Image.new("RGB", (6, 6)).save(unlabelled / "test" / "1.png")
    assert len(load_as_trained(folder, {"dataset": str(unlabelled)}).test) == 4
    assert len(load_as_trained(folder, {"dataset": str(make_npz(y_test=None))}).test) == 15
    with pytest.raises(UsageError, match=r"`data.test_share` is 0.5, but digits has a test split"):
        load_as_trained(folder, {"dataset": "digits", "test_share": 0.5})


def test_what_does_not_go_with_a_data_set_is_left_out_unless_it_is_named(certificate, make_npz):
    folder = certificate(image_size=6, subset=4, test_share=0.5)
    assert len(load_as_trained(folder, {"dataset": "digits"}).test) == 40
    assert len(load_as_trained(folder, {"dataset": str(make_npz())}).test) == 12
    with pytest.raises(UsageError, match=r"`data.image_size` is 6, but only image folders are resized"):
        load_as_trained(folder, {"dataset": "digits", "image_size": 6})


def test_training_images_are_divided_as_recorded_by_the_older_rule_without_a_record_and_never_in_vain(
    certificate, make_npz, monkeypatch
):
    monkeypatch.setattr("budgetnas.data.dataset._LARGE", 1_000)
    monkeypatch.setattr("budgetnas.data.dataset._OF_LARGE", 500)

    def validation(**named):
        return len(load_as_trained(tmp, named).validation)

    for recorded, images in (({}, 500), ({"validation": "share"}, 287), ({"validation": 40}, 40)):
        tmp = certificate(**recorded)
        assert validation(dataset="digits") == images
    assert validation(dataset="digits-hard") == 200, "it has a validation split of its own"
    assert validation(dataset=str(make_npz())) == 12, "40 would be more than half"
    tmp = certificate(known=False)
    assert validation(dataset="digits") == 287


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_have_the_channels_that_the_network_takes(draw, tmp_path, mode, channels):
    shape = DataShape(channels=channels, height=6, width=6, classes=2)
    write_certificate(tmp_path / "best", made(shape=shape))
    data = load_as_trained(tmp_path / "best", {"dataset": str(draw("own/train", "own/test", mode=mode))})
    assert data.shape == shape


@pytest.mark.parametrize(
    "values",
    [
        {"image_size": "32"},
        {"image_size": 0},
        {"subset": 2.5},
        {"test_share": 7},
        {"subset": [1]},
        {"validation": "tenth"},
    ],
)
def test_a_record_that_cannot_be_is_a_failed_check_and_no_data_set_is_read(certificate, values):
    folder = certificate()
    path = folder / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    manifest["data"] |= values
    path.write_text(json.dumps({**manifest, "digest": own_digest(manifest)}))
    assert load_as_trained(folder, {"dataset": "digits"}) is None
    (check,) = verify(folder)
    assert (check.name, check.passed) == ("MANIFEST.json", False)
    assert "`data." in check.finding
    assert "export the network again" in check.finding
