"""What a surrogate sees of networks of several kinds."""

from __future__ import annotations

import numpy as np
import pytest

from budgetnas.arch.counter import count
from budgetnas.arch.spec import ResNetSpec
from budgetnas.space.resnet import ResNetSpace

SPACE = ResNetSpace(
    kinds=("basic", "bottleneck"), groups=(1, "mid/4"), kernels=(3, 5), downsampling=("all", "all_but_one"),
    shortcuts=("conv", "pool"), widths=(8, 64),
)  # fmt: skip


def features(*names: str) -> np.ndarray:
    return SPACE.features(np.stack([SPACE.encode(ResNetSpec.from_id(name)) for name in names]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2x32-2x64", "d-2x32-2x64"),
        ("2x32-2x64", "2x32=2x64"),
        ("2x32k5-2x64", "2x32-2x64k5"),
        ("2x32m8-2x64m16", "2x32m16-2x64m16"),
        ("2x32m8-2x64m16", "2x32m8g2-2x64m16g4"),
        ("2x32-2x64", "2x32-2x56"),
    ],
)
def test_networks_that_differ_have_different_features(one, other):
    first, second = features(one, other)
    assert not np.allclose(first, second)


def test_the_shares_of_macs_are_those_of_the_layers():
    spec = ResNetSpec.from_id("d-2x32m8g2=1x40m20k5g5-2x64m16g4")
    (row,) = features(spec.id)
    cost = count(spec, SPACE.shape)
    halved = ResNetSpec.from_id("2x32m8g2=1x40m20k5g5")
    head = 40 * 10
    share = (count(halved, SPACE.shape).macs - head - 27 * 32 * 1024) / cost.macs
    assert row[6] == pytest.approx(share)
    assert row[0] == np.log2(cost.params)
    assert row[1] == np.log2(cost.macs)
