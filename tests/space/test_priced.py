"""Members, counts, extremes and draws under caps on bytes and memory equal brute force over the layers of specs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from own_blocks import given as code_given
from scipy import stats
from wide_spaces import networks, wide_spaces

from budgetnas.arch.counter import count
from budgetnas.arch.device import PRECISIONS, file_bytes
from budgetnas.arch.peak_memory import peak_memory
from budgetnas.arch.resnet import lower
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.budget import Budget, write_cost
from budgetnas.exceptions import InfeasibleBudgetError, UsageError
from budgetnas.space import band as band_module
from budgetnas.space import sampled
from budgetnas.space.atlas import make_atlas
from budgetnas.space.band import answers_of, choose_band, fitting, largest_fitting, make_index, over_memory
from budgetnas.space.members import Members
from budgetnas.space.protocol import Space
from budgetnas.space.repair import repair
from budgetnas.space.resnet import ResNetSpace


@dataclass(frozen=True)
class Network:
    params: int
    macs: int
    bytes: int
    memory: int


def costs(spec: ResNetSpec, shape: DataShape, weights: str) -> Network:
    """Count a network layer by layer."""
    layers, cost = lower(spec, shape), count(spec, shape)
    return Network(
        params=cost.params,
        macs=cost.macs,
        bytes=file_bytes(layers, weights),
        memory=peak_memory(layers, shape, weights),
    )


@st.composite
def budgets(draw: st.DrawFn, truth: dict[str, Network], weights: str) -> Budget:
    """Draw caps that some of the networks just meet, on at least one cost."""
    names = draw(st.sets(st.sampled_from(("params", "macs", "bytes", "memory")), min_size=1))
    caps = {}
    for name in names:
        values = sorted(getattr(one, name) for one in truth.values())
        caps[f"max_{name}"] = values[int(draw(st.floats(0.3, 1)) * (len(values) - 1))]
    return Budget(**caps, weights=weights)


def described(members: Members, space: ResNetSpace) -> Iterator[tuple[str, dict[str, int]]]:
    for member in members:
        known = {name: getattr(member, name) for name in ("params", "macs", "bytes", "memory")}
        yield space.decode(member.point).id, {name: value for name, value in known.items() if value is not None}


@settings(max_examples=30)
@given(st.data())
def test_members_counts_and_extremes_equal_brute_force(data):
    space, weights = data.draw(wide_spaces()), data.draw(st.sampled_from(PRECISIONS))
    truth = {name: costs(spec, space.shape, weights) for name, spec in networks(space).items()}
    budget = data.draw(budgets(truth, weights))
    fits = {name: one for name, one in truth.items() if budget.fits(one)}
    if not fits:
        with pytest.raises(InfeasibleBudgetError):
            largest_fitting(make_index(space, budget=budget), budget)
        return
    index = make_index(space, budget=budget)
    cost = index.cost
    assert index.is_exact
    assert index.size() == len(truth)
    assert fitting(index, budget) == len(fits)
    assert getattr(largest_fitting(index, budget), cost) == max(getattr(one, cost) for one in fits.values())
    low, high = sorted(
        getattr(truth[name], cost) for name in data.draw(st.tuples(*[st.sampled_from(sorted(fits))] * 2))
    )
    inside = {name: one for name, one in fits.items() if low <= getattr(one, cost) <= high}
    band = index.band(low, high)
    assert (band.cost, band.low, band.high, len(band)) == (cost, low, high, len(inside))
    found = dict(described(band.members(), space))
    assert found.keys() == inside.keys()
    for name, known in found.items():
        assert known == {word: getattr(truth[name], word) for word in known}
    most = index.most_macs(low, high)
    assert (most.macs, space.decode(most.point).id in inside) == (max(one.macs for one in inside.values()), True)
    drawn = dict(described(band.draw(20, rng=np.random.default_rng(0)), space))
    assert drawn.keys() <= inside.keys()
    assert band.budget.mask(band.members()).all()
    others = {name: one for name, one in truth.items() if one.memory > (budget.max_memory or one.memory)}
    rest = [cap for cap in budget.caps() if cap != "memory"]
    over = sum(all(getattr(one, cap) <= budget.caps()[cap] for cap in rest) for one in others.values())
    assert over_memory(index, budget) == over


SPACE = ResNetSpace(
    stages=(1, 3),
    blocks=(1, 2),
    widths=(4, 12),
    width_step=4,
    monotone=False,
    kinds=("basic", "bottleneck"),
    mid_ratios=(0.25,),
    shortcuts=("conv", "pool"),
    shape=DataShape(height=8, width=8),
)
SPECS = networks(SPACE)
TRUTH = {name: costs(spec, SPACE.shape, "int8") for name, spec in SPECS.items()}


def at(name: str, share: float) -> int:
    """The cost that a share of the networks do not exceed."""
    return int(np.quantile([getattr(one, name) for one in TRUTH.values()], share))


def ids(members: Members) -> list[str]:
    return [SPACE.decode(member.point).id for member in members]


def test_shortcuts_of_other_bytes_are_told_apart():
    budget = Budget(max_bytes=at("bytes", 0.5), max_memory=at("memory", 0.5), weights="int8")
    index = make_index(SPACE, budget=budget)
    fits = {name for name, one in TRUTH.items() if budget.fits(one)}
    pooled = {name: replace(spec, shortcut="conv").id for name, spec in SPECS.items() if spec.shortcut == "pool"}
    assert any(name not in fits and other in fits for name, other in pooled.items())
    assert set(ids(index.band(0, budget.max_bytes).members())) == fits


THREE = Budget(
    max_params=at("params", 0.6), max_macs=at("macs", 0.6), max_bytes=at("bytes", 0.6), max_memory=2_000,
    weights="int8",
)  # fmt: skip


def fitting_names(budget: Budget) -> set[str]:
    return {name for name, one in TRUTH.items() if budget.fits(one)}


def test_three_caps_that_all_exclude_networks_are_exact_in_a_list():
    for name in ("max_params", "max_macs", "max_bytes"):
        assert len(fitting_names(replace(THREE, **{name: None}))) > len(fitting_names(THREE))
    index = make_index(SPACE, budget=THREE)
    assert (index.is_exact, fitting(index, THREE)) == (True, len(fitting_names(THREE)))
    assert set(ids(choose_band(index, THREE, min_utilisation=0, wanted=1).members())) == fitting_names(THREE)


@pytest.mark.parametrize("largest", [10**7, 1], ids=["sorted", "streamed"])
def test_three_caps_of_many_networks_are_estimates_with_margins(monkeypatch, largest):
    monkeypatch.setattr(band_module, "LISTED", 10)
    monkeypatch.setattr(band_module, "DRAWN", 4_000)
    monkeypatch.setattr(band_module, "LARGEST", largest)
    fits = fitting_names(THREE)
    index = make_index(SPACE, budget=THREE)
    assert not index.is_exact
    counts = {stratum: int(found[0]) for stratum, found in index.counts(np.array([THREE.band_cap])).items()}
    margin = sum(index.margin(number, stratum) ** 2 for stratum, number in counts.items()) ** 0.5
    assert abs(sum(counts.values()) - len(fits)) <= 2 * margin < len(fits)
    found = largest_fitting(index, THREE)
    assert getattr(found, index.cost) == max(getattr(TRUTH[name], index.cost) for name in fits)
    band = choose_band(index, THREE, min_utilisation=0.0, wanted=1)
    drawn = set(ids(band.draw(1_000, rng=np.random.default_rng(0), stratified=False)))
    assert drawn <= fits
    assert len(drawn) > 0.7 * len(fits)


@pytest.mark.parametrize("caps", [("max_bytes", "max_memory"), ("max_bytes", "max_params", "max_macs", "max_memory")])
def test_a_space_too_large_to_sort_is_sampled_from_networks_that_fit(monkeypatch, caps):
    for name, number in (("LARGEST", 1), ("STREAMED", 1), ("LISTED", 1), ("DRAWN", 4_000)):
        monkeypatch.setattr(band_module, name, number)
    monkeypatch.setattr(sampled, "SURVEY", 4_000)
    budget = Budget(**{cap: getattr(THREE, cap) for cap in caps}, weights="int8")
    index = make_index(SPACE, budget=budget)
    assert not index.is_exact
    assert abs(fitting(index, budget) - len(fitting_names(budget))) < 0.1 * len(fitting_names(budget))
    band = choose_band(index, budget, min_utilisation=0.8, wanted=1)
    assert set(ids(band.draw(50, rng=np.random.default_rng(0)))) <= fitting_names(budget)


BOTH = Budget(max_bytes=at("bytes", 0.5), max_memory=2_000, max_macs=at("macs", 0.6), weights="int8")


def test_draws_are_uniform():
    band = make_index(SPACE, budget=BOTH).band(0, BOTH.max_bytes)
    drawn = band.draw(20_000, rng=np.random.default_rng(1), stratified=False)
    points, counts = np.unique(drawn.points, axis=0, return_counts=True)
    assert {SPACE.decode(point).id for point in points} == fitting_names(BOTH)
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_streamed_index_finds_the_same_and_its_answers_are_read_back(monkeypatch):
    exact = make_index(SPACE, budget=BOTH)
    monkeypatch.setattr(band_module, "LARGEST", 1)
    passes: list[int] = []
    index = make_index(SPACE, budget=BOTH, progress=lambda done, of: passes.append(done))
    assert "one stratum at a time" in index.method
    for found in (index, exact):
        assert set(ids(choose_band(found, BOTH, min_utilisation=0, wanted=1).members())) == fitting_names(BOTH)
    assert largest_fitting(index, BOTH).bytes == largest_fitting(exact, BOTH).bytes
    assert index.smallest().bytes == exact.smallest().bytes
    state = answers_of(index)
    asked = len(passes)
    again = make_index(SPACE, budget=BOTH, progress=lambda done, of: passes.append(done), stored=lambda: state)
    assert len(choose_band(again, BOTH, min_utilisation=0, wanted=1)) == len(fitting_names(BOTH))
    assert (len(passes), answers_of(again)) == (asked, None)
    for other in (
        replace(BOTH, max_memory=BOTH.max_memory - 40),
        replace(BOTH, max_macs=BOTH.max_macs - 40),
        replace(BOTH, weights="fp16"),
        replace(BOTH, max_bytes=None, max_params=BOTH.max_bytes),
    ):
        before = len(passes)
        changed = make_index(SPACE, budget=other, progress=lambda done, of: passes.append(done), stored=lambda: state)
        changed.band(0, 2_000)
        assert len(passes) > before


@pytest.mark.parametrize(
    ("caps", "cost"),
    [
        ({"max_bytes": 7_000}, "bytes"),
        ({"max_memory": 1_300}, "params"),
        ({"max_memory": 1_300, "max_params": 1_500}, "params"),
        ({"max_macs": 60_000, "max_memory": 1_300}, "params"),
        ({"max_bytes": 5_000, "max_params": 6_000, "max_macs": 60_000, "max_memory": 1_300}, "bytes"),
    ],
)
def test_the_band_of_a_search_is_of_the_cost_that_binds(caps, cost):
    budget = Budget(**caps, weights="int8")
    index = make_index(SPACE, budget=budget)
    band = choose_band(index, budget, min_utilisation=0.8, wanted=1)
    most = max(getattr(TRUTH[name], cost) for name in fitting_names(budget))
    assert (band.cost, band.low, band.high) == (cost, round(0.8 * most), most)
    inside = {name for name in fitting_names(budget) if getattr(TRUTH[name], cost) >= band.low}
    assert (set(ids(band.members())), sum(band.counts.values())) == (inside, len(inside))
    assert band.budget == replace(budget, **{f"max_{cost}": most})


def test_the_survey_of_a_space_is_of_the_cost_that_binds():
    atlas = make_atlas(make_index(SPACE, budget=BOTH), BOTH)
    fits = [TRUTH[name] for name in fitting_names(BOTH)]
    assert (atlas.cost, sum(atlas.fitting.values()), atlas.size) == ("bytes", len(fits), len(TRUTH))
    assert sum(atlas.near[0.9].values()) == sum(one.bytes >= 0.9 * BOTH.max_bytes for one in fits)
    assert atlas.largest.bytes == max(one.bytes for one in fits)
    within = [one for one in TRUTH.values() if replace(BOTH, max_memory=None).fits(one)]
    assert atlas.over_memory == len(within) - len(fits) > 0
    alone = make_atlas(make_index(SPACE, budget=Budget(max_memory=8_000)), Budget(max_memory=8_000))
    assert (alone.cost, alone.over_memory) == ("params", sum(4 * one.memory > 8_000 for one in TRUTH.values()))


@settings(max_examples=20)
@given(st.sampled_from(sorted(TRUTH)), st.floats(0.05, 1), st.floats(0.05, 1))
def test_repaired_points_fit(name, bytes_, memory):
    budget = Budget(max_bytes=at("bytes", bytes_), max_memory=at("memory", memory), weights="int8")
    found = repair(SPACE, SPACE.encode(SPECS[name]), budget)
    if found is not None:
        known = TRUTH[SPACE.decode(found.point).id]
        assert budget.fits(known)
        assert (found.bytes, found.memory) == (known.bytes, known.memory)
    else:
        assert len(fitting_names(budget)) < len(TRUTH) / 2


@pytest.mark.parametrize(
    ("caps", "said"),
    [
        ({"max_bytes": 900}, "`max_bytes` is 900 bytes, but no architecture of the space has less than"),
        ({"max_memory": 100}, "`max_memory` is 100 bytes, but no architecture of the space has less than"),
        ({"max_memory": 100, "max_params": 10**6}, "`max_memory` is 100 bytes"),
        ({"max_macs": 100, "max_memory": 10**6}, "`max_macs` is 100, but no architecture"),
    ],
)
def test_a_cap_that_nothing_meets_names_the_network_that_has_least_of_its_cost(caps, said):
    budget, name = Budget(**caps, weights="int8"), said[5:].split("`")[0]
    least = min(getattr(one, name) for one in TRUTH.values())
    with pytest.raises(InfeasibleBudgetError) as caught:
        largest_fitting(make_index(SPACE, budget=budget), budget)
    assert said in str(caught.value)
    named = next(spec for spec in SPECS if f"({spec})" in str(caught.value))
    assert getattr(TRUTH[named], name) == least
    assert write_cost(least, name) in str(caught.value)


@pytest.mark.parametrize(
    ("caps", "said"),
    [
        (
            {"max_params": 450, "max_memory": 1_000},
            "is 450, but no architecture of the space that fits the other caps has less than 466 parameters",
        ),
        (
            {"max_macs": 13_000, "max_memory": 1_000},
            "`max_memory` is 1 kB, but no architecture of the space that fits it has at most 13,000 MACs",
        ),
    ],
)
def test_caps_that_nothing_meets_together_are_said_to_be_so(caps, said):
    space = replace(
        SPACE, stages=(2, 2), blocks=(1, 1), widths=(8, 16), width_step=8, kinds=("bottleneck", "inverted"),
        mid_ratios=(0.125,), expansions=(1,), stems=(4,), monotone=True,
    )  # fmt: skip
    budget = Budget(**caps, weights="int8")
    with pytest.raises(InfeasibleBudgetError) as caught:
        largest_fitting(make_index(space, budget=budget), budget)
    assert said in str(caught.value)


def test_a_space_that_counts_no_bytes_refuses_a_cap_on_them():
    class Other(Space):
        @property
        def dimensions(self):
            return SPACE.dimensions

        def params(self, points):
            return SPACE.params(points)

    with pytest.raises(UsageError, match="`max_bytes` is set, but this space counts no bytes"):
        make_index(Other(), budget=Budget(max_bytes=1_000))


@pytest.mark.parametrize(
    ("part", "shape"),
    [
        ({}, {"channels": 40}),
        ({"necks": ("none", 40, 90)}, {}),
        ({}, {"classes": 3_000}),
    ],
    ids=["stem", "neck", "classes"],
)
def test_a_stem_or_a_head_can_need_most_of_the_memory(part, shape):
    space = ResNetSpace(
        stages=(1, 2), blocks=(1, 1), widths=(4, 12), width_step=4, shape=DataShape(height=8, width=8, **shape), **part
    )
    truth = {name: costs(spec, space.shape, "int8") for name, spec in networks(space).items()}
    sizes = sorted({one.memory for one in truth.values()})
    assert len(sizes) > 1
    for cap in sizes:
        members = make_index(space, budget=Budget(max_memory=cap, weights="int8")).band(0, 10**9).members()
        assert {space.decode(one.point).id for one in members} == {n for n, one in truth.items() if one.memory <= cap}


def test_own_blocks_are_counted_by_their_layers():
    with code_given():
        space = ResNetSpace(
            stages=(1, 2), blocks=(1, 2), widths=(4, 8), width_step=4, kinds=("separable", "basic"),
            shape=DataShape(height=8, width=8),
        )  # fmt: skip
        points = make_index(space, max_macs=None).band(0, 10**9).members().points
        truth = {spec.id: costs(spec, space.shape, "fp16") for spec in map(space.decode, points)}
        half = {name: int(np.median([getattr(one, name) for one in truth.values()])) for name in ("bytes", "memory")}
        budget = Budget(max_bytes=half["bytes"], max_memory=half["memory"], weights="fp16")
        fits = {name for name, one in truth.items() if budget.fits(one)}
        members = make_index(space, budget=budget).band(0, half["bytes"]).members()
        assert {space.decode(member.point).id for member in members} == fits
        assert any("separable" in name for name in fits)
