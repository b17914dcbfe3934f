from __future__ import annotations

from types import SimpleNamespace

import pytest

from budgetnas.trials.facts import Look, RunFacts, TrialFacts
from budgetnas.trials.trial import CONTROLS, FULL, Looks, epochs_of, in_words, rung_name


@pytest.mark.parametrize("epochs", [1, 8, 200])
def test_a_rung_is_known_by_its_length(epochs):
    assert epochs_of(rung_name(epochs)) == epochs


@pytest.mark.parametrize("name", [FULL, CONTROLS, "r", "8", "r8x", "rr8", ""])
def test_nothing_else_is_taken_for_a_rung(name):
    assert epochs_of(name) is None


def test_levels_in_words():
    assert in_words("r1") == "short trainings of 1 epoch"
    assert [in_words(name) for name in (FULL, CONTROLS)] == ["full trainings", "control trainings"]


def run(number, weights="ab"):
    return SimpleNamespace(number=number, facts=TrialFacts(weights_sha256=weights))


def test_a_look_is_of_a_training_its_level_and_its_weights():
    looks = Looks(RunFacts(looks={"full/3:ab": Look(correct=9, images=10), "controls/3:ab": Look(correct=1, images=4)}))
    assert len(looks) == 2
    assert looks.of(run(3), "full").accuracy == 0.9
    assert looks.of(run(3), "controls").accuracy == 0.25
    others = [(run(3), ""), (run(3, "cd"), "full"), (run(4), "full"), (run(3, None), "full")]
    assert [looks.of(*other) for other in others] == [None] * 4


def test_what_was_tested_and_what_lacks_a_look():
    looks, runs = Looks(RunFacts(looks={"0:ab": Look(correct=1, images=2)})), [run(0), run(1)]
    assert looks.accuracies(runs) == pytest.approx([0.5])
    assert looks.untested(runs) == runs[1:]
    assert Looks(RunFacts()).untested(runs) == runs
