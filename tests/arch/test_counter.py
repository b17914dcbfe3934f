from __future__ import annotations

import pytest
import torch
from drawn_specs import specs
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from budgetnas.arch.counter import count, ledger
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.models.build import build_model

CIFAR = DataShape()

shapes = st.builds(
    DataShape,
    channels=st.integers(1, 5),
    height=st.integers(1, 33),
    width=st.integers(1, 33),
    classes=st.integers(1, 101),
)


@pytest.mark.parametrize(
    ("blocks", "widths", "params"),
    [
        ((2, 2, 2, 2), (64, 128, 256, 512), 11_173_962),
        ((1, 1, 1, 1), (64, 128, 256, 512), 4_903_242),
        ((2, 2, 4, 0), (64, 128, 256), 5_139_018),
        ((2, 2, 4, 0), (64, 128, 250), 4_939_902),
        ((2, 2, 4, 0), (64, 130, 251), 4_993_025),
        ((4, 5, 3, 0), (64, 128, 256), 4_992_586),
        ((4, 5, 3, 0), (64, 128, 250), 4_848_142),
        ((3, 3, 3), (16, 32, 64), 272_474),
    ],
)
def test_known_networks_have_their_known_counts(blocks, widths, params):
    assert count(ResNetSpec.from_stages(blocks, widths), CIFAR).params == params


@given(specs(6), shapes)
def test_the_count_is_that_of_the_built_network_and_the_ledger_sums_to_it(spec, shape):
    cost = count(spec, shape)
    with torch.device("meta"):
        model = build_model(spec, shape)
    assert cost.params == sum(p.numel() for p in model.parameters())
    rows = ledger(lower(spec, shape), shape)
    assert sum(row.params for row in rows) == cost.params
    assert sum(row.macs for row in rows) == cost.macs
    names = {row.name: row.params for row in rows if row.params}
    built: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        owner = name.rpartition(".")[0]
        built[owner] = built.get(owner, 0) + parameter.numel()
    assert names == built


@settings(max_examples=30, deadline=None)
@given(specs(6), shapes)
def test_macs_are_half_of_the_flops_that_torch_counts(spec, shape):
    with torch.device("meta"):
        model = build_model(spec, shape).eval()
        images = torch.empty(1, shape.channels, shape.height, shape.width)
    with FlopCounterMode(display=False) as counter:
        model(images)
    assert 2 * count(spec, shape).macs == counter.get_total_flops()
