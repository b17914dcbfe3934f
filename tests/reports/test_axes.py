from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from budgetnas.evidence.scores import SCORES
from budgetnas.reports.axes import ends, first_view, outside


def test_five_networks_at_20_do_not_squash_ninety_above_95():
    view = first_view([0.2] * 5 + [0.95 + i / 10_000 for i in range(90)])
    assert 94.9 < view.low < 95
    assert 95.89 < view.high < 96
    assert outside(view, "networks") == (
        " Outside the first view: 5 of 95 networks, below 94.9 %; double-click to show all."
    )


def test_many_low_ones_are_what_the_search_is_about():
    assert first_view([0.1] * 90 + [0.95] * 5) is None
    assert first_view([0.2, 0.95, 0.951]) is None  # of three, one is not a few


def test_usual_scatter_and_nothing_are_shown_whole():
    assert first_view([0.6, 0.7, 0.8, 0.81, 0.82]) is None
    assert first_view([]) is None
    assert ends(None) is None
    assert outside(None, "networks") == ""


def test_of_equal_ones_a_failed_one_is_left_out():
    view = first_view([0.95] * 9 + [0.1])
    assert view.outside == 1
    assert view.low < 95 < view.high


def test_losses_that_are_far_above_the_others_are_left_out():
    view = first_view([-2.3] * 5 + [-0.2 - i / 1000 for i in range(90)], SCORES["loss"])
    assert 0.19 < view.low < 0.2
    assert 0.289 < view.high < 0.3
    assert outside(view, "networks").startswith(" Outside the first view: 5 of 95 networks, above 0.29")


@given(st.lists(st.floats(0, 1), max_size=40))
@example([0.0] * 3 + [0.5] * 20)
def test_the_best_is_always_in_view_and_what_is_below_is_counted(values):
    view = first_view(values)
    if view is not None:
        assert view.low < 100 * max(values) < view.high
        assert view.outside == sum(100 * value < view.low for value in values) > 0
        assert view.high - view.low < 100 * (max(values) - min(values)) / 2
