from __future__ import annotations

import pytest

from budgetnas.trials.levels import CONTROLS, FULL, epochs_of, in_words, rung_name


@pytest.mark.parametrize("epochs", [1, 8, 200])
def test_a_rung_is_known_by_its_length(epochs):
    assert epochs_of(rung_name(epochs)) == epochs


@pytest.mark.parametrize("name", [FULL, CONTROLS, "r", "8", "r8x", "rr8", ""])
def test_nothing_else_is_taken_for_a_rung(name):
    assert epochs_of(name) is None


def test_levels_in_words():
    assert in_words("r1") == "short trainings of 1 epoch"
    assert [in_words(name) for name in (FULL, CONTROLS)] == ["full trainings", "control trainings"]
