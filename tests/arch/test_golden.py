"""Counts that must never change: `pytest tests/arch/test_golden.py --rewrite-goldens` writes those in `golden`.

Those in this file are the counts of papers and of other people's code; none is ours. This package cannot write:

- pre-activation networks (WRN, PreResNet): the convolution of a projection has no norm, and the last norm follows the
  last sum; `PRE_ACTIVATION` has the difference
- stems of stride 2 with max-pooling (torchvision's ResNets)
- shortcuts padded with zeros (He et al.'s for CIFAR)
- squeeze-excitation of a fixed width or with another gate, and activations other than ReLU (MobileNetV3, EfficientNet)
- shuffled or concatenated feature maps (ShuffleNet, DenseNet), and stages of blocks that differ (PyramidNet)
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.mobilenetv2 import InvertedResidual

from budgetnas.arch.counter import count, ledger
from budgetnas.arch.kinds import KINDS
from budgetnas.arch.layers import Conv
from budgetnas.arch.resnet import inverted_block, lower
from budgetnas.arch.rules import SHORTCUTS
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.config.models import SHIPPED, find_model, load_models
from budgetnas.config.toml import shipped

GOLDEN = Path(__file__).parent / "golden" / "counts.json"


def networks() -> list[tuple[ResNetSpec, DataShape]]:
    """All shipped networks on CIFAR-10, 50 others of basic blocks, and 50 of every kind."""
    found = [(model.spec, DataShape()) for name in SHIPPED for model in load_models(shipped(f"{name}.toml"))]
    rng = np.random.default_rng(20)
    for _ in range(50):
        stages = int(rng.integers(1, 7))
        spec = ResNetSpec(
            blocks=tuple(rng.integers(1, 9, stages).tolist()),
            widths=tuple(rng.integers(1, 513, stages).tolist()),
            stem_width=int(rng.choice([0, 0, *rng.integers(1, 129, 2)])),
        )
        shape = DataShape(
            channels=int(rng.choice([1, 3, 4])),
            height=int(rng.integers(1, 97)),
            width=int(rng.integers(1, 97)),
            classes=int(rng.choice([2, 10, 100, 1000])),
        )
        found.append((spec, shape))
    return found + [(drawn(rng), DataShape(height=int(rng.integers(1, 97)))) for _ in range(50)]


def drawn(rng: np.random.Generator) -> ResNetSpec:
    """Draw a network over every field of a spec."""
    stages, kind = int(rng.integers(1, 7)), str(rng.choice(KINDS))
    values: dict[str, list[int]] = {
        name: rng.integers(1, most, stages).tolist() for name, most in (("blocks", 5), ("widths", 257), ("strides", 3))
    }
    values["kernels"] = rng.choice([1, 3, 5, 7], stages).tolist()
    values["strides"][0] = 1
    if kind == "bottleneck":
        values["groups"] = rng.choice([1, 2, 8], stages).tolist()
        values["mids"] = [groups * int(rng.integers(1, 17)) for groups in values["groups"]]
    if kind == "inverted":
        values["expansions"] = rng.integers(1, 7, stages).tolist()
    return ResNetSpec(
        **{name: tuple(numbers) for name, numbers in values.items()},
        stem_width=int(rng.choice([0, 40])),
        kind=kind,
        shortcut=str(rng.choice(SHORTCUTS)),
        squeeze=int(rng.integers(1, 33)) if rng.random() < 0.5 else None,
        neck=int(rng.integers(1, 513)) if rng.random() < 0.5 else None,
    )


def counts() -> dict[str, list[int]]:
    result = {}
    for spec, shape in networks():
        cost = count(spec, shape)
        name = f"{spec.id} on {shape.channels}x{shape.height}x{shape.width} to {shape.classes}"
        result[name] = [cost.params, cost.macs, cost.activations]
    return result


def test_counts_are_the_golden_ones(request: pytest.FixtureRequest):
    if request.config.getoption("--rewrite-goldens"):
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(cost)}" for name, cost in counts().items())
        GOLDEN.write_text(f"{{\n{lines}\n}}\n")
    assert counts() == json.loads(GOLDEN.read_text())


CIFAR = DataShape()


def resnext(blocks: int, groups: int, width: int) -> str:
    """Return the id of a ResNeXt for CIFAR of 9 * blocks + 2 layers (Xie et al., arXiv:1611.05431, section 5.3)."""
    mids = tuple(groups * width * 2**stage for stage in range(3))
    return ResNetSpec(
        blocks=(blocks,) * 3,
        widths=(256, 512, 1024),
        stem_width=64,
        kind="bottleneck",
        mids=mids,
        groups=(groups,) * 3,
    ).id


# osmr/imgclsmob (pytorchcv), gluon/README.md, table "CIFAR-10", column "Params".
PYTORCHCV = {
    "resnet20": 272_474,
    "resnet56": 855_770,
    "resnet110": 1_730_714,
    "resnet164": 1_704_154,
    "s16-30x64m16-30x128m32-30x256m64": 2_816_986,  # ResNet-272(BN)
    "s16-60x64m16-60x128m32-60x256m64": 5_599_066,  # ResNet-542(BN)
    "s16-111x64m16-111x128m32-111x256m64": 10_328_602,  # ResNet-1001
    "200x16-200x32-200x64": 19_424_026,  # ResNet-1202
    "se-resnet20": 274_847,
    "se-resnet56": 862_889,
    "se-resnet110": 1_744_952,
    "s16-e16-18x64m16-18x128m32-18x256m64": 1_906_258,  # SE-ResNet-164(BN)
    "s16-e16-30x64m16-30x128m32-30x256m64": 3_153_826,  # SE-ResNet-272(BN)
    "s16-e16-60x64m16-60x128m32-60x256m64": 6_272_746,  # SE-ResNet-542(BN)
    "resnext29-32x4d": 4_775_754,
    "resnext29-16x64d": 68_155_210,
    resnext(2, 1, 64): 3_446_602,
    resnext(2, 2, 32): 2_672_458,
    resnext(2, 4, 16): 2_285_386,
    resnext(2, 8, 8): 2_091_850,
    resnext(2, 16, 4): 1_995_082,
    resnext(2, 32, 2): 1_946_698,
    resnext(2, 64, 1): 1_922_506,
    resnext(2, 2, 64): 6_198_602,
    resnext(2, 4, 32): 4_650_314,
    resnext(2, 8, 16): 3_876_170,
    resnext(2, 16, 8): 3_489_098,
    resnext(2, 32, 4): 3_295_562,
    resnext(2, 64, 2): 3_198_794,
    resnext(6, 1, 64): 9_317_194,
    resnext(6, 2, 32): 6_994_762,
    resnext(6, 4, 16): 5_833_546,
    resnext(6, 8, 8): 5_252_938,
    resnext(6, 16, 4): 4_962_634,
    resnext(6, 32, 2): 4_817_482,
    resnext(6, 64, 1): 4_744_906,
    resnext(30, 1, 64): 44_540_746,
    resnext(30, 2, 32): 32_928_586,
}
OTHERS = {
    "resnet18": 11_173_962,  # microsoft/nni, comparison of pruners on CIFAR-10, of pytorch-cifar's networks
    "s64-3x256m64-4x512m128-6x1024m256-3x2048m512": 23_520_842,  # the same: ResNet-50 with a 3x3 stem
    "resnet32": 466_906,  # EvgenyKashin/SRMnet, README.md
}
# (params, MACs) in millions, as tables round them.
ROUNDED = {
    # chenyaofo/pytorch-cifar-models, README.md, columns "#Params.(M)" and "#MAdds(M)" of CIFAR-10
    "resnet20": ("0.27", "40.81"),
    "resnet32": ("0.47", "69.12"),
    "resnet44": ("0.66", "97.44"),
    "resnet56": ("0.86", "125.75"),
    "mobilenetv2": ("2.24", "87.98"),
    # bearpaw/pytorch-classification, README.md: parameters for CIFAR-10
    "resnext29-8x64d": ("34.43", None),
    "resnext29-16x64d": ("68.16", None),
    # huyvnphan/PyTorch_CIFAR10, README.md
    "resnet34": ("21.282", None),
}


@pytest.mark.parametrize(("name", "params"), [*PYTORCHCV.items(), *OTHERS.items()])
def test_a_published_network_has_its_published_parameters(name, params):
    assert count(find_model(name).spec, CIFAR).params == params


@pytest.mark.parametrize("name", ROUNDED)
def test_a_published_network_has_the_millions_of_its_table(name):
    cost = count(find_model(name).spec, CIFAR)
    for number, written in zip((cost.params, cost.macs), ROUNDED[name], strict=True):
        assert written is None or f"{number / 10**6:.{len(written.partition('.')[2])}f}" == written


# Pre-activation networks by the nearest network here, whose projections have norms: osmr/imgclsmob, as above.
PRE_ACTIVATION = {
    "resnet20": 272_282,
    "resnet56": 855_578,
    "resnet110": 1_730_522,
    "resnet164": 1_703_258,
    "s16-30x64m16-30x128m32-30x256m64": 2_816_090,
    "200x16-200x32-200x64": 19_423_834,
    "s16-2x160-2x320-2x640": 17_116_634,  # WRN-16-10
    "s16-4x160-4x320-4x640": 36_479_194,  # WRN-28-10
    "s16-6x128-6x256-6x512": 35_748_314,  # WRN-40-8
}


@pytest.mark.parametrize("name", PRE_ACTIVATION)
def test_a_pre_activation_network_differs_by_the_norms_of_our_projections(name):
    rows = ledger(lower(find_model(name).spec, CIFAR), CIFAR)
    norms = sum(row.params for row in rows if ".shortcut." in row.name and row.kind == "Norm")
    assert sum(row.params for row in rows) - norms == PRE_ACTIVATION[name]


def built(model: nn.Module, shape: DataShape) -> tuple[int, int]:
    """Return the parameters and the MACs of a network of torch, as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        model.eval()(torch.empty(1, shape.channels, shape.height, shape.width, device="meta"))
    return sum(p.numel() for p in model.parameters()), counter.get_total_flops() // 2


def test_mobilenetv2_costs_what_torchvisions_does_behind_a_stem_that_halves_the_image():
    with torch.device("meta"):
        theirs = torchvision.models.mobilenet_v2()
    spec = replace(find_model("mobilenetv2").spec, strides=(1, 2, 2, 2, 1, 2, 1))
    cost = count(spec, DataShape(height=112, width=112, classes=1000))
    assert (cost.params, cost.macs) == built(theirs, DataShape(height=224, width=224, classes=1000))
    assert cost.params == 3_504_872  # torchvision's documentation of MobileNet_V2_Weights: num_params


@pytest.mark.parametrize(("before", "width", "stride"), [(32, 16, 1), (16, 24, 2), (24, 24, 1), (96, 160, 2)])
@pytest.mark.parametrize("expansion", [1, 6])
def test_an_inverted_block_has_the_layers_of_torchvisions(before, width, stride, expansion):
    shape = DataShape(channels=before, height=14, width=14)
    rows = ledger(inverted_block(before, expansion * before, width, kernel=3, stride=stride, squeeze=None), shape)
    with torch.device("meta"):
        theirs = InvertedResidual(before, width, stride, expansion)
    parts = [part for part in theirs.modules() if isinstance(part, nn.Conv2d | nn.BatchNorm2d)]
    assert [row.params for row in rows if row.params] == [sum(p.numel() for p in part.parameters()) for part in parts]
    ours = [row.layer for row in rows if isinstance(row.layer, Conv)]
    assert [(conv.kernel, conv.stride, conv.groups) for conv in ours] == [
        (part.kernel_size[0], part.stride[0], part.groups) for part in parts if isinstance(part, nn.Conv2d)
    ]
    assert any(".body." in row.name for row in rows) == theirs.use_res_connect


@pytest.mark.parametrize(
    ("name", "mid", "groups"), [("resnet50", 64, 1), ("resnext50_32x4d", 128, 32), ("wide_resnet50_2", 128, 1)]
)
def test_torchvisions_bottlenecks_differ_by_the_kernel_of_the_stem(name, mid, groups):
    with torch.device("meta"):
        theirs = getattr(torchvision.models, name)()
    spec = ResNetSpec(
        blocks=(3, 4, 6, 3),
        widths=(256, 512, 1024, 2048),
        stem_width=64,
        kind="bottleneck",
        mids=tuple(mid * 2**stage for stage in range(4)),
        groups=(groups,) * 4,
    )
    params = count(spec, DataShape(classes=1000)).params
    assert params + (7 * 7 - 3 * 3) * 3 * 64 == sum(p.numel() for p in theirs.parameters())
