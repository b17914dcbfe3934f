from __future__ import annotations

from drawn_specs import specs
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.arch.counter import count
from budgetnas.arch.device import weights_bytes
from budgetnas.arch.peak_memory import peak_memory
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.reports.breakdown import layers_table, parts, parts_table

SHAPES = st.builds(
    DataShape,
    channels=st.integers(1, 3),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    classes=st.integers(1, 12),
)


def number(word):
    return int(word.replace(",", ""))


def test_the_parts_of_model_5():
    spec = ResNetSpec(blocks=(4, 5, 3), widths=(64, 128, 256))
    found = [(part.name, part.out_shape, part.params, part.macs) for part in parts(spec, DataShape())]
    assert found == [
        ("stem", (64, 32, 32), 1_856, 1_769_472),
        ("stage 1", (64, 32, 32), 295_936, 301_989_888),
        ("stage 2", (128, 16, 16), 1_411_840, 360_710_144),
        ("stage 3", (256, 8, 8), 3_280_384, 209_715_200),
        ("head", (10,), 2_570, 2_560),
    ]


@given(specs(8), SHAPES)
def test_the_parts_sum_to_the_network(spec, shape):
    found, total = parts(spec, shape), count(spec, shape)
    assert [part.name for part in found] == ["stem", *(f"stage {i + 1}" for i in range(spec.depth)), "head"]
    assert [part.block_count for part in found] == [0, *spec.blocks, 0]
    assert all(part.block_count - part.residuals in ((0, 1) if spec.kind == "inverted" else (0,)) for part in found)
    assert all(part.out_shape[0] == part.width for part in found)
    for name in ("params", "macs", "activations"):
        assert sum(getattr(part, name) for part in found) == getattr(total, name)


def test_both_tables_end_in_the_same_total():
    spec, shape = ResNetSpec(blocks=(2, 1), widths=(16, 24)), DataShape()
    total = count(spec, shape)
    by_stage, by_layer = parts_table(spec, shape), layers_table(spec, shape)
    assert [number(by_stage.rows[-1][i]) for i in (3, 5, 7)] == [total.params, total.macs, total.activations]
    network = lower(spec, shape)
    sizes = [weights_bytes(network, "int8"), peak_memory(network, shape, "int8")]
    assert [number(word) for word in by_layer.rows[-1][5:]] == [total.params, total.macs, total.activations, *sizes]
    assert sum(number(row[5]) for row in by_layer.rows[:-1]) == total.params
    for table in (by_stage, by_layer):
        assert {len(row) for row in table.rows} == {len(table.columns)}
    assert sum(float(row[4].removesuffix(" %")) for row in by_stage.rows[:-1]) == 100


def test_a_part_says_what_is_special_in_it():
    for name, kinds in (
        ("1x8-2x8", ["", "", "", ""]),
        ("d-1x8k5-2x8", ["", "basic, 5x5", "", ""]),
        ("n32-1x8m4-2x8m4k5g2", ["", "bottleneck", "bottleneck, 5x5", "neck of 32"]),
        ("e4-1x8t6", ["", "inverted", ""]),
    ):
        spec = ResNetSpec.from_id(name)
        assert spec is not None
        assert [part.kind for part in parts(spec, DataShape())] == kinds


def test_the_window_of_a_layer_has_its_groups():
    spec = ResNetSpec(blocks=(1, 1), widths=(8, 16), kind="bottleneck", mids=(4, 8), groups=(1, 4), shortcut="pool")
    rows = {row[0]: (row[1], row[4]) for row in layers_table(spec, DataShape()).rows}
    assert rows["3.body.3"] == ("Conv", "3x3 / 1")
    assert rows["5.body.3"] == ("Conv", "3x3 / 2, 4 groups")
    assert rows["5.shortcut.0"] == ("AvgPool", "2x2 / 2")
    assert rows["5.shortcut.2"] == ("Norm", "")
