"""Chains with versions and first states, against brute force."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_chains import chains, every, made_up
from scipy import stats

from budgetnas.space.outline import NEVER, Outline, least_params, most_macs, most_params
from budgetnas.space.sampled import ChainDraws


def links_before(chain, position):
    """Return the link before a position of each member, in the order of `every`."""
    states = [[point[column] - 10 for column in range(2, 2 + len(chain))] for point in every(chain).points]
    return np.array([chain.link[rows[position - 1]] for rows in states], dtype=np.int64)


@given(chains())
def test_a_chain_counts_its_members_and_its_halves(chain):
    truth = every(chain)
    assert chain.size() == len(truth.points) == len(set(truth.points))
    for position in range(1, len(chain) + 1):
        sizes = chain.sizes(position)
        assert chain.versions * sum(fronts * backs for fronts, backs in sizes) == len(truth.points)
        found = np.bincount(links_before(chain, position), minlength=len(sizes))
        assert [chain.versions * fronts * backs for fronts, backs in sizes] == found.tolist()
    assert chain.sorted_size() == sum(backs for _, backs in chain.sizes(chain.middle))


@given(chains())
def test_the_cheapest_member_is_that_of_fewest_params(chain):
    truth = every(chain)
    if truth.points:
        point, params, macs = chain.cheapest()
        assert params == truth.params.min()
        at = truth.points.index(tuple(point.tolist()))
        assert (truth.params[at], truth.macs[at]) == (params, macs)


@given(chains(), st.floats(0, 1), st.floats(0, 1), st.data())
def test_halves_within_caps_are_those_that_some_member_has(chain, params_share, macs_share, data):
    truth = every(chain)
    position = data.draw(st.integers(1, len(chain)))
    caps = [
        round(share * values.max(initial=0))
        for share, values in ((params_share, truth.params), (macs_share, truth.macs))
    ]
    front, back = chain.halves(position, max_params=caps[0], max_macs=caps[1])
    states = np.array([point[2 : 2 + len(chain)] for point in truth.points]).reshape(-1, len(chain)) - 10
    for part, half in ((slice(0, position), front), (slice(position, None), back))[: 1 + (position < len(chain))]:
        found = {tuple(rows) for rows in half.rows.tolist()}
        assert len(found) == len(half.rows)
        # Each cap is looked at on its own, so halves of members that exceed only one of them may stay.
        needed = {tuple(rows[part]) for rows in states[(truth.params <= caps[0]) & (truth.macs <= caps[1])].tolist()}
        allowed = [
            {tuple(rows[part]) for rows in states[values <= cap].tolist()}
            for values, cap in zip((truth.params, truth.macs), caps, strict=True)
        ]
        assert needed <= found <= allowed[0] & allowed[1]


@given(chains(), st.integers(-4, 4), st.integers(-4, 4), st.data())
def test_an_outline_has_the_least_of_any_sum_of_costs_through_each_link(chain, params, macs, data):
    truth, position = every(chain), data.draw(st.integers(1, len(chain)))
    costs, links = params * truth.params + macs * truth.macs, links_before(chain, position)
    for link, least in enumerate(Outline(chain, params, macs).through(position).tolist()):
        through = costs[links == link]
        assert (least == through.min()) if len(through) else (least > NEVER // 2)


@given(chains(), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.data())
def test_no_member_exceeds_the_bounds_of_its_link(chain, one, other, macs_share, data):
    truth, position = every(chain), data.draw(st.integers(1, len(chain)))
    low, high = sorted(round(share * truth.params.max(initial=0)) for share in (one, other))
    cap, links = round(macs_share * truth.macs.max(initial=0)), links_before(chain, position)
    bounds = (
        most_params(chain, position, at_most=high, max_macs=cap),
        most_macs(chain, position, low=low, high=high, max_macs=cap),
        least_params(chain, position, max_macs=cap),
    )
    for link in range(len(chain.end[0])):
        fits = (links == link) & (truth.macs <= cap)
        upto, inside = fits & (truth.params <= high), fits & (truth.params <= high) & (truth.params >= low)
        assert truth.params[upto].max(initial=-NEVER) <= bounds[0][link] <= max(high, -NEVER)
        assert truth.macs[inside].max(initial=-NEVER) <= bounds[1][link] <= cap
        assert truth.params[fits].min(initial=NEVER) >= bounds[2][link]


def test_bounds_know_the_steps_in_which_costs_come():
    chain = made_up(np.random.default_rng(0), length=4, links=3, states=4, versions=1, step=7)
    truth = every(chain)
    bound = most_params(chain, 2, at_most=int(np.median(truth.params)), max_macs=NEVER)
    assert (bound % 7 == 1).all()


@settings(max_examples=20)
@given(chains(), st.integers(0, 2**32))
def test_draws_from_a_chain_are_members_with_their_costs(chain, seed):
    truth = every(chain)
    costs = {point: cost for point, *cost in zip(truth.points, truth.params.tolist(), truth.macs.tolist(), strict=True)}
    draws = ChainDraws(chain)
    assert draws.size == len(costs)
    if costs:
        for member in draws.draw(30, np.random.default_rng(seed)):
            assert costs[tuple(member.point.tolist())] == [member.params, member.macs]


def test_draws_from_a_chain_are_uniform_over_versions_and_first_states():
    rng = np.random.default_rng(3)
    chain = made_up(rng, length=3, links=2, states=4, versions=2, has_allowed=True, has_starts=True)
    truth = every(chain)
    drawn = [tuple(point) for point in ChainDraws(chain).draw(20_000, np.random.default_rng(0)).points.tolist()]
    counts = [drawn.count(point) for point in truth.points]
    assert len(counts) > 20
    assert sum(counts) == len(drawn)
    assert stats.chisquare(counts).pvalue > 1e-3
