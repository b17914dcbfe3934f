from __future__ import annotations

import pytest
import torch
from torch import nn

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.exceptions import CountMismatchError, DataError
from budgetnas.models import build
from budgetnas.models.build import pack, unpack

SPEC = ResNetSpec(blocks=(1, 2), widths=(4, 6))


def test_images_go_in_and_logits_come_out():
    model = build.build_model(SPEC, DataShape(channels=2, height=9, width=7, classes=5))
    assert model(torch.zeros(3, 2, 9, 7)).shape == (3, 5)


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
