from __future__ import annotations

import csv
import io

import pytest
from made_networks import random_nets, trained
from torch import nn

from budgetnas.arch.costs import costs_of
from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.certificates import ledger
from budgetnas.certificates.ledger import has_device_columns, ledger_csv, reconcile
from budgetnas.certificates.names import rename_to_source

SPEC = ResNetSpec(blocks=(1, 1), widths=(4, 6))
SHAPE = DataShape(height=7, width=8)


def stored(spec, shape):
    state = rename_to_source(trained(spec, shape).state_dict(), spec)
    return {name: tensor.numel() for name, tensor in state.items()}


@pytest.mark.parametrize(("spec", "shape"), list(random_nets(6, seed=3)))
def test_the_ledger_sums_up_to_the_network_and_its_weights(spec, shape):
    sizes = stored(spec, shape)
    rows = list(csv.DictReader(io.StringIO(ledger_csv(spec, shape))))
    total = rows.pop()
    cost = count(spec, shape)
    found = reconcile(spec, shape, sizes)
    assert found.discrepancies == ()
    assert found.params == cost.params == int(total["params"]) == sum(int(row["params"]) for row in rows)
    assert found.buffers == int(total["buffers"]) == sum(int(row["buffers"]) for row in rows)
    assert cost.macs == int(total["macs"]) == sum(int(row["macs"]) for row in rows)
    assert {row["module"] for row in rows} - {""} == {name.rpartition(".")[0] for name in sizes}


def test_a_row_says_what_its_layer_is():
    lines = ledger_csv(SPEC, SHAPE).splitlines()
    first = "layer,module,kind,in_shape,out_shape,kernel,stride,params,buffers,macs"
    assert lines[0] == f"{first},bytes_fp32,bytes_int8,live_elements"
    assert "5.body.0,stage2.0.conv1,Conv,4x7x8,6x4x4,3,2,216,0,3456,888,269,320" in lines
    assert "5.shortcut.0,stage2.0.shortcut.0,Conv,4x7x8,6x4x4,1,2,24,0,384,120,77,416" in lines
    assert "5.shortcut.1,stage2.0.shortcut.1,Norm,6x4x4,6x4x4,,,12,13,0,0,5,288" in lines
    assert "7,,GlobalPool,6x4x4,6,,,0,0,0,0,5,102" in lines
    assert "8,head,Linear,6,10,,,70,0,60,280,145,16" in lines
    older = ledger_csv(SPEC, SHAPE, with_device=False)
    assert older.splitlines()[0] == first
    assert [line.rsplit(",", 3)[0] for line in lines] == older.splitlines()
    assert [has_device_columns(text.encode()) for text in (older, "\n".join(lines))] == [False, True]


@pytest.mark.parametrize(("spec", "shape"), list(random_nets(3, seed=4)))
def test_the_last_row_has_what_a_device_needs(spec, shape):
    total = list(csv.DictReader(io.StringIO(ledger_csv(spec, shape)))).pop()
    for weights in ("fp32", "int8"):
        assert int(total[f"bytes_{weights}"]) == costs_of(spec, shape, weights).weights_bytes
    assert int(total["live_elements"]) == costs_of(spec, shape, "int8").memory


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"head.weight": 50, "head.bias": 20}, "head.weight holds 50 numbers in the file of weights, 60 in the ledger"),
        ({"head.weight": None, "head.kernel": 60}, "'head.kernel' in the file of weights is not of this network"),
        ({"stem.1.running_mean": 8, "stem.1.running_var": None}, "stem.1.running_var holds 0 numbers"),
        ({"stem.1.num_batches_tracked": None}, "stem.1.num_batches_tracked holds 0 numbers"),
        ({"more": 0}, "'more' in the file of weights is not of this network"),
        ({"more\nlines": 1}, r"'more\nlines' in the file of weights is not of this network"),
    ],
)
def test_a_wrong_tensor_is_told_even_where_the_sums_agree(changes, told):
    sizes = {name: size for name, size in {**stored(SPEC, SHAPE), **changes}.items() if size is not None}
    found = reconcile(SPEC, SHAPE, sizes).discrepancies
    assert any(told in line for line in found)
    assert not any("\n" in line for line in found)


def test_a_model_py_that_is_another_network_is_told(monkeypatch):
    monkeypatch.setattr(ledger, "model_source", lambda spec, shape: "from torch import nn\nResNet = nn.Identity\n")
    found = reconcile(SPEC, SHAPE, stored(SPEC, SHAPE)).discrepancies
    assert "head.bias holds 0 numbers in model.py, 10 in the ledger" in found


def test_a_built_network_that_is_another_one_is_told(monkeypatch):
    def wider(spec, shape):
        model = build(spec, shape)
        model[8] = nn.Linear(7, 10)
        return model

    build = ledger.build_model
    monkeypatch.setattr(ledger, "build_model", wider)
    found = reconcile(SPEC, SHAPE, stored(SPEC, SHAPE)).discrepancies
    assert found == ("head.weight holds 70 numbers in the built network, 60 in the ledger",)
