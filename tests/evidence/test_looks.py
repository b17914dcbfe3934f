from __future__ import annotations

import pytest
from benchmarks.finals_looks import ends

from budgetnas.evidence.looks import level_per_look

LOOKS = (3, 5, 8, 12)


@pytest.mark.parametrize(("looks", "times"), [(LOOKS, 1.0), (LOOKS, 2.0), ((2, 4), 1.0)])
def test_all_looks_together_seldom_show_what_is_not_there(looks, times):
    up, down, _ = ends(looks, 0.0, times, 1_500)
    assert up + down < 0.065  # a standard error of .006 above 5 %


def test_the_same_looks_at_the_level_of_one_would_err_more_often(monkeypatch):
    monkeypatch.setattr("benchmarks.finals_looks.level_per_look", lambda looks: 0.95)
    up, down, _ = ends(LOOKS, 0.0, 1.0, 500)
    assert up + down > 0.08


def test_a_clear_gain_ends_early():
    shown, _, trainings = ends(LOOKS, 0.75, 1.0, 300)
    assert shown > 0.98
    assert trainings < 10


def test_one_look_is_the_usual_interval_and_more_looks_share_its_error():
    assert level_per_look([7]) == 0.95
    assert 1 - level_per_look([2, 4, 6, 8, 10]) == pytest.approx(0.01)
