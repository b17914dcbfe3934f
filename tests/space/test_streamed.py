"""The exact indexes of chains with versions and first states, all at once and one after another, by brute force."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_up_chains import ChainSpace, chains, made_up
from scipy import stats

from budgetnas.samplers.history import LISTABLE
from budgetnas.space import meeting
from budgetnas.space.feasible import ArchitectureIndex
from budgetnas.space.kept import KEPT, Reservoir
from budgetnas.space.members import Members
from budgetnas.space.streamed import StreamedIndex

spaces = st.builds(ChainSpace, chains(), chains(), chains((2, 3)))


def costs(members):
    return {tuple(one.point.tolist()): (one.params, one.macs) for one in members}


@settings(max_examples=40)
@pytest.mark.parametrize("kind", [ArchitectureIndex, StreamedIndex])
@given(spaces, st.floats(0, 1), st.floats(0, 1), st.none() | st.floats(0, 1), st.sampled_from((2, 10_000)))
def test_counts_extremes_and_members_equal_brute_force(kind, space, one, other, macs_share, large):
    with mock.patch.multiple(meeting, _SCANNED=large, _CHUNK=large):  # what is done where many halves meet
        agrees(kind, space, one, other, macs_share)


def agrees(kind, space, one, other, macs_share):
    params, macs = (
        np.concatenate([getattr(part, name) for part in space.every.values()]) for name in ("params", "macs")
    )
    assume(len(params))
    low, high = sorted(round(share * params.max()) for share in (one, other))
    cap = None if macs_share is None else round(macs_share * macs.max())
    fits = macs <= (2**60 if cap is None else cap)
    inside = fits & (params >= low) & (params <= high)
    points = [point for part in space.every.values() for point in part.points]
    index = kind(space, max_macs=cap)

    assert index.size() == len(points)
    assert index.margin(5, 0) == 0
    thresholds = np.array([high, low - 1, -1, int(params.max())])
    for stratum, part in space.every.items():
        upto = part.params[:, None] <= thresholds
        assert index.counts(thresholds, ignore_macs=True)[stratum].tolist() == upto.sum(axis=0).tolist()
        upto &= (part.macs <= (2**60 if cap is None else cap))[:, None]
        assert index.counts(thresholds)[stratum].tolist() == upto.sum(axis=0).tolist()
    band = index.band(low, high)
    truth = {points[i]: (params[i], macs[i]) for i in np.flatnonzero(inside)}
    assert len(band) == sum(band.counts.values()) == len(truth) == len(band.members())
    assert costs(band.members()) == truth
    assert band.counts == {stratum: number for stratum, number in sizes(space, truth).items() if number}
    for found, values in (
        (index.smallest(), -params[fits]),
        (index.largest(high), params[fits & (params <= high)]),
        (index.most_macs(low, high), macs[inside]),
    ):
        assert (found is None) == (not len(values))
        if found is not None:
            at = points.index(tuple(found.point.tolist()))
            assert (params[at], macs[at]) == (found.params, found.macs)
            assert max(values) in (-found.params, found.params, found.macs)
            assert fits[at]
    for member in band.draw(10, rng=np.random.default_rng(0)) if truth else ():
        assert truth[tuple(member.point.tolist())] == (member.params, member.macs)


def sizes(space, truth):
    return {stratum: len(truth.keys() & set(part.points)) for stratum, part in space.every.items()}


@pytest.mark.parametrize("index", [ArchitectureIndex, StreamedIndex])
@pytest.mark.parametrize("stratified", [False, True])
def test_draws_from_a_small_band_follow_their_distribution(index, stratified):
    rng = np.random.default_rng(1)
    parts = [made_up(rng, length=length, links=2, states=3, versions=2, has_starts=True) for length in (2, 3)]
    space = ChainSpace(*parts)
    band = index(space, max_macs=110).band(20, 90)
    points = list(costs(band.members()))
    drawn = [tuple(point) for point in band.draw(20_000, rng=rng, stratified=stratified).points.tolist()]
    observed = np.array([drawn.count(point) for point in points])
    weights = {point: 1 / band.counts[int(point[0])] / len(band.counts) for point in points}
    share = np.array([weights[point] if stratified else 1 / len(points) for point in points])
    assert len(band.counts) == 2
    assert len(points) > 20
    assert observed.sum() == 20_000
    assert stats.chisquare(observed, 20_000 * share).pvalue > 1e-3


LARGE = ChainSpace(
    made_up(np.random.default_rng(5), length=4, links=3, states=17, versions=2, has_allowed=True),
    made_up(np.random.default_rng(6), length=3, links=2, states=6, versions=1),
)
LOW, HIGH, MACS = 20, 90, 120


@pytest.fixture(scope="module")
def large():
    return StreamedIndex(LARGE, max_macs=MACS)


def test_of_a_large_stratum_as_many_uniform_draws_are_kept_and_all_members_of_a_small_one(large):
    band = large.band(LOW, HIGH)
    fits = [(part.params >= LOW) & (part.params <= HIGH) & (part.macs <= MACS) for part in LARGE.every.values()]
    assert band.counts == {stratum: int(inside.sum()) for stratum, inside in enumerate(fits)}
    assert band.counts[0] > KEPT > band.counts[1]
    kept = [band.kept.take(rows) for rows in band.kept.by_stratum.values()]
    assert [len(one) for one in kept] == [KEPT, band.counts[1]]
    assert len(set(costs(kept[1]))) == band.counts[1]
    assert not len(band.members())
    truth = {point: i for i, point in enumerate(LARGE.every[0].points) if fits[0][i]}
    found = costs(kept[0])
    assert found.keys() <= truth.keys()
    assert all((LARGE.every[0].params[truth[p]], LARGE.every[0].macs[truth[p]]) == cost for p, cost in found.items())
    for column in range(1, 6):  # the version, and the state at each position
        expected = np.bincount([point[column] for point in truth])
        observed = np.bincount(kept[0].points[:, column], minlength=len(expected))
        some = expected > 0
        assert stats.chisquare(observed[some], expected[some] * KEPT / expected.sum()).pvalue > 1e-3
        assert not observed[~some].any()
    several = np.unique(kept[0].points, axis=0, return_counts=True)[1]
    share = KEPT / band.counts[0]
    assert (
        abs((len(truth) - len(several)) / len(truth) - np.exp(-share)) < 0.02
    )  # never drawn, as if by independent draws


def test_a_band_that_a_study_lists_is_kept_whole():
    assert KEPT >= LISTABLE


def test_the_same_seed_keeps_the_same_draws_whatever_was_asked_before(large):
    def kept(index):
        return index.band(LOW, HIGH).kept.points.tobytes()

    others = StreamedIndex(LARGE, max_macs=MACS)
    others.counts(np.array([50, HIGH + 5]))
    others.band(LOW, HIGH + 5)
    assert kept(large) == kept(others) != kept(StreamedIndex(LARGE, max_macs=MACS, seed=1))


def test_draws_take_from_what_is_kept_by_the_generator_that_is_given(large):
    band = large.band(LOW, HIGH)
    draws = [band.draw(50, rng=np.random.default_rng(seed), stratum=1) for seed in (0, 0, 1)]
    assert costs(draws[0]) == costs(draws[1]) != costs(draws[2])
    assert costs(draws[0]).keys() <= set(LARGE.every[1].points)


@pytest.mark.parametrize("sizes", [[3, 5, 40, 2], [60], [4, 4, 1], [8, 1], [2, 3]])
def test_a_reservoir_is_uniform_over_all_parts_of_a_set(sizes):
    total, found = sum(sizes), []
    for seed in range(2_000):
        draws = Reservoir(np.random.default_rng(seed), size=8)
        for start, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
            draws.add(
                size, lambda ranks, start=start: Members(points=(start + ranks)[:, None], params=ranks, macs=ranks)
            )
        members = draws.members(1).points[:, 0].tolist()
        assert len(members) == min(total, 8)
        assert total > 8 or members == [*range(total)]
        found += members
    assert stats.chisquare(np.bincount(found, minlength=total)).pvalue > 1e-3


def passes(space, **others):
    done = []
    return StreamedIndex(space, max_macs=MACS, progress=lambda strata, of: done.append((strata, of)), **others), done


def test_one_pass_answers_a_band_its_ends_and_what_else_is_named():
    index, done = passes(LARGE, max_params=HIGH + 30)
    largest = index.largest(HIGH)
    smallest = index.smallest()
    assert largest.params <= HIGH
    assert smallest.params == min(part.params[part.macs <= MACS].min() for part in LARGE.every.values())
    assert not done
    band = index.band(LOW, largest.params, also=(60,))
    index.counts(np.array([HIGH, LOW - 1, largest.params, 60]))
    index.counts(np.array([HIGH + 30, 60]), ignore_macs=True)
    index.band(LOW, largest.params)
    assert sum(band.counts.values()) == len(band)
    assert done == [(1, 2), (2, 2)]
    index.counts(np.array([61]))
    assert len(done) == 4


def test_a_threshold_between_the_largest_member_and_the_cap_is_no_new_question_under_the_cap_on_macs_alone():
    space = ChainSpace(made_up(np.random.default_rng(2), length=3, links=2, states=3, versions=1, step=9))
    done = []
    index = StreamedIndex(space, max_macs=1_000, progress=lambda *strata: done.append(strata))
    largest = index.largest(500).params
    assert largest < 500
    upto = [int(index.counts(np.array([most]))[0][0]) for most in (largest, 500, (largest + 500) // 2)]
    assert len(set(upto)) == len(done) == 1
    index.counts(np.array([500]), ignore_macs=True)
    assert len(done) == 2


def test_an_index_is_read_back_from_its_state_without_a_pass(large, tmp_path):
    asked = np.array([LOW - 1, HIGH])
    large.band(LOW, HIGH), large.smallest(), large.largest(HIGH), large.most_macs(LOW, HIGH), large.most_macs(-5, -2)
    np.savez(tmp_path / "index.npz", **large.state())
    with np.load(tmp_path / "index.npz", allow_pickle=False) as file:
        state = dict(file)
    done = []
    again = StreamedIndex.restore(state, LARGE, max_macs=MACS, progress=lambda *strata: done.append(strata))
    for ignore_macs in (False, True):
        one, other = (index.counts(asked, ignore_macs=ignore_macs) for index in (large, again))
        assert {k: v.tolist() for k, v in one.items()} == {k: v.tolist() for k, v in other.items()}
    one, other = (index.band(LOW, HIGH) for index in (large, again))
    assert one.counts == other.counts
    rngs = [np.random.default_rng(0), np.random.default_rng(0)]
    one, other = one.draw(200, rng=rngs[0]), other.draw(200, rng=rngs[1])
    assert (one.points == other.points).all()
    assert (one.params == other.params).all()
    for name, words in (("smallest", ()), ("largest", (HIGH,)), ("most_macs", (LOW, HIGH))):
        one, other = (getattr(index, name)(*words) for index in (large, again))
        assert (one.point.tolist(), one.params, one.macs) == (other.point.tolist(), other.params, other.macs)
    assert again.most_macs(-5, -2) is None
    assert not done
    assert {name: values.tobytes() for name, values in again.state().items()} == {
        name: values.tobytes() for name, values in state.items()
    }


def test_an_index_that_was_asked_nothing_is_read_back_too():
    index = StreamedIndex(LARGE, max_macs=None)
    assert StreamedIndex.restore(index.state(), LARGE, max_macs=None).size() == index.size()


def test_a_state_of_another_space_or_cap_or_seed_is_refused(large):
    state, other = large.state(), ChainSpace(*(LARGE.chains()[i] for i in (1, 0)))
    for space, macs, seed in ((other, MACS, 0), (LARGE, MACS + 1, 0), (LARGE, None, 0), (LARGE, MACS, 1)):
        with pytest.raises(ValueError, match="is of another space, cap on MACs, seed or version: make it again"):
            StreamedIndex.restore(state, space, max_macs=macs, seed=seed)


def test_a_damaged_state_is_refused(large):
    large.band(LOW, HIGH)
    state = large.state()
    for name in state:
        with pytest.raises(ValueError, match=f"lacks `{name}`: make it again"):
            StreamedIndex.restore({key: state[key] for key in state if key != name}, LARGE, max_macs=MACS)
        changed = state[name].copy()
        changed.reshape(-1).view(np.uint8)[:1] ^= 1
        for values in (changed, state[name][:-1], state[name].astype(np.float64)):
            with pytest.raises(ValueError, match=r"is damaged|is of another space"):
                StreamedIndex.restore({**state, name: values}, LARGE, max_macs=MACS)
