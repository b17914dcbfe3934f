"""One search over networks of every kind on real digits, for a device: trained, promoted, exported, verified, resumed.

The file of int8 weights has at most 40 kB, and its tensors at most 6 KiB at once.
"""

from __future__ import annotations

import json
import re

import onnx
import pandas as pd
import pytest

from budgetnas.arch.device import file_bytes
from budgetnas.arch.peak_memory import peak_memory
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec

DIGITS = DataShape(channels=1, height=8, width=8)
FIRST = ("e8-2x16-1x32", "d-1x24m12k5g3-2x24m8g2", "s8-n64-1x12t3=1x20t2k5")
WORDS = (
    "search", "--max-bytes", "40kB", "--weights", "int8", "--max-memory", "6KiB", "--dataset", "digits",
    "--device", "cpu", "--space", "wide", "--name", "wide",
    "--set", 'space.kinds=["basic", "bottleneck", "inverted"]', "--set", "space.widths=[8, 32]",
    "--set", "space.blocks=[1, 2]", "--set", "space.stages=[1, 3]", "--set", 'space.squeeze=["none", 8]',
    "--set", "space.expansions=[2, 3]", "--set", 'space.groups=[1, "mid/4", "mid"]',
    "--set", f"search.first_models={json.dumps(FIRST)}", "--no-paper-models", "--set", "proxy.rungs=[1]",
    "--promote", 3, "--full-epochs", 2, "--trials", 12,
)  # fmt: skip


@pytest.fixture(scope="module")
def finished(budgetnas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wide")
    return folder, budgetnas(*WORDS, cwd=folder)


def test_networks_of_every_kind_are_proposed_trained_and_promoted(finished):
    folder, done = finished
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(folder / "runs" / "wide" / "trials.csv")
    specs = [ResNetSpec.from_id(name) for name in table.spec]
    assert {spec.kind for spec in specs[len(FIRST) :]} == {"basic", "bottleneck", "inverted"}
    assert set(FIRST) == set(table.spec[table.full_score.notna()][: len(FIRST)])
    for spec in specs:
        network = lower(spec, DIGITS)
        assert file_bytes(network, "int8") <= 40_000
        assert peak_memory(network, DIGITS, "int8") <= 6 * 1024
    (space,) = (line for line in done.stdout.splitlines() if line.startswith("space "))
    assert "kinds basic or bottleneck or inverted, groups 1 or mid/4 or mid" in space
    (band,) = (line for line in done.stdout.splitlines() if line.startswith("band "))
    assert re.match(r"band +32,0\d\d to (39,9\d\d|40,000) bytes of the file: ", band)
    assert "of bottleneck in groups of 4" in band
    (memory,) = (line for line in done.stdout.splitlines() if line.startswith("memory "))
    assert re.match(r"memory +\d,\d{3},\d{3} networks within the cap on bytes of the file need more than 6 KiB", memory)


@pytest.mark.parametrize("trial", range(len(FIRST)))
def test_every_promoted_network_is_exported_and_verified(budgetnas, finished, trial):
    folder, _ = finished
    words = ("--trial", trial, "--fold-norms", "--quantize", "int8", "--out", f"net{trial}")
    exported = budgetnas("export", "runs/wide", *words, cwd=folder)
    assert exported.returncode == 0, exported.stderr
    arch = json.loads((folder / f"net{trial}" / "arch.json").read_text())
    assert ResNetSpec.from_json(arch["spec"]).id == FIRST[trial]
    counted = file_bytes(lower(ResNetSpec.from_json(arch["spec"]), DIGITS), "int8")
    assert (folder / f"net{trial}" / "model.int8.onnx").stat().st_size <= counted <= 40_000
    checked = budgetnas("verify", f"net{trial}", "--dataset", "digits", cwd=folder)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_winners_model_has_folded_norms_as_its_bytes_were_counted(budgetnas, finished):
    folder, _ = finished
    checked = budgetnas("verify", "runs/wide/best", "--dataset", "digits", cwd=folder)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    best = folder / "runs" / "wide" / "best"
    content = (best / "model.onnx").read_bytes()
    assert not [node for node in onnx.load_model_from_string(content).graph.node if "Norm" in node.op_type]
    facts = json.loads((best / "results.json").read_text())["files"]["model.onnx"]
    assert len(content) == facts["bytes"] <= facts["counted"]["file_bytes"]


def test_the_same_command_changes_nothing_and_another_space_is_refused(budgetnas, finished):
    folder, _ = finished
    before = (folder / "runs" / "wide" / "trials.csv").read_bytes()
    assert budgetnas(*WORDS, cwd=folder).returncode == 0
    assert (folder / "runs" / "wide" / "trials.csv").read_bytes() == before
    refused = budgetnas(*WORDS, "--set", 'space.kinds=["basic"]', cwd=folder)
    assert refused.returncode == 1
    assert "(space.kinds was ['basic', 'bottleneck', 'inverted'], is ['basic']): use the original" in refused.stderr


def test_reports_and_lists_know_networks_of_every_kind(budgetnas, finished):
    folder, _ = finished
    assert budgetnas("report", "runs/wide", cwd=folder).returncode == 0
    page = (folder / "runs" / "wide" / "report.html").read_text()
    assert "pooled shortcut" in page
    listed = budgetnas("list", cwd=folder)
    assert listed.returncode == 0
    assert "wide" in listed.stdout
    assert budgetnas("best", "runs/wide", "--max-params", "25k", cwd=folder).returncode == 0
    best = budgetnas("best", "runs/wide", "--max-bytes", "12kB,40kB", cwd=folder)
    assert best.returncode == 0, best.stderr
    assert FIRST[1] in best.stdout
