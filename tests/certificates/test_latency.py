from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.latency import measure

SPEC, SHAPE = ResNetSpec.from_id("e4-1x8-1x12"), DataShape(channels=1, height=8, width=8)


def test_a_network_is_timed_run_by_run_and_says_where():
    pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra `onnx`")
    before = torch.get_rng_state()
    found = measure(SPEC, SHAPE, runs=11)
    assert torch.equal(torch.get_rng_state(), before), "the weights are drawn by a seed of their own"
    assert 0 < found.low <= found.median <= found.high
    assert found.runs == 11
    assert found.processor
    assert found.runtime.startswith("onnxruntime ")


def test_without_the_extra_the_error_is_one_line_that_says_what_to_install():
    code = "import sys; sys.modules['onnxruntime'] = None; from budgetnas.cli.main import main; "
    code += "sys.exit(main(['count', '1x8', '--latency']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "budgetnas: onnxruntime is not installed: pip install 'budgetnas[onnx]'.\n"
