"""Networks whose widths are scaled: everything else stays, and their arrays cost what their layers do."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_specs import basic_specs
from hypothesis import given, settings
from hypothesis import strategies as st

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.budget import Budget
from budgetnas.exceptions import UsageError
from budgetnas.space.widths import WidthSpace, deeper, fit, wider

SPECS = basic_specs(4, stem_width=st.just(0))
FREE = {"widths", "stem_width"}  # the stem is as wide as stage 1


def numbers(spec, *, without):
    return {name: value for name, value in spec.to_json().items() if name not in without}


@settings(max_examples=20)
@given(SPECS)
def test_only_the_widths_of_a_fitted_network_change_and_one_step_more_is_over_the_cap(spec):
    shape, cap = DataShape(), 2 * count(spec, DataShape()).params
    found = fit(spec, shape, Budget(max_params=cap))
    assert numbers(found, without=FREE) == numbers(spec, without=FREE)
    assert count(found, shape).params <= cap
    steps = wider(found, 1)
    assert len(steps) == found.depth
    assert all(count(step, shape).params > cap for step in steps)
    assert all(numbers(step, without=FREE) == numbers(spec, without=FREE) for step in steps)


@given(SPECS)
def test_a_deeper_network_has_one_more_block_in_the_stage_that_it_is_named_by(spec):
    for stage, found in deeper(spec).items():
        assert numbers(found, without={"blocks"}) == numbers(spec, without={"blocks"})
        assert [after - before for before, after in zip(spec.blocks, found.blocks, strict=True)] == [
            int(i == stage - 1) for i in range(spec.depth)
        ]
    assert len(deeper(spec)) == spec.depth


OF_MORE = ("e16-3x16", "n8-3x16", "3x16k5", "d-2x16-2x32", "2x16=2x32", "3x64m16", "3x64m16g4", "3x16t6", "s8-3x64m16")


@pytest.mark.parametrize("text", OF_MORE)
def test_a_network_of_more_than_blocks_and_widths_is_not_scaled(text):
    with pytest.raises(UsageError, match=f"`{text}` has more than blocks and widths, but only networks of these"):
        fit(ResNetSpec.from_id(text), DataShape(), Budget(max_params=10**6))


@given(SPECS)
def test_points_cost_what_their_networks_do(spec):
    space = WidthSpace(blocks=spec.blocks, widths=range(1, 41), shape=DataShape())
    points = np.array([spec.widths])
    cost = count(space.decode(points[0]), DataShape())
    assert (space.params(points)[0], space.macs(points)[0]) == (cost.params, cost.macs)
