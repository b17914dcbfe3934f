"""Who goes up from rung to rung, on a real storage without training."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from small_studies import FACTS, first, ladder_of, prepared, train

from budgetnas.budget import Budget
from budgetnas.exceptions import BudgetNASError, UsageError
from budgetnas.pipeline.promote import choose, decide, planned, promotion
from budgetnas.pipeline.work_left import expected, work_left
from budgetnas.trials.facts import Promotion, RunFacts, TrialFacts
from budgetnas.trials.trial import TrialState


def with_(study, **sections):
    config = study.config
    for name, changes in sections.items():
        config = replace(config, **{name: replace(getattr(config, name), **changes)})
    return replace(study, config=config)


def test_the_best_are_promoted_once_and_a_larger_promotion_adds_to_them(storage):
    study = prepared()
    ladder = ladder_of(study, storage)
    for score in (0.5, 0.9, 0.7, 0.8):
        first(study, ladder.first, score)
    assert decide(study, ladder, 0).best == (1, 3)
    (key,) = ladder.fulls.facts.promotions
    ladder.fulls.record(RunFacts(promotions={key: Promotion(best=(2, 0), random=())}))
    assert promotion(study, ladder, 0).best == (2, 0)
    larger = with_(study, full={"promote": 3})
    assert promotion(larger, ladder, 0).best == (1, 3, 2)
    listed = planned(larger, ladder, 0, promotion(larger, ladder, 0))
    train(ladder.fulls, listed[0], 0.9)
    assert [one.parent for one in ladder.full.missing(listed)] == [3, 2]


def test_a_failed_full_training_is_wanted_again_by_the_next_driver(storage):
    study = prepared()
    ladder = ladder_of(study, storage)
    for score in (0.5, 0.9, 0.7, 0.8):
        first(study, ladder.first, score)
    listed = planned(study, ladder, 0, decide(study, ladder, 0))
    train(ladder.fulls, listed[0], None)
    train(ladder.fulls, listed[1], 0.8)
    assert [one.parent for one in ladder.full.missing(listed)] == [1]


def test_the_best_third_goes_up_a_rung_and_the_promoted_carry_their_lineage(storage):
    study = prepared(proxy__rungs=[1, 3], search__trials=9, full__repeats=2, full__finals="equal")
    ladder = ladder_of(study, storage)
    for i in range(9):
        first(study, ladder.first, 0.1 * i)
    up = decide(study, ladder, 0)
    assert len(up.best) == 3
    assert set(up.best) == {6, 7, 8}
    listed = planned(study, ladder, 0, up)
    assert [one.repeat for one in listed] == [0, 0, 0]
    for one in listed:
        train(ladder.rungs[1].store, one, 1 - one.parent / 10)  # the longer training turns them round
    top = decide(study, ladder, 1)
    assert top.best == (6, 7)
    fulls = planned(study, ladder, 1, top)
    assert [(one.parent, one.repeat) for one in fulls] == [(6, 0), (7, 0), (6, 1), (7, 1)]
    place = {trial.facts.parent: trial.number for trial in ladder.rungs[1].store.trials}
    assert fulls[0].lineage == ("r1/6", f"r3/{place[6]}")


def test_a_rung_never_lets_fewer_up_than_are_promoted(storage):
    study = prepared(proxy__rungs=[1, 3], full__promote=3)
    ladder = ladder_of(study, storage)
    for i in range(4):
        first(study, ladder.first, 0.1 * i)
    assert len(promotion(study, ladder, 0).best) == 3


def test_chance_sends_up_nets_of_any_score_through_every_rung(storage):
    study = prepared(proxy__rungs=[1, 3], search__trials=30, full__promote=1, evidence__control_promotions=5)
    ladder = ladder_of(study, storage)
    for i in range(30):
        first(study, ladder.first, 0.01 * i)
    up = decide(study, ladder, 0)
    assert len(set(up.random)) == 5
    assert promotion(study, ladder, 0) == up
    assert min(up.random) < 20, "the draw does not look at scores"
    for one in planned(study, ladder, 0, up):
        train(ladder.rungs[1].store, one, 0.5 + one.parent / 100)
    top = decide(study, ladder, 1)
    assert set(top.random) == set(up.random)
    assert len(top.best) == 1


def test_what_is_to_be_beaten_goes_all_the_way_up_and_what_is_over_the_cap_does_not(storage):
    study = prepared(
        budget__max_params="300k", search__first_models=["resnet20", "resnet32"], proxy__rungs=[1, 3], full__promote=1
    )
    ladder = ladder_of(study, storage)
    assert [model.origin for model in study.named] == ["resnet20"]
    baseline = ladder.first.add(study.named[0], state=TrialState.RUNNING, facts=TrialFacts(seeded=True))
    ladder.first.finish(baseline.number, 0.1, FACTS)
    for i in range(6):
        first(study, ladder.first, 0.5 + 0.1 * i)
    up = decide(study, ladder, 0)
    assert (up.named, baseline.number in up.best) == ((baseline.number,), False)
    assert promotion(study, ladder, 0) == up
    for one in planned(study, ladder, 0, up):
        train(ladder.rungs[1].store, one, 0.5 + one.parent / 100)
    top = decide(study, ladder, 1)
    assert (len(top.best), top.named) == (1, (baseline.number,))
    assert expected(study)["full"] == len(planned(study, ladder, 1, top)) == 2


def test_what_is_to_be_beaten_may_be_any_network_by_its_id():
    ids = ["3x16-3x32-3x64", "1x8-1x200", "4x64-5x128-3x256"]  # resnet20, one off the grid, model 5
    study = prepared(budget__max_params="5M", search__paper_models=True, search__first_models=ids)
    assert [model.origin for model in study.named] == ["model5", *ids[:2]]
    assert [model.spec.id for model in study.seeds[5:]] == ids[:2]
    for other in ("-".join(["1x8"] * 5), "s64-1x16-1x32", "se-resnet20", "3x16k5", "3x16=3x32", "n8-3x16", "3x16t6"):
        with pytest.raises(UsageError, match=f"has {other}, but a search knows networks of up to 4 stages whose stem"):
            prepared(search__first_models=[other])


def test_a_rung_that_is_added_later_takes_up_what_is_there(storage):
    short = prepared(search__trials=9, full__promote=1)
    ladder = ladder_of(short, storage)
    for i in range(9):
        first(short, ladder.first, 0.1 * i)
    (before,) = planned(short, ladder, 0, decide(short, ladder, 0))
    train(ladder.fulls, before, 0.5)
    longer = prepared(search__trials=9, full__promote=1, proxy__rungs=[3, 5])
    ladder = ladder_of(longer, storage)
    assert work_left(longer, ladder) == {"r3": 0, "r5": 3, "full": 0}
    up = planned(longer, ladder, 0, decide(longer, ladder, 0))
    assert [one.parent for one in up] == [8, 7, 6]
    for one in up:
        train(ladder.rungs[1].store, one, 1 - one.parent / 10)
    fulls = planned(longer, ladder, 1, decide(longer, ladder, 1))
    assert [one.parent for one in fulls] == [6, 8], "the new finalist, and the old one to compete with"
    assert [one.parent for one in ladder.full.missing(fulls)] == [6]


def test_more_trials_change_few_of_those_that_chance_sends_up(storage):
    study = prepared(search__trials=30, evidence__control_promotions=10)
    ladder = ladder_of(study, storage)
    drawn = []
    for i in range(30):
        first(study, ladder.first, 0.01 * i)
        drawn.append(set(promotion(study, ladder, 0).random))
    assert all(len(after - before) <= 1 for before, after in pairwise(drawn))
    assert drawn[9] == set(range(10))
    assert drawn[-1] != drawn[9]


def test_who_was_fully_trained_before_gets_as_many_repeats_as_the_newly_promoted(storage):
    study = prepared(full__promote=1)
    ladder = ladder_of(study, storage)
    first(study, ladder.first, 0.6)
    for one in planned(study, ladder, 0, decide(study, ladder, 0)):
        train(ladder.fulls, one, 0.9)
    first(study, ladder.first, 0.8)
    larger = with_(study, full={"repeats": 3, "finals": "equal"})
    listed = ladder.full.missing(planned(larger, ladder, 0, decide(larger, ladder, 0)))
    assert sorted((one.parent, one.repeat) for one in listed) == [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_every_tier_promotes_its_own(storage):
    study = prepared(budget__tiers=["6k", "60k"], budget__max_params=None, space__max_macs="none")
    ladder = ladder_of(study, storage)
    for score, width in ((0.2, 16), (0.1, 17), (0.9, 40), (0.8, 41), (0.7, 42)):
        first(study, ladder.first, score, width)
    params = [trial.candidate.params for trial in ladder.first.trials]
    assert max(params[:2]) <= 6_000 < min(params[2:])
    assert promotion(study, ladder, 0).best == (0, 1, 2, 3)


def test_what_failed_on_a_rung_goes_no_further(storage):
    study = prepared(proxy__rungs=[1, 3], evidence__control_promotions=4, full__promote=1)
    ladder = ladder_of(study, storage)
    for i in range(4):
        first(study, ladder.first, 0.1 * i)
    listed = planned(study, ladder, 0, decide(study, ladder, 0))
    for one in listed:
        train(ladder.rungs[1].store, one, None if one.parent == 3 else 0.5)
    assert 3 not in promotion(study, ladder, 1).numbers


@pytest.mark.parametrize(("blocks", "width"), [((2, 2), 64), ((1,), 44)], ids=["params", "MACs"])
def test_what_is_over_a_cap_is_not_promoted_whoever_put_it_there(storage, blocks, width):
    study = prepared(proxy__rungs=[1, 3], space__max_macs="2M", evidence__control_promotions=9, full__promote=4)
    ladder = ladder_of(study, storage)
    for score in (0.1, 0.2, 0.3):
        first(study, ladder.first, score)
    over = first(study, ladder.first, 0.9, width, blocks)
    assert not study.budget.fits(over.candidate)
    chosen = promotion(study, ladder, 0)
    assert set(chosen.numbers) == {0, 1, 2}
    assert chosen.best == (2, 1, 0)
    train(ladder.fulls, replace(planned(study, ladder, 1, chosen)[0], candidate=over.candidate, parent=3), 0.9)
    assert {one.parent for one in planned(study, ladder, 1, chosen)} == {0, 1, 2}


BUDGETS = [Budget(max_params=60_000)]


@pytest.fixture
def study():
    return prepared(full__repeats=3, full__finals="equal")


@pytest.fixture
def ladder(study, storage):
    found = ladder_of(study, storage)
    for score, width in ((0.5, 16), (0.9, 40), (0.7, 44)):
        first(study, found.first, score, width)
    return found


def runs(study, ladder, *numbers):
    return planned(study, ladder, 0, Promotion(best=numbers, random=()))


def test_when_all_full_trainings_fail_the_reason_is_told(study, ladder):
    assert choose(ladder.fulls, BUDGETS) is None
    assert ladder.fulls.facts.choices is None
    train(ladder.fulls, runs(study, ladder, 1)[0], None)
    with pytest.raises(BudgetNASError, match=r"all 1 full trainings failed \(the last: out of memory\)"):
        choose(ladder.fulls, BUDGETS)


def test_every_choice_is_recorded_once(study, ladder):
    one, other, again = runs(study, ladder, 1)[0], *runs(study, ladder, 2)[:2]
    for listed, score in ((one, 0.7), (other, 0.6), (again, 0.9)):
        train(ladder.fulls, listed, score)
        assert choose(ladder.fulls, BUDGETS) is not None
        choose(ladder.fulls, BUDGETS)
    assert [choice.winner for choice in ladder.fulls.facts.choices] == [1, 1, 2]


def test_every_tier_has_its_own_choice(study, ladder):
    small, large = runs(study, ladder, 0)[0], runs(study, ladder, 1)[0]
    train(ladder.fulls, small, 0.7)
    train(ladder.fulls, large, 0.8)
    choose(ladder.fulls, [Budget(max_params=small.candidate.params), *BUDGETS])
    (choice,) = ladder.fulls.facts.choices
    assert choice.tiers == {str(small.candidate.params): "1x16", "60000": "1x40"}


def test_what_is_over_a_cap_does_not_win(study, ladder):
    small, large = runs(study, ladder, 0)[0], runs(study, ladder, 1)[0]
    train(ladder.fulls, large, 0.9)
    tight = Budget(max_params=large.candidate.params, max_macs=large.candidate.macs - 1)
    assert choose(ladder.fulls, [tight]) is None
    assert ladder.fulls.facts.choices is None
    train(ladder.fulls, small, 0.5)
    for budget in (tight, Budget(max_params=large.candidate.params - 1)):
        assert choose(ladder.fulls, [budget]).candidate == small.candidate
    assert choose(ladder.fulls, [replace(tight, max_macs=None)]).candidate == large.candidate
