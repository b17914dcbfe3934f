"""A search on digits under caps on bytes and memory, end to end to a verified int8 file within its cap."""

from __future__ import annotations

import json

import pytest

from budgetnas.cli.main import main

onnx = pytest.importorskip("onnx", reason="onnx is in the extra `onnx`")
pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra `onnx`")

CAP = 40_000
WORDS = (
    "search", "--max-bytes", "40kB", "--weights", "int8", "--max-memory", "6KiB", "--trials", 2, "--promote", 1,
    "--full-epochs", 3, "--device", "cpu", "--dataset", "digits", "--no-paper-models", "--set", "proxy.rungs=[1]",
    "--workers", 1, "--name", "device",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(budgetnas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("device")
    done = budgetnas(*WORDS, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "device"


def test_the_winners_model_has_folded_norms_as_its_bytes_were_counted(run, capsys):
    assert main(["verify", str(run / "best"), "--dataset", "digits"]) == 0
    content = (run / "best" / "model.onnx").read_bytes()
    assert not [node for node in onnx.load_model_from_string(content).graph.node if "Norm" in node.op_type]
    facts = json.loads((run / "best" / "results.json").read_text())["files"]["model.onnx"]
    assert len(content) == facts["bytes"] <= facts["counted"]["file_bytes"]
    assert "fp32: " in capsys.readouterr().out


def test_the_int8_file_is_within_the_cap_and_verified(run, tmp_path, capsys):
    out = tmp_path / "net"
    assert main(["export", str(run), "--quantize", "int8", "--out", str(out)]) == 0
    capsys.readouterr()
    assert main(["verify", str(out), "--dataset", "digits"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("ok ") for line in lines[:-1])
    arch = json.loads((out / "arch.json").read_text())
    assert (arch["max_bytes"], arch["max_memory"]) == (CAP, 6 * 1024)
    facts = json.loads((out / "results.json").read_text())["files"]["model.int8.onnx"]
    assert (out / "model.int8.onnx").stat().st_size == facts["bytes"] <= facts["counted"]["file_bytes"] <= CAP
    assert facts["test_images"] == 359
    assert (out / "model.onnx").read_bytes() == (run / "best" / "model.onnx").read_bytes()
