from __future__ import annotations

from drawn_specs import specs
from hypothesis import given, settings
from hypothesis import strategies as st

from budgetnas.arch.counter import ledger
from budgetnas.arch.device import PRECISIONS, weights_bytes
from budgetnas.arch.device_ledger import device_rows, layer_bytes
from budgetnas.arch.layers import Act, Conv, Norm, Residual
from budgetnas.arch.peak_memory import peak_memory
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec

shapes = st.builds(
    DataShape, channels=st.integers(1, 4), height=st.integers(1, 9), width=st.integers(1, 9), classes=st.integers(1, 11)
)


@settings(max_examples=100, deadline=None)
@given(specs(4), shapes)
def test_the_rows_sum_to_the_bytes_of_the_weights_and_their_largest_is_the_peak(spec, shape):
    layers = lower(spec, shape)
    rows = device_rows(layers, shape)
    assert list(rows) == [row.name for row in ledger(layers, shape)]
    for precision in PRECISIONS:
        assert sum(layer_bytes(layers, precision).values()) == weights_bytes(layers, precision)
    assert sum(row.fp32 for row in rows.values()) == weights_bytes(layers, "fp32")
    assert sum(row.int8 for row in rows.values()) == weights_bytes(layers, "int8")
    assert max(row.live for row in rows.values()) == peak_memory(layers, shape, "int8")


def test_a_norm_is_free_behind_its_convolution_and_a_layer_of_its_own_elsewhere():
    conv = Conv(in_channels=4, out_channels=4, kernel=3)
    body = (Norm(channels=4), Act(), conv, Norm(channels=4))
    found = layer_bytes((Residual(body=body, shortcut=()),), "fp32")
    assert found == {"0.body.0": 4 * 8, "0.body.1": 0, "0.body.2": 4 * (9 * 16 + 4), "0.body.3": 0}


def test_the_sum_of_a_block_is_with_its_last_layer():
    spec, shape = ResNetSpec.from_id("1x16-1x32"), DataShape()
    rows = device_rows(lower(spec, shape), shape)
    alone = weights_bytes((Residual(body=(), shortcut=()),), "int8")
    assert (rows["3.body.1"].int8, rows["3.body.4"].int8, rows["5.shortcut.1"].int8) == (0, alone, alone)
