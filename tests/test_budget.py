from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.arch.spec import ResNetSpec
from budgetnas.budget import COSTS, Budget, cap_number, write_cost
from budgetnas.exceptions import UsageError
from budgetnas.space.members import Members
from budgetnas.trials.trial import Candidate


@dataclass
class Counted:
    """One network, or arrays of several."""

    params: Any
    macs: Any
    bytes: Any
    memory: Any


COUNTS = st.integers(0, 2**62)
CAPS = st.dictionaries(st.sampled_from([f"max_{cost}" for cost in COSTS]), COUNTS, min_size=1)
BUDGETS = CAPS.map(lambda caps: Budget(**caps))
ALL = st.tuples(COUNTS, COUNTS, COUNTS, COUNTS)


def net(params, macs):
    return Candidate(spec=ResNetSpec(blocks=(1,), widths=(16,)), params=params, macs=macs, origin="")


def nets(pairs):
    params, macs = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return Members(points=np.zeros((len(params), 1), dtype=np.int64), params=params, macs=macs)


def of_all(rows):
    return Counted(*np.array(rows, dtype=np.int64).reshape(-1, 4).T)


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


@given(BUDGETS, st.lists(ALL, max_size=5))
def test_one_network_and_arrays_of_them_are_judged_alike(budget, rows):
    assert budget.mask(of_all(rows)).tolist() == [budget.fits(Counted(*row)) for row in rows]


@given(BUDGETS, ALL)
def test_without_its_excess_a_network_would_just_fit(budget, costs):
    excess = budget.excess(Counted(*costs))
    assert all(number > 0 for number in excess.values())
    assert (budget.reason(Counted(*costs)) is None) == (not excess)
    trimmed = {cost: count - excess.get(f"max_{cost}", 0) for cost, count in zip(COSTS, costs, strict=True)}
    assert budget.fits(Counted(**trimmed))
    for name in excess:
        cost = name.removeprefix("max_")
        assert trimmed[cost] == budget.caps()[cost]


def test_every_cost_has_its_cap():
    assert Budget(max_params=1, max_macs=2, max_bytes=3, max_memory=4).caps() == dict(
        zip(COSTS, (1, 2, 3, 4), strict=True)
    )
    assert Budget(max_params=1).caps() == {"params": 1}
    assert [list(Budget(**{f"max_{cost}": 7}).caps()) for cost in COSTS] == [[cost] for cost in COSTS]


def test_a_budget_without_a_cap_is_refused():
    with pytest.raises(UsageError, match="`max_params` is missing"):
        Budget(weights="int8")


def test_a_cost_that_no_cap_asks_for_need_not_be_counted():
    assert Budget(max_params=5).fits(net(5, 1))
    with pytest.raises(AssertionError, match="bytes is capped, but was not counted"):
        Budget(max_bytes=5).fits(Counted(1, 1, None, None))


def test_all_caps_are_written_with_their_units():
    budget = Budget(max_params=75_000, max_macs=10**6, max_bytes=300_000, max_memory=128 * 1024, weights="int8")
    words = "75,000 parameters, 1,000,000 MACs, 300 kB for the file and 128 KiB of memory in int8"
    assert str(budget) == words
    assert str(Budget(max_bytes=300)) == "300 bytes for the file in fp32"
    assert budget.reason(Counted(1, 1, 300_007, 1)) == "7 bytes of the file over the cap"
    assert write_cost(1_500, "macs") == "1,500 MACs"


def test_the_band_is_of_the_cap_that_binds():
    assert [Budget(max_params=9).band_cost, Budget(max_bytes=9).band_cost, Budget(max_macs=9).band_cost] == [
        "params", "bytes", "params",
    ]  # fmt: skip
    assert Budget(max_params=100, max_bytes=100, weights="int8").band_cost == "params"
    assert Budget(max_params=100, max_bytes=99, weights="int8").band_cost == "bytes"
    assert Budget(max_params=100, max_bytes=399).band_cost == "bytes"
    assert Budget(max_params=100, max_bytes=400).band_cost == "params"
    assert [Budget(max_params=3, max_bytes=99).band_cap, Budget(max_memory=1).band_cap] == [3, None]


def test_no_cap_is_a_number_that_no_count_exceeds():
    assert (cap_number(5), cap_number(None)) == (5, 2**63 - 1)
