from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from budgetnas.reports.axes import ends, first_view, outside


def test_five_networks_at_20_do_not_squash_ninety_above_95():
    view = first_view([20.0] * 5 + [95 + i / 100 for i in range(90)])
    assert 94.9 < view.low < 95
    assert 95.89 < view.high < 96
    assert outside(view, "networks") == (
        " Outside the first view: 5 of 95 networks, below 94.9 %; double-click to show all."
    )


def test_many_low_ones_are_what_the_search_is_about():
    assert first_view([10.0] * 90 + [95.0] * 5) is None
    assert first_view([20.0, 95.0, 95.1]) is None  # of three, one is not a few


def test_usual_scatter_and_nothing_are_shown_whole():
    assert first_view([60.0, 70.0, 80.0, 81.0, 82.0]) is None
    assert first_view([]) is None
    assert ends(None) is None
    assert outside(None, "networks") == ""


def test_of_equal_ones_a_failed_one_is_left_out():
    view = first_view([95.0] * 9 + [10.0])
    assert view.below == 1
    assert view.low < 95 < view.high


@given(st.lists(st.floats(0, 100), max_size=40))
@example([0.0] * 3 + [50.0] * 20)
def test_the_best_is_always_in_view_and_what_is_below_is_counted(values):
    view = first_view(values)
    if view is not None:
        assert view.low < max(values) < view.high
        assert view.below == sum(value < view.low for value in values) > 0
        assert view.high - view.low < (max(values) - min(values)) / 2
