from __future__ import annotations

import pytest

from budgetnas.evidence.accuracy import BRACKETS
from budgetnas.evidence.scores import ACCURACY, SCORES, ScoreOverSeeds


def test_a_share_is_written_in_percent_and_a_loss_as_it_is():
    assert SCORES["macro_f1"].write(0.9543, 0.0012, (0.949, 0.959), unit=" %") == "95.43 +- 0.12 % [94.9, 95.9]"
    assert SCORES["loss"].write(-0.2143, 0.0021, (-0.2281, -0.2012), unit=" %") == "0.2143 +- 0.0021 [0.201, 0.228]"
    assert SCORES["loss"].head("test") == "test loss"
    assert SCORES["balanced_accuracy"].head("validation") == "validation balanced accuracy %"
    assert (ACCURACY.head("validation"), ACCURACY.brackets) == ("validation %", BRACKETS)


@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)
def test_what_people_read_is_read_back(score):
    assert score.shown(score.shown(-0.25)) == -0.25
    assert score.shown_interval(score.shown_interval((-0.3, -0.2))) == (-0.3, -0.2)
    low, high = score.shown_interval((-0.3, -0.2))
    assert low < high


def test_seeds_share_one_interval_that_is_no_narrower_than_theirs():
    found = ScoreOverSeeds(score=SCORES["loss"], shares=[-0.2, -0.4], intervals=[(-0.3, -0.1), (-0.5, -0.3)])
    assert found.mean == pytest.approx(-0.3)
    assert found.interval == pytest.approx((-0.4, -0.2))
    assert found.write(" %") == "0.3000 +- 0.1414 [0.200, 0.400]"
