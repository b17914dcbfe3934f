"""`export`, `verify` and `predict` on a real search of digits."""

from __future__ import annotations

import json
import os
import time

import numpy as np
import pytest
from PIL import Image

from budgetnas.certificates.certificate import load_certificate
from budgetnas.certificates.onnx_run import run_onnx
from budgetnas.certificates.predict import logits, normalised
from budgetnas.cli.main import main
from budgetnas.config.sections import DataConfig
from budgetnas.data.load import load_dataset

WORDS = (
    "search", "--max-params", "60k", "--trials", 4, "--promote", 2, "--full-epochs", 4, "--device", "cpu",
    "--dataset", "digits", "--no-paper-models", "--set", "proxy.rungs=[1]", "--workers", 1,
)  # fmt: skip


@pytest.fixture(scope="module")
def run(budgetnas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    done = budgetnas(*WORDS, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "digits-60k-s0"


@pytest.fixture(scope="module")
def digits():
    return load_dataset(DataConfig(dataset="digits"))


def test_every_search_ends_with_a_certificate_that_holds_with_its_data_too(run, capsys):
    assert main(["verify", str(run / "best"), "--dataset", "digits"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("ok ") for line in lines[:-1])
    manifest = json.loads((run / "best" / "MANIFEST.json").read_text())
    assert lines[0].split()[-1] == manifest["digest"]
    assert "of 359 right" in lines[-2]
    assert lines[-1].startswith("This certificate holds")
    assert manifest["command"].startswith("budgetnas search --max-params 60k")
    assert manifest["data"]["fingerprint"] == load_dataset(DataConfig(dataset="digits")).fingerprint


def test_what_fails_is_named_and_the_status_is_1(run, tmp_path, capsys):
    import shutil

    shutil.copytree(run / "best", tmp_path / "best")
    (tmp_path / "best" / "model.py").write_text("import os\n")
    assert main(["verify", str(tmp_path / "best")]) == 1
    out = capsys.readouterr().out
    assert "FAILED  model.py" in out
    assert out.splitlines()[-1].startswith("This certificate does not hold: model.py")
    assert main(["verify", str(tmp_path / "best"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["passed"] is False
    assert main(["verify", str(tmp_path)]) == 1
    assert "give the folder of a certificate" in capsys.readouterr().out


def test_any_fully_trained_network_can_be_exported(run, tmp_path, capsys):
    finalists = json.loads((run / "results.json").read_text())["finalists"]
    second = finalists[1]
    out = tmp_path / "second"
    assert main(["export", str(run), "--trial", str(second["trial"]), "--out", str(out)]) == 0
    arch = json.loads((out / "arch.json").read_text())
    assert arch["id"] == second["spec"]
    results = json.loads((out / "results.json").read_text())
    assert results["repeats"]["validation_accuracies"] == second["scores"]
    assert not results["chosen"]["is_winner"]
    assert main(["verify", str(out), "--dataset", "digits"]) == 0
    again = tmp_path / "winner"
    assert main(["export", str(run), "--out", str(again)]) == 0
    for path in (run / "best").iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name
    capsys.readouterr()
    for words, said in (
        (
            ["--trial", "99", "--out", str(tmp_path / "x")],
            "`--trial` is 99, but weights are kept of full trainings only",
        ),
        (["--out", str(out)], "exists and is not empty"),
    ):
        assert main(["export", str(run), *words]) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("raw", [False, True])
def test_onnx_says_the_same_on_the_whole_test_split(run, tmp_path, digits, raw):
    pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra `onnx`")
    words = ["--with-preprocessing"] if raw else []
    assert main(["export", str(run), "--out", str(tmp_path / "best"), *words]) == 0
    assert main(["verify", str(tmp_path / "best")]) == 0
    model, arch = load_certificate(tmp_path / "best")
    images = digits.test.images.transpose(0, 3, 1, 2)
    inputs = np.ascontiguousarray(images) if raw else normalised(images, arch).numpy()
    found = run_onnx((tmp_path / "best" / "model.onnx").read_bytes(), inputs)
    expected = logits(model, digits.test.images, arch).numpy()
    assert np.abs(found - expected).max() <= 1e-4 * max(1.0, float(np.abs(expected).max()))
    assert (found.argmax(1) == expected.argmax(1)).all()


def test_files_for_a_device_are_counted_scored_and_verified(run, tmp_path, capsys):
    pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra `onnx`")
    before = json.loads((run / "best" / "results.json").read_text())
    outs = [tmp_path / "one", tmp_path / "two"]
    for out in outs:
        assert main(["export", str(run), "--out", str(out), "--fold-norms", "--quantize", "int8"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[1:3] == told[5:7]
    assert told[2].startswith("file     model.int8.onnx: ")
    found = json.loads((outs[0] / "results.json").read_text())
    for name, facts in found["files"].items():
        size = (outs[0] / name).stat().st_size
        assert size == facts["bytes"] <= facts["counted"]["file_bytes"]
        assert (facts["validation_images"], facts["test_images"]) == (287, 359)
    own, fp32 = found["this_network"], found["files"]["model.onnx"]
    assert fp32["test_correct"] == own["test_correct"]
    assert fp32["validation_correct"] == round(own["validation_accuracy"] * 287)
    assert found["chosen"]["test_looks"] == before["chosen"]["test_looks"] + 1  # int8 is one more, the second run none
    for path in outs[0].iterdir():
        assert (outs[1] / path.name).read_bytes() == path.read_bytes(), path.name
    assert main(["verify", str(outs[0]), "--dataset", "digits"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert "ranges are those of 512 training images" in lines[-2]
    assert main(["report", str(run)]) == 0
    looks = json.loads((run / "manifest.json").read_text())["test_looks"]
    assert looks["count"] == len(looks["looks"]) == found["chosen"]["test_looks"]
    assert [key for key in looks["looks"] if key.startswith("int8/")]
    assert not [path for path in tmp_path.iterdir() if path not in outs]


def test_options_of_a_device_file_that_do_not_go_together(run, tmp_path, capsys):
    for words, said in (
        (["--fold-norms", "--with-preprocessing"], "`--with-preprocessing` is given, but a model with folded norms"),
        (["--quantize", "int4"], "`--quantize` is 'int4', but must be int8 or fp16."),
    ):
        assert main(["export", str(run), "--out", str(tmp_path / "x"), *words]) == 2
        told = capsys.readouterr().err
        assert said in told
        assert told.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_predict_names_the_classes_of_image_files(run, tmp_path, digits, capsys):
    model, arch = load_certificate(run / "best")
    expected = logits(model, digits.test.images[:3], arch).softmax(1)
    names = []
    for i in range(3):
        names.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(digits.test.images[i, :, :, 0]).save(names[-1])
    assert main(["predict", str(run), *names, "--json", "--top", "10"]) == 0
    found = json.loads(capsys.readouterr().out)
    for one, shares in zip(found, expected, strict=True):
        assert not one["resized"]
        assert one["classes"][0]["class"] == arch["classes"][int(shares.argmax())]
        assert one["classes"][0]["share"] == pytest.approx(float(shares.max()), abs=1e-6)
        assert sum(label["share"] for label in one["classes"]) == pytest.approx(1)
    large = tmp_path / "large.jpg"
    Image.fromarray(digits.test.images[0, :, :, 0]).convert("RGB").resize((80, 60)).save(large)
    assert main(["predict", str(run / "best"), str(large)]) == 0
    out = capsys.readouterr().out
    assert "(resized to 8x8)" in out
    assert "NOTE: digits is a smoke test" in out


def test_programs_read_one_document_of_every_command_on_a_run(run, tmp_path, capsys):
    Image.new("L", (8, 8)).save(tmp_path / "one.png")
    net = tmp_path / "net"
    commands = [
        ("best", run),
        ("report", run),
        ("export", run, "--out", net),
        ("verify", net),
        ("predict", net, tmp_path / "one.png"),
        ("list", run.parent),
        ("list", run),
    ]
    found = []
    for words in commands:
        assert main([*map(str, words), "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    results = json.loads((run / "results.json").read_text())
    assert found[1] == {
        "report": str(run / "report.html"),
        "beside_it": ["curves.csv", "manifest.json", "results.json", "trainings.csv", "trials.csv"],
    }
    assert found[2] == {"network": str(net), "lacks": None}
    (row,), (alone,) = found[5], found[6]
    best = alone.pop("networks")[0]
    assert row == alone
    assert (best["spec"], best["scores"]["full"]) == (row["spec"], results["winner"]["scores"])
    assert (row["name"], row["kind"], row["state"]) == (run.name, "search", "finished")
    assert (row["done"], row["asked"], row["max_params"]) == (4, 4, 60_000)
    for key in ("spec", "params", "score", "test_accuracy"):
        assert row[key] == results["winner"][key]


def test_a_list_of_runs_is_a_table_for_people(run, tmp_path, capsys):
    (run.parent / "broken").mkdir()
    a_minute_later = time.time() + 60
    os.utime(run.parent / "broken", (a_minute_later, a_minute_later))
    try:
        assert main(["list", str(run.parent)]) == 0
    finally:
        (run.parent / "broken").rmdir()
    title, head, *rows = (line.split() for line in capsys.readouterr().out.splitlines())
    assert title == ["Runs", "in", str(run.parent)]
    assert head[:4] == ["run", "kind", "state", "data"]
    assert rows[0] == ["broken", "unreadable"]
    assert rows[1][:4] == [run.name, "search", "finished", "digits"]
    assert " ".join(rows[2]).startswith("broken: unreadable: it holds none of")
