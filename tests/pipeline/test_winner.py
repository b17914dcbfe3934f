from __future__ import annotations

from dataclasses import replace

import pytest
from small_studies import first, ladder_of, prepared, train

from budgetnas.budget.gate import Budget
from budgetnas.exceptions import BudgetNASError
from budgetnas.pipeline.promote import Rise, choose, wanted
from budgetnas.storage.database import open_storage, sqlite_url

BUDGETS = [Budget(max_params=60_000)]


@pytest.fixture
def study():
    return prepared(full__repeats=3)


@pytest.fixture
def ladder(study, tmp_path):
    found = ladder_of(study, open_storage(sqlite_url(tmp_path / "study.db")))
    for score, width in ((0.5, 16), (0.9, 40), (0.7, 44)):
        first(study, found.first, score, width)
    return found


def runs(study, ladder, *numbers):
    return wanted(study, ladder, 0, Rise(best=numbers, named=(), random=()))


def test_when_all_full_trainings_fail_the_reason_is_told(study, ladder):
    assert choose(ladder.fulls, BUDGETS) is None
    assert "choices" not in ladder.fulls.facts
    train(ladder.fulls, runs(study, ladder, 1)[0], None)
    with pytest.raises(BudgetNASError, match=r"all 1 full trainings failed \(the last: out of memory\)"):
        choose(ladder.fulls, BUDGETS)


def test_every_choice_is_recorded_once(study, ladder):
    one, other, again = runs(study, ladder, 1)[0], *runs(study, ladder, 2)[:2]
    for listed, score in ((one, 0.7), (other, 0.6), (again, 0.9)):
        train(ladder.fulls, listed, score)
        assert choose(ladder.fulls, BUDGETS) is not None
        choose(ladder.fulls, BUDGETS)
    assert [choice["winner"] for choice in ladder.fulls.facts["choices"]] == [1, 1, 2]


def test_every_tier_has_its_own_choice(study, ladder):
    small, large = runs(study, ladder, 0)[0], runs(study, ladder, 1)[0]
    train(ladder.fulls, small, 0.7)
    train(ladder.fulls, large, 0.8)
    choose(ladder.fulls, [Budget(max_params=small.candidate.params), *BUDGETS])
    (choice,) = ladder.fulls.facts["choices"]
    assert choice["tiers"] == {str(small.candidate.params): "1x16", "60000": "1x40"}


def test_what_is_over_a_cap_does_not_win(study, ladder):
    small, large = runs(study, ladder, 0)[0], runs(study, ladder, 1)[0]
    train(ladder.fulls, large, 0.9)
    tight = Budget(max_params=large.candidate.params, max_macs=large.candidate.macs - 1)
    assert choose(ladder.fulls, [tight]) is None
    assert "choices" not in ladder.fulls.facts
    train(ladder.fulls, small, 0.5)
    for budget in (tight, Budget(max_params=large.candidate.params - 1)):
        assert choose(ladder.fulls, [budget]).candidate == small.candidate
    assert choose(ladder.fulls, [replace(tight, max_macs=None)]).candidate == large.candidate
