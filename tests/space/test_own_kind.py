"""A space with a kind of blocks of a person's own, beside basic ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from own_blocks import Separable, given, nothing_given

from budgetnas.arch.counter import count
from budgetnas.arch.kinds import recorded
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.exceptions import UsageError
from budgetnas.space.feasible import ArchitectureIndex
from budgetnas.space.listing import ListedIndex
from budgetnas.space.parameters import parameters
from budgetnas.space.protocol import is_member, neighbours
from budgetnas.space.resnet import ResNetSpace


@pytest.fixture(autouse=True)
def code():
    with given():
        yield


@pytest.fixture
def space():
    return ResNetSpace(
        stages=(1, 2),
        blocks=(1, 2),
        widths=(5, 8),
        width_step=3,
        kinds=("separable", "basic"),
        kernels=(3, 5),
        squeeze=(4,),
        shortcuts=("conv", "pool"),
        downsampling=("all", "all_but_one"),
        shape=DataShape(height=9, width=7),
    )


def separable_networks(space):
    found = []
    for stages, stride in ((1, 2), (2, 1), (2, 2)):
        each = product(product((1, 2), repeat=stages), product((5, 8), repeat=stages), product((3, 5), repeat=stages))
        for blocks, widths, kernels in each:
            if list(widths) == sorted(widths) and (stride == 2 or len(set(widths)) == stages):
                strides = (1, stride)[:stages]
                found.append(
                    ResNetSpec(blocks=blocks, widths=widths, kernels=kernels, strides=strides, kind="separable")
                )
    return {spec.id: count(spec, space.shape) for spec in found}


def test_its_members_are_those_of_each_kind_with_the_costs_of_their_layers(space):
    basic = ListedIndex(replace(space, kinds=("basic",)), max_macs=None).band(0, 10**9).members()
    own = separable_networks(space)
    for index in (ArchitectureIndex(space, max_macs=None), ListedIndex(space, max_macs=None)):
        members = {space.decode(member.point).id: member for member in index.band(0, 10**9).members()}
        assert len(members) == index.size() == len(basic) + len(own)
        for name, cost in own.items():
            assert (members[name].params, members[name].macs) == (cost.params, cost.macs)
    names = [space.name_stratum(stratum) for stratum in space.chains()]
    assert names[:2] == ["1 stage, squeeze 4", "1 stage, separable"]


def test_points_of_the_grid_become_members_and_are_read_back(space):
    rng = np.random.default_rng(0)
    points = np.stack([rng.choice(np.asarray(one.values), size=200) for one in space.dimensions], axis=1)
    members = space.canonical(points)
    assert is_member(space, members).all()
    assert is_member(space, neighbours(space, members[0])).all()
    kinds = set()
    for point in members:
        spec = space.decode(point)
        kinds.add((spec.kind, spec.squeeze is None, spec.shortcut))
        assert (space.encode(spec) == point).all()
        assert space.has_point(spec)
    assert ("separable", True, "conv") in kinds
    assert kinds - {("separable", True, "conv")} == {("basic", False, "conv"), ("basic", False, "pool")}
    assert np.isfinite(space.features(members)).all()


def test_the_kind_is_a_parameter_that_networks_of_other_kinds_have_at_0(space):
    basic, own = (ResNetSpec(blocks=(1,), widths=(8,), kind=kind) for kind in ("basic", "separable"))
    assert space.ranges.limits()["kind_separable"] == (0, 1)
    for kinds in (space.kinds, ("separable",)):
        ranges = replace(space, kinds=kinds).ranges.cover(basic)
        assert [ranges.values(spec)["kind_separable"] for spec in (basic, own)] == [0, 1]
    assert "kind_separable" not in parameters(basic, is_wide=True)


def test_a_network_of_a_kind_that_the_space_has_not_has_no_point(space):
    assert not space.has_point(ResNetSpec(blocks=(1,), widths=(8,), kind="other"))
    assert not ResNetSpace().has_point(ResNetSpec(blocks=(1,), widths=(16,), kind="separable"))


def test_features_of_recorded_networks_need_no_code(space):
    own = [space.decode(member.point) for member in ListedIndex(space, max_macs=None).band(0, 10**9).members()][::7]
    points = np.array([space.encode(spec) for spec in own])
    expected = space.features(points)
    with nothing_given(), recorded(space.kinds, own):
        assert (replace(space).features(points) == expected).all()
    with nothing_given(), pytest.raises(UsageError, match="is 'separable', but must be"):
        replace(space)


def test_features_of_a_recorded_network_ask_for_no_block_that_it_has_not(space):
    spec = ResNetSpec(blocks=(2,), widths=(8,), kernels=(5,), stem_width=8, kind="separable")
    expected = space.features(space.encode(spec)[None])
    with nothing_given(), recorded(space.kinds, [spec]):
        assert (replace(space).features(space.encode(spec)[None]) == expected).all()


def test_a_space_is_refused_for_which_the_cost_is_wrong():
    class Odd(Separable):
        def cost(self, stages):
            params, macs = Separable.cost(self, stages)
            return params, macs + (stages.width == 23)

    with given(Odd()):
        ResNetSpace(kinds=("separable",), widths=(8, 24))
        with pytest.raises(UsageError, match="for 1 block of 23 channels"):
            ResNetSpace(kinds=("separable",), widths=(8, 24), width_step=5)
