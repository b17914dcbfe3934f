from __future__ import annotations

import json

import pytest
from drawn_specs import specs
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.arch.spec import FIELDS, NEEDED, DataShape, ResNetSpec
from budgetnas.exceptions import UsageError


@pytest.mark.parametrize(
    ("blocks", "widths", "identity"),
    [
        ((4, 5, 3, 0), (64, 128, 250), "4x64-5x128-3x250"),
        ((4, 5, 3, 0), (64, 128, 250, 512), "4x64-5x128-3x250"),
        ((4, 0, 3, 0), (64, 250), "4x64-3x250"),
        ((4, 0, 3, 0), (64, 128, 250, 512), "4x64-3x250"),
        ((0, 2), (16,), "2x16"),
    ],
)
def test_empty_stages_are_dropped_so_that_no_network_has_two_names(blocks, widths, identity):
    assert ResNetSpec.from_stages(blocks, widths).id == identity


def test_a_stem_of_its_own_width_is_part_of_the_name():
    assert ResNetSpec(blocks=(1,), widths=(16,), stem_width=32).id == "s32-1x16"
    assert ResNetSpec(blocks=(1,), widths=(16,), stem_width=16) == ResNetSpec(blocks=(1,), widths=(16,))


@pytest.mark.parametrize(
    ("blocks", "widths", "words"),
    [
        ((0, 0), (16, 16), "no block in any stage"),
        ((1, -1), (16, 16), "-1"),
        ((1, 1), (16, 0), "0"),
        ((1, 1, 0), (16,), "1 value, but"),
        ((1, 1, 0), (16, 16, 16, 16), "4 values"),
        ((1, 10**9), (16, 16), "1000000000"),
        ((1, 1), (16, 10**9), "1000000000"),
        ((1,) * 9, (16,) * 9, "9 stages"),
        ((True,), (16,), "True"),
    ],
)
def test_what_is_no_network_is_refused_by_name_and_rule(blocks, widths, words):
    with pytest.raises(UsageError, match=words):
        ResNetSpec.from_stages(blocks, widths)


def test_shapes_of_data_are_checked():
    with pytest.raises(UsageError, match=r"`classes` holds 0"):
        DataShape(classes=0)


@given(specs(8, blocks=st.integers(1, 1000), widths=st.integers(1, 65_536), stem_width=st.integers(0, 65_536)))
def test_an_id_and_json_are_read_back(spec):
    assert ResNetSpec.from_id(spec.id) == spec
    assert ResNetSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_the_first_stages_of_a_network_keep_its_stem():
    spec = ResNetSpec(blocks=(4, 5, 3), widths=(64, 128, 250), stem_width=16)
    assert spec.first(2).id == "s16-4x64-5x128"
    assert spec.first(9) == spec
    assert (spec.depth, spec.first(1).depth) == (3, 1)


def test_every_field_can_be_typed_and_those_with_a_value_per_stage_are_shown_beside_the_id():
    spec = ResNetSpec(blocks=(4, 5), widths=(64, 128))
    assert all(one.metadata["metavar"] and one.metadata["help"] for one in FIELDS.values())
    assert set(NEEDED) <= set(spec.per_stage) <= {name for name, one in FIELDS.items() if one.metadata["per_stage"]}
    assert {name: list(values) for name, values in spec.per_stage.items()}.items() <= spec.to_json().items()
    assert ResNetSpec(**{name: spec.per_stage[name] for name in NEEDED}) == spec


FORMLESS = ("", "x", "4x", "x64", "4x64-", "-4x64", "4x64 ", "4X64", "s-4x64", "s8", "4x\u0668")
OTHER_SPELLINGS = ("s0-4x64", "s64-4x64", "04x64", "4x064")


@pytest.mark.parametrize("text", [*FORMLESS, *OTHER_SPELLINGS])
def test_what_is_no_id_is_none(text):
    assert ResNetSpec.from_id(text) is None


@pytest.mark.parametrize("text", ["0x64", "4x0", "1001x8", "4x65537", "s65537-4x64", "-".join(["1x8"] * 9)])
def test_an_id_out_of_range_is_refused(text):
    with pytest.raises(UsageError):
        ResNetSpec.from_id(text)
