from __future__ import annotations

import pytest
import torch
from drawn_specs import specs
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from budgetnas.arch.counter import ledger
from budgetnas.arch.layers import Act, AvgPool, Norm, Residual
from budgetnas.arch.resnet import lower, squeeze_excitation
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.exceptions import CountMismatchError, DataError
from budgetnas.models import build
from budgetnas.models.build import pack, unpack

SPEC = ResNetSpec(blocks=(1, 2), widths=(4, 6))


def test_images_go_in_and_logits_come_out():
    model = build.build_model(SPEC, DataShape(channels=2, height=9, width=7, classes=5))
    assert model(torch.zeros(3, 2, 9, 7)).shape == (3, 5)


@settings(max_examples=40)
@given(spec=specs(6), sides=st.sampled_from([(8, 8), (7, 9), (1, 5)]))
def test_every_module_takes_and_gives_the_shapes_of_its_row(spec, sides):
    shape = DataShape(channels=2, height=sides[0], width=sides[1], classes=5)
    rows = ledger(lower(spec, shape), shape)
    model, seen = build.build_model(spec, shape), {}
    for row in rows:
        model.get_submodule(row.name).register_forward_hook(
            lambda _, given, result, name=row.name: seen.update({name: (given[0].shape[1:], result.shape[1:])})
        )
    assert model(torch.zeros(2, 2, *sides)).shape == (2, 5)
    assert seen == {row.name: (row.in_shape, row.out_shape) for row in rows}


def test_squeeze_excitation_weighs_each_channel_by_the_means_of_all():
    (gated,), x = build.build_layers([squeeze_excitation(5, 2)]), torch.randn(3, 5, 4, 6)
    weights = dict(gated.named_parameters())
    assert [tuple(weight.shape) for weight in weights.values()] == [(3, 5), (3,), (5, 3), (5,)]
    inner = functional.linear(x.mean((2, 3)), weights["gate.1.weight"], weights["gate.1.bias"]).relu()
    factors = functional.linear(inner, weights["gate.3.weight"], weights["gate.3.bias"]).sigmoid()
    torch.testing.assert_close(gated(x), x * factors.view(3, 5, 1, 1))


def test_a_pool_takes_the_mean_of_the_pixels_that_there_are_at_an_edge():
    (pool,) = build.build_layers([AvgPool(kernel=2)])
    pixels = torch.tensor([[[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]]])
    assert pool(pixels).tolist() == [[[[3.0, 4.5], [7.5, 9.0]]]]


def test_a_network_that_differs_from_its_ledger_stops_with_both(monkeypatch):
    monkeypatch.setattr(build, "BatchNorm", lambda channels: nn.GroupNorm(1, channels, affine=False))
    with pytest.raises(CountMismatchError, match=r"1: 8 counted, 0 built; .*please report this"):
        build.build_model(SPEC, DataShape())


def test_weights_read_back_bit_for_bit_and_nothing_else_is_taken():
    shape = DataShape()
    model = build.build_model(SPEC, shape)
    again = unpack(build.build_model(SPEC, shape), pack(model))
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
    with pytest.raises(DataError):
        unpack(build.build_model(SPEC, shape), b"\x80\x04." + b"not safetensors")


def test_a_branch_that_begins_with_a_rectifier_leaves_the_input_of_the_other_as_it_is():
    branch = (Act(), Norm(channels=2))
    (total,), x = build.build_layers([Residual(body=branch, shortcut=branch)]).eval(), torch.randn(3, 2, 4, 4)
    before = x.clone()
    torch.testing.assert_close(total(x), 2 * total.body(x))
    assert torch.equal(x, before)
    (total,) = build.build_layers([Residual(body=branch, shortcut=())]).eval()
    torch.testing.assert_close(total(x), total.body(x) + before)
