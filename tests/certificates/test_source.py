"""`model.py` in an interpreter of its own that cannot import budgetnas."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from made_networks import images, random_nets, trained
from safetensors.torch import save_file

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.names import rename_to_source
from budgetnas.certificates.source import model_source

ALONE = """
import importlib.abc, importlib.util, json, sys
class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "budgetnas":
            raise ImportError("budgetnas is not to be had here")
sys.meta_path.insert(0, Blocker())
try:
    import budgetnas
    raise SystemExit("budgetnas could be imported")
except ImportError:
    pass
import torch
from pathlib import Path
from safetensors.torch import load_file
counts = {}
for folder in sorted(Path(".").iterdir()):
    source = importlib.util.spec_from_file_location("model", folder / "model.py")
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)
    network = module.ResNet()
    network.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    network.eval()
    with torch.no_grad():
        same = torch.equal(network(torch.load(folder / "in.pt", weights_only=True)), torch.load(folder / "out.pt"))
    counts[folder.name] = [same, sum(parameter.numel() for parameter in network.parameters())]
print(json.dumps(counts))
"""


def test_twenty_networks_run_alone_to_the_same_bits_and_counts(tmp_path):
    nets = list(random_nets(20))
    expected = {}
    for i, (spec, shape) in enumerate(nets):
        folder = tmp_path / f"{i:02}"
        folder.mkdir()
        model = trained(spec, shape, seed=i)
        (folder / "model.py").write_text(model_source(spec, shape))
        state = {name: tensor.contiguous() for name, tensor in rename_to_source(model.state_dict(), spec).items()}
        save_file(state, folder / "model.safetensors")
        batch = torch.from_numpy(images(shape)).float() / 100
        torch.save(batch, folder / "in.pt")
        with torch.no_grad():
            torch.save(model(batch), folder / "out.pt")
        built = sum(parameter.numel() for parameter in model.parameters())
        assert built == count(spec, shape).params
        expected[folder.name] = [True, built]
    assert {len(spec.blocks) for spec, _ in nets} == {1, 2, 3, 4, 5, 6}
    assert {(shape.channels, shape.classes) for _, shape in nets} >= {(1, 10), (3, 100)}
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    import json

    assert json.loads(done.stdout) == expected


def test_the_source_is_a_golden_that_is_read_before_it_is_changed(pytestconfig):
    golden = Path(__file__).parent / "golden" / "model5.py"
    found = model_source(ResNetSpec(blocks=(4, 5, 3), widths=(64, 128, 256)), DataShape())
    if pytestconfig.getoption("--rewrite-goldens"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(found)
    assert found == golden.read_text()


@pytest.mark.parametrize("blocks", [(1,), (64,), (1, 1000, 1, 1, 1, 1, 1, 1)])
def test_the_source_is_formatted_for_any_network(tmp_path, blocks):
    ruff = pytest.importorskip("ruff", reason="ruff is in the extra `lint`")
    path = tmp_path / "model.py"
    path.write_text(model_source(ResNetSpec(blocks=blocks, widths=(65_536,) * len(blocks)), DataShape(classes=9)))
    words = [ruff.find_ruff_bin() if hasattr(ruff, "find_ruff_bin") else "ruff", "format", "--check", "--isolated"]
    done = subprocess.run([*words, "--line-length", "120", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
