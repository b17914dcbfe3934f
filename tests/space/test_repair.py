from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.complexity.counter import count
from budgetnas.space.repair import fit_widths

CIFAR = DataShape()


def params(blocks, widths) -> int:
    return count(ResNetSpec(blocks=blocks, widths=widths), CIFAR).params


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 64)), min_size=1, max_size=4),
    st.integers(1, 60_000),
    st.integers(1, 8),
    st.booleans(),
)
def test_the_result_fits_and_no_step_of_growth_does(stages, cap, step, monotone):
    blocks, widths = tuple(b for b, _ in stages), tuple(w for _, w in stages)
    widths = tuple(sorted(widths)) if monotone else widths
    low, high = 2, 90
    found = fit_widths(
        widths, fits=lambda w: params(blocks, w) <= cap, step=step, low=low, high=high, monotone=monotone
    )
    if found is None:
        assert params(blocks, (low,) * len(blocks)) > cap
        return
    assert params(blocks, found) <= cap
    assert all((w - low) % step == 0 and low <= w <= high for w in found)
    assert not monotone or list(found) == sorted(found)
    for i in range(len(found)):
        wider = (*found[:i], found[i] + step, *found[i + 1 :])
        if wider[i] <= high and not (monotone and list(wider) != sorted(wider)):
            assert params(blocks, wider) > cap


def test_what_already_fills_the_cap_stays_as_it_is():
    cap = params((4, 5, 3), (64, 128, 256))
    assert fit_widths((64, 128, 256), fits=lambda w: params((4, 5, 3), w) <= cap) == (64, 128, 256)


@pytest.mark.parametrize("cap", [4_500_000, 5_000_000, 9_000_000])
def test_ratios_stay_as_near_as_the_grid_allows(cap):
    found = fit_widths((64, 128, 256), fits=lambda w: params((2, 2, 4), w) <= cap)
    factor = found[0] / 64
    assert all(abs(w - factor * given) <= 1 + given / 64 for w, given in zip(found, (64, 128, 256), strict=True))
    near = [
        params((2, 2, 4), tuple(w + d for w, d in zip(found, change, strict=True)))
        for change in product((0, 1), repeat=3)
    ]
    assert sum(p <= cap for p in near) == 1
