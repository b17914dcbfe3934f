"""Networks whose widths are scaled: everything else stays, and their arrays cost what their layers do."""

from __future__ import annotations

import numpy as np
from drawn_specs import specs
from hypothesis import given, settings
from hypothesis import strategies as st

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape
from budgetnas.budget import Budget
from budgetnas.space.widths import WidthSpace, deeper, fit, wider

SPECS = specs(4, stem_width=st.just(0))
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


@given(SPECS)
def test_points_cost_what_their_networks_do(spec):
    space = WidthSpace(blocks=spec.blocks, widths=range(1, 41), shape=DataShape())
    points = np.array([spec.widths])
    cost = count(space.decode(points[0]), DataShape())
    assert (space.params(points)[0], space.macs(points)[0]) == (cost.params, cost.macs)
