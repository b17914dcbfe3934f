"""What the space of residual networks says of itself."""

from __future__ import annotations

import pytest
from drawn_specs import specs
from hypothesis import given

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.space.resnet import ResNetSpace


@given(specs(6))
def test_the_networks_that_a_search_knows_are_those_that_are_read_back_from_their_point(spec):
    space = ResNetSpace()
    is_plain = spec == ResNetSpec(blocks=spec.blocks, widths=spec.widths)
    assert space.has_point(spec) == (spec.depth <= 4 and is_plain)
    if space.has_point(spec):
        assert space.decode(space.encode(spec)) == spec


@pytest.mark.parametrize(
    "text",
    ["s8-3x16", "n8-3x16", "d-2x16-2x32", "e16-3x16", "3x16k5", "2x16=2x32", "3x16m4", "3x16t6", "1x8-1x8-1x8-1x8-1x8"],
)
def test_a_search_knows_networks_of_blocks_and_widths_alone(text):
    spec = ResNetSpec.from_id(text)
    assert ResNetSpace().has_point(ResNetSpec(blocks=spec.blocks[:4], widths=spec.widths[:4]))
    assert not ResNetSpace().has_point(spec)


def test_a_space_says_what_it_holds_and_not_what_the_images_leave_no_room_for():
    space = ResNetSpace(blocks=(2, 3), widths=(16, 64), monotone=False, shape=DataShape(height=8, width=8))
    assert space.in_words == "1-3 stages, 2-3 blocks, widths 16-64 by 8"
    assert space.to_json() == {
        "stages": [1, 3],
        "blocks": [2, 3],
        "widths": [16, 64],
        "width_step": 8,
        "monotone": False,
    }
    assert [space.name_stratum(stratum) for stratum in space.chains()] == ["1 stage", "2 stages", "3 stages"]


def test_every_parameter_that_a_space_proposes_lies_in_its_ranges():
    space = ResNetSpace(stages=(2, 3), widths=(16, 64))
    limits = space.ranges.limits()
    for dimension in space.dimensions:
        low, high = limits.get(dimension.name, (dimension.values[0], dimension.values[0]))  # a stage that it never has
        assert (low, high) == (min(low, dimension.values[0]), max(high, dimension.values[-1]))
