from __future__ import annotations

import pytest
from scipy.stats import kendalltau

from budgetnas.runs.fidelity import fidelity_table, pairs


def test_below_ten_pairs_fidelity_is_not_judged(make):
    made = make(full__promote=9)
    made.trained([i / 100 for i in range(12)])
    made.promoted()
    table = fidelity_table(made.result())
    assert table.rows == []
    (note,) = table.notes
    assert note.startswith("Too few pairs to judge: 9 networks had both trainings, and 10 are needed.")
    assert "evidence.control_promotions" in note


def test_without_any_at_random_there_is_no_column_of_them(make):
    made = make(full__promote=10)
    made.trained([i / 100 for i in range(12)])
    made.promoted()
    table = fidelity_table(made.result())
    assert table.rows[0][1:3] == ("10", "")
    assert "evidence.control_promotions" in table.notes[1]


def test_fidelity_pairs_every_rung_with_the_mean_of_the_full_seeds(make):
    made = make(
        proxy__rungs=[1, 3], full__promote=6, full__repeats=2, evidence__control_promotions=12, full__finals="equal"
    )
    made.trained([(i * 7 % 30) / 100 for i in range(30)])
    made.promoted(lambda one: (one.parent * 11 % 30) / 100 + one.repeat / 10)
    made.tested()
    result = made.result()
    found = pairs(result)
    assert list(found) == ["r1", "r3"]
    finals = {finalist.parent: finalist.score for finalist in result.finalists}
    assert set(found["r1"]) == set(found["r3"]) == set(finals)
    for number, (short, full) in found["r1"].items():
        assert short == result.trials[number].score
        assert full == pytest.approx((number * 11 % 30) / 100 + 0.05)
    table = fidelity_table(result)
    (first, _) = table.rows
    assert first[1] == str(len(finals))
    assert int(first[2]) == 12
    assert first[3].startswith(f"{kendalltau(*zip(*found['r1'].values(), strict=True)).statistic:.2f} [")
    assert len(table.notes) == 1


def test_a_winner_that_was_not_promoted_for_its_scores_is_told_with_its_places(make):
    made = make(full__promote=1, evidence__control_promotions=12)
    made.trained([i / 100 for i in range(12)])
    made.promoted(lambda one: 0.9 - one.parent / 100)  # as if longer training turned the ranking round
    note = fidelity_table(made.result()).notes[-1]
    winner = made.result().winner
    assert winner.parent == 0
    assert note.startswith(
        f"{winner.candidate.spec.id} is best after full training, but was not promoted for its scores:"
    )
    assert "place 12 of 12 after 3 epochs." in note


def test_a_winner_that_was_promoted_for_its_scores_is_not_told_of_them(make):
    made = make(full__promote=2)
    made.trained([0.5, 0.6, 0.7])
    made.promoted()
    assert not any("not promoted" in note for note in fidelity_table(made.result()).notes)
