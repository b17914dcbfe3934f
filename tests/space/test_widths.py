"""Networks whose widths are scaled: everything else stays, and their arrays cost what their layers do."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_specs import specs
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from budgetnas.arch.costs import costs_of
from budgetnas.arch.counter import count
from budgetnas.arch.device import PRECISIONS
from budgetnas.arch.rules import MAX_WIDTH
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.budget import Budget
from budgetnas.exceptions import InfeasibleBudgetError
from budgetnas.space.widths import WidthSpace, deeper, fit, narrowest, scaled, wider

SPECS = specs(4)
CHOICES = ("kind", "depth", "expansions", "kernels", "strides", "shortcut", "neck")


def kept(spec):
    """The choices of a network that no width changes."""
    return {name: getattr(spec, name) for name in CHOICES}


def inner_sizes(spec, squeeze):
    """The channels within the squeeze-excitation of the blocks of each stage."""
    return [-(-width // squeeze) for width in spec.widths]


def of(text):
    return ResNetSpec.from_id(text)


@settings(max_examples=60, deadline=None)
@given(SPECS, st.floats(1, 4), st.integers(1, 3))
def test_only_the_sizes_of_a_fitted_network_change_and_one_step_more_is_over_the_cap(spec, factor, step):
    shape = DataShape(height=8, width=8)
    cap = int(factor * max(count(spec, shape).params, count(narrowest(spec, step), shape).params))
    found = fit(spec, shape, Budget(max_params=cap), step=step)
    assume(found.depth == spec.depth)  # stages whose widths meet may be one
    assert (kept(found), found.blocks) == (kept(spec), spec.blocks)
    assert found == scaled(spec, found.widths)
    assert count(found, shape).params <= cap
    steps = wider(spec, found, step)
    assert len(steps) == found.depth
    assert all(count(one, shape).params > cap for one in steps)
    assert all(kept(one) == kept(spec) for one in steps if one.depth == spec.depth)


def test_stages_whose_widths_meet_grow_as_the_one_that_they_are():
    spec, shape = ResNetSpec.from_id("1x1=1x2"), DataShape(height=8, width=8)
    found = fit(spec, shape, Budget(max_params=count(narrowest(spec), shape).params))
    assert found.id == "2x1"
    assert [one.id for one in wider(spec, found, 1)] == ["2x2"]
    assert {stage: one.id for stage, one in deeper(spec, found).items()} == {1: "3x1"}


@settings(max_examples=30, deadline=None)
@given(SPECS, st.floats(1, 4), st.sampled_from(PRECISIONS))
def test_a_network_fitted_to_bytes_and_memory_fills_one_of_them(spec, factor, weights):
    shape = DataShape(height=8, width=8)
    size, least = (costs_of(one, shape, weights) for one in (spec, narrowest(spec)))
    budget = Budget(
        max_bytes=int(factor * max(size.bytes, least.bytes)),
        max_memory=int(factor * max(size.memory, least.memory)),
        weights=weights,
    )
    found = fit(spec, shape, budget)
    assert budget.fits(costs_of(found, shape, weights))
    assert not any(budget.fits(costs_of(one, shape, weights)) for one in wider(spec, found, 1))
    assume(found.depth == spec.depth)  # stages whose widths meet may be one
    space = WidthSpace(given=spec, widths=range(1, 400), shape=shape)
    points = np.array([spec.widths, found.widths])
    for point, bytes_, memory in zip(points, space.bytes(points, weights), space.memory(points, weights), strict=True):
        true = costs_of(space.decode(point), shape, weights)
        assert (bytes_, memory) == (true.bytes, true.memory)


@pytest.mark.parametrize(
    ("caps", "said"),
    [
        (
            {"max_bytes": 600},
            r"`max_bytes` is 600 bytes, but with blocks 2,2 the narrowest .* for the file",
        ),
        ({"max_memory": 64}, r"`max_memory` is 64 bytes, but with blocks 2,2 the narrowest network has .* of memory"),
    ],
)
def test_a_cap_on_bytes_or_memory_below_the_narrowest_network_is_an_error(caps, said):
    with pytest.raises(InfeasibleBudgetError, match=said):
        fit(of("2x16-2x32"), DataShape(), Budget(**caps))


@settings(deadline=None)
@given(SPECS, st.lists(st.integers(1, 99), min_size=4, max_size=4))
def test_sizes_follow_the_widths(spec, widths):
    assert scaled(spec, spec.widths) == spec
    found = scaled(spec, tuple(widths[: spec.depth]))
    assume(found.depth == spec.depth)  # stages whose widths meet may be one
    stem = spec.stem_width * found.widths[0] / spec.widths[0]
    assert found.stem_width == 1 or abs(found.stem_width - stem) <= 0.5
    each = zip(spec.mids, found.mids, spec.groups, spec.widths, found.widths, strict=False)
    channels = {mid // groups for mid, groups in zip(spec.mids, spec.groups, strict=True)}
    keeps_channels = len(channels) == 1 and any(groups > 1 for groups in spec.groups)
    for mid, new_mid, groups, width, new_width in each:
        unit = mid // groups if keeps_channels else groups
        assert new_mid % unit == 0
        assert new_mid == unit or abs(new_mid - mid * new_width / width) <= unit / 2
    if spec.squeeze is not None and spec.kind != "inverted":
        assert inner_sizes(found, found.squeeze) == inner_sizes(found, spec.squeeze)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("s64-3x256m512g8-3x512m1024g8", "s16-3x64m128g8-3x128m256g8"),  # ResNeXt-29 8x64d keeps its cardinality
        ("2x64m16g4-2x128m32g8", "2x64m16g4-2x128m32g8"),
        ("2x32m8g2-2x64m16g4", "2x64m16g4-2x128m32g8"),  # groups of 4 channels stay that
        ("2x32m16g16-2x64m16g16", "2x64m32g32-2x128m32g32"),  # depthwise stays depthwise
        ("2x32m16-2x64m16", "2x64m32-2x128m32"),
        ("2x32m2-2x64m3", "2x64m4-2x128m6"),
        ("2x10m3-2x64m4g2", "2x64m19-2x128m8g2"),  # not all groups are equally wide
        ("s8-n12-e4-2x16k5-2x32", "s32-n12-e4-2x64k5-2x128"),
        ("2x16t1=2x32t6", "2x64t1=2x128t6"),
    ],
)
def test_what_a_network_becomes_at_widths_64_and_128(given, found):
    assert scaled(of(given), (64, 128)) == of(found)


def test_middle_channels_end_where_a_spec_ends():
    assert scaled(of("1x1m60000"), (2,)).mids == (MAX_WIDTH,)
    assert scaled(of("1x1m60000g60000-1x1m2"), (2, 2)).mids == (60_000, 4)


@settings(deadline=None)
@given(SPECS)
def test_a_deeper_network_has_one_more_block_in_the_stage_that_it_is_named_by(spec):
    for stage, found in deeper(spec, spec).items():
        assert (kept(found), found.widths, found.mids) == (kept(spec), spec.widths, spec.mids)
        assert [after - before for before, after in zip(spec.blocks, found.blocks, strict=True)] == [
            int(i == stage - 1) for i in range(spec.depth)
        ]
    assert len(deeper(spec, spec)) == spec.depth


def test_squeeze_excitation_is_that_of_the_given_network_also_where_its_least_reduction_fell():
    given, found = of("e16-1x16"), scaled(of("e16-1x16"), (17,))
    assert found.squeeze == 9
    assert wider(given, found, 16)[0] == of("e11-1x33") == scaled(given, (33,))
    assert deeper(given, found)[1] == of("e9-2x17")


@pytest.mark.parametrize(("text", "hint"), [("2x64", "take away blocks"), ("n512-2x64", "the neck or blocks")])
def test_a_cap_below_the_narrowest_network_is_an_error(text, hint):
    least = count(narrowest(of(text)), DataShape()).params
    assert fit(of(text), DataShape(), Budget(max_params=least)) == narrowest(of(text))
    with pytest.raises(InfeasibleBudgetError, match=rf"the narrowest network has {least:,} parameters: .*{hint}"):
        fit(of(text), DataShape(), Budget(max_params=least - 1))


@settings(deadline=None)
@given(SPECS, st.lists(st.integers(1, 40), min_size=4, max_size=4))
def test_points_cost_what_their_networks_do(spec, widths):
    space = WidthSpace(given=spec, widths=range(1, 41), shape=DataShape())
    points = np.array([spec.widths, widths[: spec.depth]])
    costs = [count(space.decode(point), DataShape()) for point in points]
    assert space.params(points).tolist() == [cost.params for cost in costs]
    assert space.macs(points).tolist() == [cost.macs for cost in costs]
