"""`model.py` in an interpreter of its own that cannot import budgetnas."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from made_networks import images, random_nets, trained
from safetensors.torch import save_file

from budgetnas.arch.counter import count
from budgetnas.arch.layers import Act, Conv, Layer, Norm, Residual
from budgetnas.arch.resnet import Section, basic_block, sections
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates.names import rename_to_source, tensor_names
from budgetnas.certificates.source import model_source, source_of
from budgetnas.models.build import build_layers

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


def convs(*sizes: tuple[int, int, int, int]) -> tuple[Layer, ...]:
    """Convolutions of (channels before, channels, kernel, stride), each with its norm, rectifiers between them."""
    found: list[Layer] = []
    for before, width, kernel, stride in sizes:
        conv = Conv(in_channels=before, out_channels=width, kernel=kernel, stride=stride)
        found += [*([Act()] if found else []), conv, Norm(channels=width)]
    return tuple(found)


def of_other_blocks() -> list[Section]:
    """A network whose stages hold basic blocks, bottlenecks, blocks of 5x5 convolutions, and two kinds at once."""
    stem, *_, head = sections(ResNetSpec(blocks=(1,), widths=(12,), stem_width=8), DataShape())
    bottleneck = Residual(body=convs((8, 4, 1, 1), (4, 4, 3, 2), (4, 12, 1, 1)), shortcut=convs((8, 12, 1, 2)))
    wide = Residual(body=convs((12, 12, 5, 1), (12, 12, 5, 1)), shortcut=())
    stages = [[basic_block(8, 8)] * 2, [bottleneck, wide], [basic_block(12, 12, stride=2), wide, wide]]
    made = [
        Section(
            name=f"stage {i}",
            layers=tuple(layer for block in blocks for layer in (block, Act())),
            block_count=len(blocks),
        )
        for i, blocks in enumerate(stages, start=1)
    ]
    return [stem, *made, replace(head, layers=(*convs((12, 12, 1, 1)), Act(), *head.layers))]


def test_blocks_of_another_kind_are_written_out_and_run_to_the_same_bits(tmp_path):
    found = of_other_blocks()
    layers = tuple(layer for section in found for layer in section.layers)
    source = source_of(found, DataShape(), name="other", kind="residual")
    model = build_layers(layers).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-1, 1)
    names = tensor_names(found)
    module: dict[str, type[torch.nn.Module]] = {"__name__": "model"}
    exec(compile(source, "model.py", "exec"), module)
    network = module["ResNet"]()
    network.load_state_dict({names[name]: tensor for name, tensor in model.state_dict().items()}, strict=True)
    batch = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(network.eval()(batch), model(batch))
    for line in ("self.stage1 = stage(2, 8, 8)", "BasicBlock(12, 12, stride=2),", "x = self.neck(x)"):
        assert line in source
    assert is_formatted(tmp_path, source)


@pytest.mark.parametrize("blocks", [(1,), (64,), (1, 1000, 1, 1, 1, 1, 1, 1)])
def test_the_source_is_formatted_for_any_network(tmp_path, blocks):
    spec = ResNetSpec(blocks=blocks, widths=(65_536,) * len(blocks))
    assert is_formatted(tmp_path, model_source(spec, DataShape(classes=9)))


@pytest.mark.parametrize(
    "name", ["n65536-d-e1-2x65536m65536k31g256=1x65536m2-1x3m1", "e2-1x65536t64k31-2x3t1", "e9-2x8-1x9"]
)
def test_the_source_of_other_kinds_is_formatted(tmp_path, name):
    spec = ResNetSpec.from_id(name)
    assert spec is not None
    assert is_formatted(tmp_path, model_source(spec, DataShape(classes=9)))


def is_formatted(folder: Path, source: str) -> bool:
    ruff = pytest.importorskip("ruff", reason="ruff is in the extra `lint`")
    path = folder / "model.py"
    path.write_text(source)
    words = [ruff.find_ruff_bin() if hasattr(ruff, "find_ruff_bin") else "ruff", "format", "--check", "--isolated"]
    done = subprocess.run([*words, "--line-length", "120", str(path)], capture_output=True, text=True, check=False)
    return done.returncode == 0
