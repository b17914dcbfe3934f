"""`predict` on image files, folders and `.npz` files, by a network whose weights nobody trained."""

from __future__ import annotations

import csv
import io
import json
import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from made_networks import made, trained
from PIL import Image

from budgetnas.certificates.certificate import load_certificate, write_certificate
from budgetnas.certificates.predict import logits, normalised
from budgetnas.cli.main import main
from budgetnas.config.sections import DataConfig
from budgetnas.models.build import pack

CLASSES = ["cat", "dog", "fox", "owl"]


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (12, 9, 9, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def weights(images):
    """Weights of a network that sees something else in each image."""
    net = made()
    model = trained(net.spec, net.shape)
    head = list(model.modules())[-1]
    with torch.no_grad():
        head.weight *= 50
        head.bias -= model(normalised(images.transpose(0, 3, 1, 2), net.arch())).mean(0)
    return pack(model)


@pytest.fixture(scope="module")
def net(weights, tmp_path_factory):
    """A certificate of a network that takes 9x9 colour images of four classes, not resized in training."""
    folder = tmp_path_factory.mktemp("net") / "best"
    write_certificate(folder, made(classes=tuple(CLASSES), weights=weights))
    return folder


@pytest.fixture
def pictures(tmp_path, images):
    """A folder of twelve images, `1.png` to `12.png`."""
    folder = tmp_path / "test"
    folder.mkdir()
    for number, pixels in enumerate(images, 1):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def labels(net, images):
    model, arch = load_certificate(net)
    found = logits(model, images, arch).argmax(1).tolist()
    assert set(found) == {0, 1, 2, 3}
    return found


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_a_folder_becomes_the_file_of_a_course(net, pictures, labels, tmp_path, capsys):
    out = tmp_path / "submission.csv"
    assert main(["predict", str(net), str(pictures), "--csv", str(out), "--columns", "ID,Labels"]) == 0
    head, *body = rows(out.read_text())
    assert head == ["ID", "Labels"]
    assert body == [[str(number), str(label)] for number, label in enumerate(labels, 1)]
    assert capsys.readouterr().out == f"predictions  12 images in {out}\ncolumns      Labels is label\n"


def test_names_of_classes_and_shares_are_columns_too(net, pictures, labels, capsys):
    words = ["predict", str(net), str(pictures), "--csv", "-"]
    assert main([*words, "--columns", "id,label=class"]) == 0
    assert rows(capsys.readouterr().out) == [
        ["id", "label"],
        *([str(number), CLASSES[label]] for number, label in enumerate(labels, 1)),
    ]
    assert main(words) == 0
    head, first, *others = rows(capsys.readouterr().out)
    assert head == ["id", "label", "class", "share"]
    assert first[:3] == ["1", str(labels[0]), CLASSES[labels[0]]]
    assert 0.25 <= float(first[3]) <= 1
    assert len(others) == 11


def test_a_column_of_another_name_is_told_what_it_holds(net, pictures, capsys):
    assert main(["predict", str(net), str(pictures), "--csv", "-", "--columns", "id,probability"]) == 0
    captured = capsys.readouterr()
    assert "columns      probability is label\n" in captured.err
    assert "columns" not in captured.out


def test_what_is_printed_for_a_program_is_what_the_file_holds(net, pictures, tmp_path, capsys):
    (pictures / "1.png").rename(pictures / "a\u00a0b.png")
    words = ["predict", str(net), str(pictures), "--csv"]
    assert main([*words, "-"]) == 0
    printed = capsys.readouterr().out
    assert main([*words, str(tmp_path / "out.csv")]) == 0
    assert "a\u00a0b," in printed
    assert printed == (tmp_path / "out.csv").read_text()


def test_the_best_k_classes_of_an_image_are_as_many_rows(net, pictures, labels, capsys):
    assert main(["predict", str(net), str(pictures / "2.png"), "--csv", "-", "--top", "4"]) == 0
    head, *body = rows(capsys.readouterr().out)
    assert head == ["id", "rank", "label", "class", "share"]
    assert [row[:2] for row in body] == [["2", "1"], ["2", "2"], ["2", "3"], ["2", "4"]]
    assert sorted(int(row[2]) for row in body) == [0, 1, 2, 3]
    assert int(body[0][2]) == labels[1]
    shares = [float(row[4]) for row in body]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("key", ["x_test", "x", "whatever"])
def test_an_npz_has_its_images_under_any_of_three_names(net, images, labels, tmp_path, capsys, key):
    path = tmp_path / "images.npz"
    np.savez(path, **{key: images}, ids=np.arange(100, 112), others=np.zeros(3))
    assert main(["predict", str(net), str(path), "--csv", "-", "--columns", "ID,Labels"]) == 0
    assert rows(capsys.readouterr().out)[1:] == [
        [str(id), str(label)] for id, label in zip(range(100, 112), labels, strict=True)
    ]


def test_inputs_can_be_mixed_and_what_is_bad_is_listed_at_the_end(net, pictures, images, labels, tmp_path, capsys):
    np.savez(tmp_path / "more.npz", x=images[:2], ids=np.array(["a", "b"]))
    (pictures / "5.png").write_bytes(b"no image")
    (pictures / "7.png").write_bytes((pictures / "7.png").read_bytes()[:60])
    out = tmp_path / "found.csv"
    words = ["no such.png", str(tmp_path / "more.npz"), str(pictures)]
    assert main(["predict", str(net), *words, "--csv", str(out)]) == 1
    said = capsys.readouterr()
    assert "predictions  12 images in" in said.out
    faults = said.err.splitlines()
    assert [line.split("`")[1] for line in faults] == [
        "no such.png", str(pictures / "5.png"), str(pictures / "7.png"),
    ]  # fmt: skip
    assert all(line.startswith("budgetnas: `") for line in faults)
    found = {row[0]: row[1] for row in rows(out.read_text())[1:]}
    assert list(found) == ["a", "b", *(str(n) for n in range(1, 13) if n not in (5, 7))]
    assert [found["a"], found["b"], found["12"]] == [str(labels[0]), str(labels[1]), str(labels[11])]


def test_where_nothing_can_be_read_a_file_of_before_stays(net, tmp_path, capsys):
    out = tmp_path / "found.csv"
    out.write_text("mine\n")
    (tmp_path / "a.png").write_text("no image")
    assert main(["predict", str(net), str(tmp_path / "a.png"), "--csv", str(out)]) == 1
    assert out.read_text() == "mine\n"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_csv_is_replaced_whole_or_not_at_all(net, pictures, tmp_path, monkeypatch, capsys):
    out = tmp_path / "found.csv"
    out.write_text("mine\n")
    words = ["predict", str(net), str(pictures), "--csv", str(out)]

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("budgetnas.storage.files.os.fsync", full)
    assert main(words) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert out.read_text() == "mine\n"
    monkeypatch.undo()
    assert main(words) == 0
    assert out.read_text().startswith("id,label,class,share\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["found.csv", "test"]


def test_programs_are_told_id_label_class_and_what_was_done(net, images, tmp_path, capsys):
    Image.fromarray(images[0]).resize((18, 9)).save(tmp_path / "wide.png")
    assert main(["predict", str(net), str(tmp_path / "wide.png"), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["id"], found["image"], found["resized"]) == ("wide", str(tmp_path / "wide.png"), True)
    assert found["done"] == ["squeezed to other proportions"]
    assert len(found["classes"]) == 3
    assert all(CLASSES[one["label"]] == one["class"] for one in found["classes"])


def test_resizing_is_reported_where_the_training_did_not_resize(net, images, tmp_path, capsys):
    resizing = tmp_path / "resizing"
    write_certificate(resizing, made(classes=tuple(CLASSES), source=DataConfig(dataset="own", image_size=9)))
    Image.fromarray(images[0]).resize((18, 18)).save(tmp_path / "large.png")
    for folder, told in ((net, True), (resizing, False)):
        assert main(["predict", str(folder), str(tmp_path / "large.png")]) == 0
        assert ("(resized to 9x9)" in capsys.readouterr().out) is told
        assert main(["predict", str(folder), str(tmp_path / "large.png"), "--csv", str(tmp_path / "x.csv")]) == 0
        assert ("NOTE: 1 image was resized to 9x9." in capsys.readouterr().out) is told


def test_what_a_folder_holds_beside_images_is_left_out_and_named(net, pictures, capsys):
    (pictures / "notes.txt").write_text("mine")
    (pictures / "._1.png").write_bytes(b"left by a Mac")
    (pictures / ".ipynb_checkpoints").mkdir()
    (pictures / ".ipynb_checkpoints" / "1-checkpoint.png").write_bytes((pictures / "1.png").read_bytes())
    assert main(["predict", str(net), str(pictures)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 13
    assert out[-1].startswith(f"NOTE: {pictures}: 12 images of 14 files; left out: ")
    assert "notes.txt" in out[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--top", "5"), "`--top` is 5, but the network knows 4 classes"),
        (("--top", "0"), "`--top` is 0, but must be 1 or more"),
        (("--columns", "ID,Labels"), "`--columns` is given without `--csv`"),
        (("--csv", "no/such/x.csv"), "`--csv` is no/such/x.csv, but must be a file in a folder that exists"),
        (("--csv", "."), "`--csv` is ., but must be a file"),
        (("--csv", "1.png"), "`--csv` is 1.png, which is one of the images to classify"),
        (("--csv", "-", "--json"), "`--csv -` and `--json` both print"),
        (("--csv", "-", "--columns", "a,b,c,d,e"), "'e' would hold share again"),
        (("--csv", "-", "--top", "3", "--columns", "ID,Labels"), "--top 3 writes 3 rows an image: add rank"),
        (("--csv", "-", "--columns", "a,,c"), "must be names with commas"),
        (("--csv", "-", "--columns", "id,label=colour"), "a field of id, label, class, share, rank"),
        (("--csv", "-", "--columns", "Labels,ID"), "'ID' would hold id again"),
    ],
)
def test_options_that_cannot_be_are_told_before_anything_is_read(net, pictures, monkeypatch, capsys, words, said):
    monkeypatch.chdir(pictures)
    before = (pictures / "1.png").read_bytes()
    assert main(["predict", str(net), "1.png", *words]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert (pictures / "1.png").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"x": np.zeros((2, 8, 8, 3), np.uint8)}, "holds images of 8x8 pixels and 3 channels as x, but"),
        ({"x_test": np.zeros((2, 9, 9), np.uint8)}, "holds images of 9x9 pixels and 1 channel as x_test, but"),
        ({"x": np.zeros((2, 9, 9, 3))}, "holds float64 (2, 9, 9, 3) as x, but must hold uint8 images"),
        ({"y": np.zeros(4, np.int64)}, "does not say which images to classify (it holds y)"),
    ],
)
def test_an_npz_that_does_not_fit_is_told_in_a_line(net, tmp_path, capsys, content, said):
    np.savez(tmp_path / "images.npz", **content)
    assert main(["predict", str(net), str(tmp_path / "images.npz")]) == 1
    captured = capsys.readouterr()
    assert f"`{tmp_path / 'images.npz'}`" in captured.err
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cifar_test_nolabel.pkl", pickle.dumps({"data": [1], "ids": [2]}), "is a pickle, which is not read"),
        ("x.npy", b"\x93NUMPY\x01\x00", "is a single array: save it as an .npz"),
        ("x.npz", b"PK no zip", "cannot be read as .npz"),
        ("x.txt", b"words", "cannot be read as an image"),
        ("x.png", b"", "cannot be read as an image (it is empty)"),
    ],
)
def test_a_file_of_another_kind_says_what_to_do(net, tmp_path, capsys, name, content, said):
    (tmp_path / name).write_bytes(content)
    assert main(["predict", str(net), str(tmp_path / name)]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_folder_that_is_none_or_has_no_images(net, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for word, said in (("empty", "holds no images"), ("no such", "is no file and no folder"), ("x" * 300, "cannot be")):
        assert main(["predict", str(net), str(tmp_path / word)]) == 1
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


def test_no_more_than_a_batch_of_images_is_held(net, pictures, monkeypatch):
    from budgetnas.arch.spec import DataShape
    from budgetnas.certificates import predict as module
    from budgetnas.certificates.inputs import InputImage, find_inputs

    monkeypatch.setattr(module, "BATCH", 4)
    model, arch = load_certificate(net)
    inputs = find_inputs([str(pictures)], DataShape(**arch["shape"]))
    read = []
    reader = InputImage.read
    monkeypatch.setattr(InputImage, "read", lambda self, shape: read.append(self.id) or reader(self, shape))
    found = module.predict(model, arch, inputs.wanted, top=1, faults=[])
    assert next(found).image.id == "1"
    assert read == ["1", "2", "3", "4"]
    assert [one.image.id for one in found] == [str(number) for number in range(2, 13)]


def test_a_run_is_predicted_with_by_its_best_network(net, pictures, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "best").symlink_to(net)
    assert main(["predict", str(tmp_path / "run"), str(pictures / "1.png")]) == 0
    assert "1.png: " in capsys.readouterr().out


@pytest.mark.parametrize(("run", "said"), [("stopped", "its search has not ended"), ("trained", "budgetnas export")])
def test_a_run_without_a_best_network_says_what_to_do(pictures, capsys, run, said):
    made_by = Path(__file__).parents[1] / "fixtures" / "made-by-5c8fc35"
    assert main(["predict", str(made_by / run), str(pictures)]) == 1
    error = capsys.readouterr().err
    assert f"`{made_by / run}` has no network to predict with" in error
    assert said in error
    assert error.count("\n") == 1


def test_the_two_lines_of_the_page_turn_a_pickle_into_images_that_are_read(
    net, images, labels, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("cifar_test_nolabel.pkl").write_bytes(pickle.dumps({b"data": images, b"ids": np.arange(12)[::-1]}))
    page = (Path(__file__).parents[2] / "docs" / "own_data.md").read_text()
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "pickle" in block)
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):  # the page leaves closing to the end
        exec(code, {})
    assert main(["predict", str(net), "test.npz", "--csv", "-", "--columns", "ID,Labels"]) == 0
    assert rows(capsys.readouterr().out)[1:] == [[str(11 - i), str(label)] for i, label in enumerate(labels)]
