"""Spaces of several kinds of networks: their members, counts and draws equal brute force over specs."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_specs import specs
from hypothesis import given, settings
from hypothesis import strategies as st
from wide_spaces import networks, wide_spaces

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.exceptions import UsageError
from budgetnas.space.columns import WIDE
from budgetnas.space.feasible import ArchitectureIndex
from budgetnas.space.listing import ListedIndex
from budgetnas.space.parameters import parameters
from budgetnas.space.protocol import is_member, neighbours
from budgetnas.space.resnet import ResNetSpace
from budgetnas.space.streamed import StreamedIndex


def brute_force(space: ResNetSpace) -> dict[str, tuple[int, int]]:
    """Every network of a space by its id, with params and MACs, from specs and layers alone."""
    costs = {name: count(spec, space.shape) for name, spec in networks(space).items()}
    return {name: (cost.params, cost.macs) for name, cost in costs.items()}


@settings(max_examples=25)
@given(wide_spaces(), st.floats(0, 1), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 1)))
def test_members_counts_and_extremes_equal_brute_force(space, one, other, macs_share):
    truth = brute_force(space)
    params = sorted(cost[0] for cost in truth.values())
    macs = sorted(cost[1] for cost in truth.values())
    low, high = sorted((round(one * params[-1]), round(other * params[-1])))
    cap = None if macs_share is None else macs[round(macs_share * (len(macs) - 1))]
    fits = {name: p for name, (p, m) in truth.items() if cap is None or m <= cap}
    inside = {name for name, p in fits.items() if low <= p <= high}
    for kind in (ArchitectureIndex, StreamedIndex, ListedIndex):
        index = kind(space, max_macs=cap)
        assert index.size() == len(truth)
        band = index.band(low, high)
        assert len(band) == len(inside)
        members = band.members()
        assert {space.decode(member.point).id for member in members} == inside
        assert [truth[space.decode(member.point).id] for member in members] == [(m.params, m.macs) for m in members]
        counted = sum(int(below[0]) for below in index.counts(np.array([high])).values())
        assert counted == sum(p <= high for p in fits.values())
        largest = index.largest(high)
        assert (largest.params if largest else None) == max((p for p in fits.values() if p <= high), default=None)


@settings(max_examples=25)
@given(wide_spaces(), st.integers(0, 2**32 - 1))
def test_points_of_the_grid_become_members_and_members_stay_and_are_read_back(space, seed):
    rng = np.random.default_rng(seed)
    points = np.stack([rng.choice(np.asarray(d.values), size=50) for d in space.dimensions], axis=1)
    members = space.canonical(points)
    assert is_member(space, members).all()
    known = set(space.chains())
    for point, stratum in zip(members, space.strata(members).tolist(), strict=True):
        spec = space.decode(point)
        assert (space.encode(spec) == point).all()
        assert space.has_point(spec)
        assert stratum in known
        cost = count(spec, space.shape)
        assert (space.params(point[None])[0], space.macs(point[None])[0]) == (cost.params, cost.macs)
        limits, values = space.ranges.limits(), space.ranges.values(spec)
        assert all(low <= values[name] <= high for name, (low, high) in limits.items())
        assert parameters(spec, is_wide=True).items() <= values.items()
    near = neighbours(space, members[0])
    assert is_member(space, near).all()
    features = space.features(members)
    assert np.isfinite(features).all()


@given(specs(4))
def test_a_network_off_the_grid_has_a_point_or_is_said_to_have_none(spec):
    space = ResNetSpace(kinds=("basic", "bottleneck", "inverted"), kernels=(3, 5))
    point = space.encode(spec)
    assert point.shape == (WIDE,)
    assert space.has_point(spec) == (space.decode(point) == spec)
    if space.has_point(spec):
        cost = count(spec, space.shape)
        assert (space.params(point[None])[0], space.macs(point[None])[0]) == (cost.params, cost.macs)
    assert space.strata(point[None]) < len(space.chains())
    assert is_member(space, neighbours(space, point)).all()


@pytest.mark.parametrize(
    "text", ["n512-3x16", "d-2x16-2x32", "e16-3x16", "3x16k5", "2x16=2x32", "3x16m4", "2x64m16g4-2x128m32g8", "3x16t6"]
)
def test_a_wide_space_holds_what_a_plain_one_does_not(text):
    spec = ResNetSpec.from_id(text)
    assert spec is not None
    assert not ResNetSpace().has_point(spec)
    assert ResNetSpace(kinds=("bottleneck",)).has_point(spec)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"kinds": ()}, "`space.kinds` is [], but must be one or more of basic, bottleneck, inverted, each once."),
        (
            {"kinds": ("dense",)},
            "`space.kinds` is 'dense', but must be basic, bottleneck, inverted, or a kind whose code",
        ),
        ({"kinds": ("a wide one",)}, "`space.kinds` is ['a wide one'], but must be one or more of basic, bottleneck"),
        ({"kernels": (3, 4)}, "`space.kernels` is [3, 4], but must be one or more of the odd numbers from 1 to 31"),
        ({"necks": (0,)}, '`space.necks` is [0], but must be one or more of "none" and the whole numbers from 1 to'),
        ({"stems": ("none",)}, "`space.stems` is ['none'], but must be one or more of \"stage_1\" and the whole"),
        ({"groups": (4,)}, '`space.groups` is [4], but must be one or more of 1, "mid" and "mid/N"'),
        ({"groups": ("mid/1",)}, "`space.groups` is ['mid/1'], but must be"),
        ({"groups": ("mid/04",)}, "`space.groups` is ['mid/04'], but must be"),
        ({"mid_ratios": (0.3,)}, "`space.mid_ratios` is [0.3], but must be one or more of the multiples of 0.125"),
        (
            {"expansions": (0,)},
            "`space.expansions` is [0], but must be one or more of the whole numbers from 1 to 64, each once.",
        ),
        ({"shortcuts": ("max",)}, "`space.shortcuts` is ['max'], but must be one or more of conv, pool, each once."),
        ({"squeeze": (4, 16)}, '`space.squeeze` is [4, 16], but must be "none", one reduction, or both'),
        ({"downsampling": ("=x",)}, "`space.downsampling` is ['=x'], but must be one or more of \"all\""),
        (
            {"downsampling": ("---",), "shape": DataShape(height=8, width=8)},
            "`space.downsampling` has '---', which halves images of 8x8 below 2x2 pixels: write 2 '-' at most.",
        ),
        (
            {"downsampling": ("=",), "stages": (3, 4)},
            "`space.downsampling` is ['='], but no network of 3 to 4 stages has",
        ),
        (
            {"downsampling": ("=",), "stages": (2, 2), "widths": (16, 16)},
            "`space.downsampling` is ['='], but no network",
        ),
        ({"width_grid": "fine"}, '`space.width_grid` is \'fine\', but must be "step", "geometric", or a list'),
        ({"width_grid": (8, 16)}, "`space.width_grid` is [8, 16], but must be widths that rise, within `space.widths`"),
        ({"width_grid": (32, 16)}, "`space.width_grid` is [32, 16], but must be widths that rise"),
        (
            {"width_grid": "geometric", "widths": (17, 19)},
            "`space.width_grid` is 'geometric', but no such width lies within 17 to 19: widen",
        ),
    ],
)
def test_a_key_that_breaks_its_rule_is_refused_in_one_line(keys, message):
    with pytest.raises(UsageError) as refusal:
        ResNetSpace(**keys)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_geometric_grid_has_multiples_of_four_and_four_widths_per_doubling():
    space = ResNetSpace(widths=(8, 256), width_grid="geometric")
    assert space.grid.tolist() == [8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256]


def test_a_wide_space_names_its_strata_and_says_what_it_holds():
    space = ResNetSpace(
        stages=(3, 3), kinds=("basic", "bottleneck"), groups=(1, "mid/4", "mid"), necks=("none", 512), squeeze=(16,)
    )
    assert [space.name_stratum(one) for one in space.chains()][::2] == [
        "3 stages, squeeze 16",
        "3 stages, bottleneck, squeeze 16",
        "3 stages, depthwise bottleneck, squeeze 16",
        "3 stages, bottleneck in groups of 4, squeeze 16",
    ]
    assert space.in_words == (
        "3-3 stages, 1-8 blocks, widths 16-512 by 8, not falling, kinds basic or bottleneck, groups 1 or mid/4 or mid, "
        "squeeze 16, necks none or 512"
    )
    assert ResNetSpace(downsampling=("all_but_one",), stages=(3, 3)).name_stratum(1) == "3 stages (-=)"
