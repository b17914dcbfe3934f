"""What a GPU is measured with, rehearsed on the CPU, so that a loan of minutes is not spent on its mistakes."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BENCHMARKS = ROOT / "tests" / "benchmarks"
PARTS = 12


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, words)], cwd=ROOT, capture_output=True, text=True, timeout=300)


def record(path: Path, *, passed: dict[tuple[bool, bool, bool], bool]) -> None:
    """Write what part 1 leaves: rung 4 is the fastest, and these variants were equal or not."""
    steps = [("2", False, False, 20_000), ("3", False, True, 22_000), ("4", True, True, 30_000)]
    facts: list[dict[str, object]] = [
        {"kind": "step", "net": "model 5", "size": size, "is_ours": True, "device": "cuda", "records": True}
        | {"rung": rung, "fuses": fuses, "benchmark": benchmark, "images_per_s": rate * size // 128}
        for rung, fuses, benchmark, rate in steps
        for size in (128, 512)
    ]
    facts += [
        {"kind": "variant", "device": "cuda", "passed": held}
        | dict(zip(("records", "fuses", "benchmark"), key, strict=True))
        for key, held in passed.items()
    ]
    path.with_suffix(".jsonl").write_text("".join(f"{json.dumps(fact)}\n" for fact in facts))


@pytest.mark.parametrize(
    ("passed", "expected"),
    [
        ({}, (True, False, False)),
        ({(True, False, False): True, (True, True, True): True}, (True, True, True)),
        ({(True, False, False): True, (True, False, True): True, (True, True, True): False}, (True, False, True)),
        ({(True, False, False): False, (True, True, True): False}, (False, False, False)),
    ],
)
def test_the_fastest_variant_that_was_equal_trains(monkeypatch, tmp_path, passed, expected):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    record(tmp_path / "floor.txt", passed=passed)
    variant = importlib.import_module("gpu_train").best_variant(tmp_path / "floor.txt", "cuda")
    assert (variant.records, variant.fuses, variant.benchmark) == expected
    assert variant.images_per_s in (0, 22_000, 30_000), "at 128, not at 512"


@pytest.mark.faults
def test_both_parts_run_whole_on_a_cpu(tmp_path):
    done = run(ROOT / "scripts" / "gpu", "rehearse", "--out", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "gpu_floor.txt").read_text()
    assert text.count(": done, ") == PARTS
    assert "FAIL" not in text
    for target in ("target < 2 s", "variant records=True fuses=True benchmark=True: passed"):
        assert target in text
    for recipe in ("modern200", "paper200"):
        curve = (tmp_path / f"model5_{recipe}.csv").read_text().splitlines()
        assert len(curve) == 3
        assert (tmp_path / f"model5_{recipe}.safetensors").stat().st_size > 0
        assert "the test set was watched" in (tmp_path / f"model5_{recipe}.txt").read_text()


@pytest.mark.faults
def test_a_part_that_outlasts_its_time_is_stopped_and_told(tmp_path):
    out = tmp_path / "floor.txt"
    words = ("--device", "cpu", "--blocks", "B,C.off", "--seconds", 9, "--out", out)  # whole networks on a CPU
    done = run(sys.executable, BENCHMARKS / "gpu_floor.py", *words)
    assert done.returncode == 1
    text = out.read_text()
    assert "B: STOPPED after" in text
    assert "C.off: not run" in text
