from __future__ import annotations

import json
from dataclasses import replace

import pytest
from drawn_specs import specs
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.arch.kinds import KINDS
from budgetnas.arch.resnet import lower, sections
from budgetnas.arch.spec import FIELDS, NEEDED, OPTIONS, PER_STAGE, DataShape, ResNetSpec
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


@given(specs(8, blocks=st.integers(1, 125), widths=st.integers(1, 65_536), stem_width=st.integers(0, 65_536)))
def test_an_id_and_json_are_read_back(spec):
    assert ResNetSpec.from_id(spec.id) == spec
    assert ResNetSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_the_first_stages_of_a_network_keep_its_stem():
    spec = ResNetSpec(blocks=(4, 5, 3), widths=(64, 128, 250), stem_width=16)
    assert spec.first(2).id == "s16-4x64-5x128"
    assert spec.first(9) == spec
    assert (spec.depth, spec.first(1).depth) == (3, 1)


def test_every_option_can_be_typed_and_fields_with_a_value_per_stage_are_shown_beside_the_id():
    spec = ResNetSpec(blocks=(4, 5), widths=(64, 128))
    assert OPTIONS == FIELDS
    assert all(one.metadata["metavar"] and one.metadata["help"] for one in OPTIONS.values())
    assert set(NEEDED) <= set(spec.per_stage) <= set(PER_STAGE)
    assert {name: list(values) for name, values in spec.per_stage.items()}.items() <= spec.to_json().items()
    assert ResNetSpec(**{name: spec.per_stage[name] for name in NEEDED}) == spec


@pytest.mark.parametrize(
    ("fields", "identity"),
    [
        ({"kind": "bottleneck"}, "2x64m16-3x96m24"),
        ({"kind": "bottleneck", "mids": (64, 64), "groups": (4, 1)}, "2x64m64g4-3x96m64"),
        ({"kind": "inverted"}, "2x64t6-3x96t6"),
        ({"kind": "inverted", "expansions": (1, 4), "kernels": (5, 3)}, "2x64t1k5-3x96t4"),
        ({"strides": (1, 1)}, "2x64=3x96"),
        ({"stem_width": 32, "neck": 512, "shortcut": "pool", "squeeze": 16}, "s32-n512-d-e16-2x64-3x96"),
    ],
)
def test_what_differs_from_the_defaults_is_in_the_id_and_in_json_and_nothing_else(fields, identity):
    spec = ResNetSpec(blocks=(2, 3), widths=(64, 96), **fields)
    assert spec.id == str(spec) == identity
    assert ResNetSpec.from_id(identity) == spec
    defaults = spec.to_json().keys() - fields.keys() - {"blocks", "widths", "stem_width"}
    assert not defaults
    assert {
        name: list(v) if isinstance(v, tuple) else v for name, v in fields.items()
    }.items() <= spec.to_json().items()
    shown = {name for name, value in fields.items() if isinstance(value, tuple)}
    assert spec.per_stage.keys() == {"blocks", "widths"} | shown
    assert repr(spec) == repr(
        ResNetSpec(**{n: tuple(v) if isinstance(v, list) else v for n, v in spec.to_json().items()})
    )


@given(specs(6), specs(6))
def test_two_networks_have_two_ids_and_no_network_has_two(one, other):
    assert (one == other) == (one.id == other.id) == (one.to_json() == other.to_json())


@pytest.mark.parametrize(
    ("fields", "identity"),
    [
        ({"shortcut": "pool"}, "2x16"),  # no stage halves the image
        ({"shortcut": "pool", "kind": "inverted"}, "2x16t6"),  # inverted blocks have no shortcut that projects
        ({"stem_width": 16, "kernels": (3,), "strides": (1,)}, "2x16"),
        ({"kind": "bottleneck", "mids": (4,), "groups": (1,)}, "2x16m4"),
        ({"kind": "inverted", "expansions": (6,)}, "2x16t6"),
    ],
)
def test_what_a_field_does_not_change_is_not_in_the_name(fields, identity):
    spec = ResNetSpec(blocks=(2,), widths=(16,), **fields)
    assert (spec.id, ResNetSpec.from_id(identity)) == (identity, spec)


@given(specs(6), st.integers(1, 7))
def test_the_first_stages_keep_all_that_is_theirs(spec, stages):
    first = spec.first(stages)
    assert first.depth == min(stages, spec.depth)
    assert all(values[:stages] == getattr(first, name) for name, values in fields_per_stage(spec).items())
    assert (first.kind, first.stem_width, first.neck) == (spec.kind, spec.stem_width, spec.neck)
    for one, whole in zip(sections(first, DataShape())[:-1], sections(spec, DataShape()), strict=False):
        assert one == whole, "squeeze-excitation too, whatever reduction names it"


@given(specs(4), st.integers(1, 40))
def test_one_network_has_one_id_whatever_reduction_names_it(spec, other):
    again = replace(spec, squeeze=other)
    assert (lower(again, DataShape()) == lower(spec, DataShape())) == (again.id == spec.id)


def fields_per_stage(spec):
    return {name: value for name in FIELDS if isinstance(value := getattr(spec, name), tuple)}


BASIC, BOTTLENECK, INVERTED = ({"kind": kind} for kind in KINDS)
RULES = [
    (BASIC | {"kind": "a wide one"}, "`kind` is 'a wide one', but must be basic or bottleneck or inverted."),
    (BASIC | {"shortcut": "zero"}, "`shortcut` is 'zero', but must be conv or pool."),
    (BASIC | {"mids": (4, 4)}, "`mids` has 2 values, but must have none for 2 stages of basic blocks."),
    (BASIC | {"groups": (4, 4)}, "`groups` has 2 values, but must have none for 2 stages of basic blocks."),
    (INVERTED | {"groups": (4, 4)}, "`groups` has 2 values, but must have none for 2 stages of inverted blocks."),
    (BOTTLENECK | {"expansions": (6, 6)}, "`expansions` has 2 values, but must have none for 2 stages of bottleneck"),
    (BOTTLENECK | {"mids": (4,)}, "`mids` has 1 value, but must have 2 for 2 stages of bottleneck blocks."),
    (BASIC | {"kernels": (3, 3, 3)}, "`kernels` has 3 values, but must have 2 for 2 stages of basic blocks."),
    (BOTTLENECK | {"groups": (2, 3)}, "`groups` holds 3, but must divide the 8 channels of the middle convolution."),
    (BOTTLENECK | {"groups": (2, 16)}, "`groups` holds 16, but must divide the 8 channels of the middle convolution."),
    (BOTTLENECK | {"mids": (4, 0)}, "`mids` holds 0, but must be a whole number from 1 to 65,536."),
    (INVERTED | {"expansions": (6, 65)}, "`expansions` holds 65, but must be a whole number from 1 to 64."),
    (BASIC | {"kernels": (3, 4)}, "`kernels` holds 4, but must be odd, like 3 or 5."),
    (BASIC | {"kernels": (3, 33)}, "`kernels` holds 33, but must be a whole number from 1 to 31."),
    (BASIC | {"strides": (1, 3)}, "`strides` holds 3, but must be a whole number from 1 to 2."),
    (BASIC | {"strides": (2, 2)}, "`strides` holds 2, but must be 1."),
    (BASIC | {"neck": 0}, "`neck` holds 0, but must be a whole number from 1 to 65,536."),
    (BASIC | {"neck": True}, "`neck` holds True, but must be a whole number from 1 to 65,536."),
    (BASIC | {"squeeze": 0}, "`squeeze` holds 0, but must be a whole number from 1 to 65,536."),
]


@pytest.mark.parametrize(("fields", "line"), RULES)
def test_a_value_that_breaks_its_rule_is_refused_by_name_and_rule(fields, line):
    with pytest.raises(UsageError) as refused:
        ResNetSpec(blocks=(1, 1), widths=(16, 32), **fields)
    assert str(refused.value).startswith(line)


NEWER = ("q2-3x16", "3x16q2", "4x64+5x128")  # perhaps of a grammar that comes later
DISORDERED = ("e16-n8-4x64", "d-s8-4x64", "4x64g4m16", "4x64k5m16", "=4x64", "4x64=")
FORMLESS = ("", "x", "4x", "x64", "4x64-", "-4x64", "4x64 ", "4X64", "s-4x64", "s8", "4x\u0668", *NEWER, *DISORDERED)
OTHER_SPELLINGS = ("s0-4x64", "s64-4x64", "04x64", "4x064", "4x64k3", "4x64m16g1", "d-4x64", "d-4x64t6-4x64t6")


@pytest.mark.parametrize("text", [*FORMLESS, *OTHER_SPELLINGS, "4x64m16-4x64"])
def test_what_is_no_id_is_none(text):
    assert ResNetSpec.from_id(text) is None


BAD_IDS = ("n0-4x64", "e0-4x64", "4x64k4", "4x64m6g4", "4x64g2", "4x64m16t6", "4x64t65")


@pytest.mark.parametrize("text", ["0x64", "4x0", "1001x8", "4x65537", "s65537-4x64", "-".join(["1x8"] * 9), *BAD_IDS])
def test_an_id_out_of_range_is_refused(text):
    with pytest.raises(UsageError):
        ResNetSpec.from_id(text)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (ResNetSpec(blocks=(2, 3, 1), widths=(32, 32, 64), strides=(1, 1, 2)), "5x32-1x64"),
        (ResNetSpec(blocks=(2, 3), widths=(32, 32), strides=(1, 1), kernels=(3, 5)), "2x32=3x32k5"),
        (ResNetSpec(blocks=(2, 3), widths=(32, 40), strides=(1, 1)), "2x32=3x40"),
        (
            ResNetSpec(kind="bottleneck", blocks=(1,) * 3, widths=(32,) * 3, mids=(8, 8, 4), strides=(1,) * 3),
            "2x32m8=1x32m4",
        ),
        (ResNetSpec(kind="inverted", blocks=(1, 1), widths=(16, 16), expansions=(4, 4), strides=(1, 1)), "2x16t4"),
    ],
)  # fmt: skip
def test_stages_that_are_one_have_one_name_and_one_count(spec, name):
    assert spec.id == name
    assert ResNetSpec.from_id(name) == spec


def test_merged_stages_have_no_more_blocks_than_one_may_have():
    with pytest.raises(UsageError, match="`blocks` holds 1200, but must be a whole number from 1 to 1,000"):
        ResNetSpec(blocks=(600, 600), widths=(8, 8), strides=(1, 1))
