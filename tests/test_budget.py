from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.arch.spec import ResNetSpec
from budgetnas.budget import COSTS, Budget, cap_number, parse_cap, write_cap
from budgetnas.exceptions import UsageError
from budgetnas.space.members import Members
from budgetnas.trials.trial import Candidate


@pytest.mark.parametrize(
    ("text", "cap"),
    [
        ("5e6", 5_000_000), ("5M", 5_000_000), ("272k", 272_000), ("5_000_000", 5_000_000), ("1.75G", 1_750_000_000),
        ("272474", 272_474), (5e6, 5_000_000), (300_000, 300_000), ("2.5e5", 250_000), ("5E+6", 5_000_000),
    ],
)  # fmt: skip
def test_caps_are_read_as_people_write_them(text, cap):
    assert parse_cap(text) == cap


@pytest.mark.parametrize(
    "text",
    ["0", "-1", "abc", "nan", "inf", "", "5 M", "1e99", "0.5", "5m", "1.5", "5__0", "1e16", "5e6M", float("nan"), True],
)
def test_what_is_no_cap_is_refused_by_name(text):
    with pytest.raises(UsageError, match="`max_params` is"):
        parse_cap(text)


@given(st.integers(1, 10**12))
def test_a_written_cap_reads_back(cap):
    assert parse_cap(write_cap(cap)) == cap


def test_caps_are_written_short():
    assert [write_cap(cap) for cap in (5_000_000, 272_000, 272_474, 1_500_000)] == ["5M", "272k", "272474", "1.5M"]


COUNTS = st.integers(0, 2**62)
BUDGETS = st.builds(Budget, max_params=COUNTS, max_macs=st.none() | COUNTS)


def net(params, macs):
    return Candidate(spec=ResNetSpec(blocks=(1,), widths=(16,)), params=params, macs=macs, origin="")


def nets(pairs):
    params, macs = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return Members(points=np.zeros((len(params), 1), dtype=np.int64), params=params, macs=macs)


def test_a_network_fits_when_it_is_within_all_caps():
    budget = Budget(max_params=100, max_macs=1_000)
    assert budget.fits(net(100, 1_000))
    assert budget.excess(net(100, 1_000)) == {}
    assert budget.excess(net(101, 1_000)) == {"max_params": 1}
    assert budget.excess(net(100, 1_002)) == {"max_macs": 2}
    assert budget.excess(net(103, 1_004)) == {"max_params": 3, "max_macs": 4}
    assert not budget.fits(net(100, 1_002))
    assert Budget(max_params=100).fits(net(100, 10**15))


def test_the_reason_names_the_first_cap_that_is_broken():
    budget = Budget(max_params=100_000, max_macs=1_000)
    assert budget.reason(net(1_284_170, 2_000)) == "1,184,170 parameters over the cap"
    assert budget.reason(net(1, 2_000)) == "1,000 MACs over the cap"
    assert budget.reason(net(1, 1)) is None
    assert (str(budget), str(Budget(max_params=5))) == ("100,000 parameters and 1,000 MACs", "5 parameters")


def test_the_mask_of_arrays_keeps_what_fits():
    members = nets([(100, 1_000), (101, 1_000), (100, 1_001), (0, 0)])
    assert Budget(max_params=100, max_macs=1_000).mask(members).tolist() == [True, False, False, True]
    assert Budget(max_params=100).mask(members).tolist() == [True, False, True, True]
    nothing = Budget(max_params=100).mask(nets([]))
    assert (nothing.shape, nothing.dtype) == ((0,), bool)


@given(BUDGETS, st.lists(st.tuples(COUNTS, COUNTS), max_size=5))
def test_one_network_and_arrays_of_them_are_judged_alike(budget, pairs):
    assert budget.mask(nets(pairs)).tolist() == [budget.fits(net(*pair)) for pair in pairs]


@given(BUDGETS, COUNTS, COUNTS)
def test_without_its_excess_a_network_would_just_fit(budget, params, macs):
    excess = budget.excess(net(params, macs))
    assert all(number > 0 for number in excess.values())
    assert (budget.reason(net(params, macs)) is None) == (not excess)
    trimmed = {cost: count - excess.get(f"max_{cost}", 0) for cost, count in (("params", params), ("macs", macs))}
    assert budget.fits(net(**trimmed))
    for name in excess:
        cost = name.removeprefix("max_")
        assert trimmed[cost] == budget.caps()[cost]


def test_every_cost_has_its_cap():
    assert Budget(max_params=1, max_macs=2).caps().keys() == COSTS.keys()
    assert Budget(max_params=1).caps() == {"params": 1}


def test_no_cap_is_a_number_that_no_count_exceeds():
    assert (cap_number(5), cap_number(None)) == (5, 2**63 - 1)
