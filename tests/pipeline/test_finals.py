"""Finals by halving: who is fully trained, who gets all seeds, and who wins, on a real storage without training."""

from __future__ import annotations

from dataclasses import replace

from small_studies import FACTS, first, ladder_of, prepared, train

from budgetnas.pipeline.plan_lines import training_lines
from budgetnas.pipeline.promote import (
    choose,
    decide,
    decide_finals,
    finals,
    planned,
    planned_finals,
    ranking,
)
from budgetnas.pipeline.work_left import expected, work_left
from budgetnas.trials.facts import Promotion, RunFacts, TrialFacts
from budgetnas.trials.trial import TrialState


def searched(storage, trials=12, **changes):
    study = prepared(search__trials=trials, full__promote=3, full__repeats=3, **changes)
    ladder = ladder_of(study, storage)
    for i in range(trials):
        first(study, ladder.first, 0.5 + 0.01 * i)
    return study, ladder


def with_full(study, **changes):
    return replace(study, config=replace(study.config, full=replace(study.config.full, **changes)))


def train_once(study, ladder, score=lambda one: 0.5 + one.parent / 100):
    for one in ladder.full.missing(planned(study, ladder, 0, decide(study, ladder, 0))):
        train(ladder.fulls, one, score(one))


def train_finals(study, ladder, score=lambda one: 0.5 + one.parent / 100):
    for one in ladder.full.missing(planned_finals(study, ladder, decide_finals(study, ladder))):
        train(ladder.fulls, one, score(one))


def test_more_networks_are_trained_once_and_the_best_get_the_other_seeds(storage):
    study, ladder = searched(storage)
    assert work_left(study, ladder) == {"r3": 0, "full": 9}
    assert expected(study) == {"r3": 12, "full": 9}
    once = planned(study, ladder, 0, decide(study, ladder, 0))
    assert [one.repeat for one in once] == [0] * 5
    train(ladder.fulls, once[0], 0.9)
    assert work_left(study, ladder)["full"] == 8
    train_once(study, ladder)
    assert work_left(study, ladder)["full"] == 4
    best = decide_finals(study, ladder).best
    assert set(best) < {one.parent for one in once}
    more = ladder.full.missing(planned_finals(study, ladder, finals(study, ladder)))
    assert sorted((one.parent, one.repeat) for one in more) == [(n, r) for n in sorted(best) for r in (1, 2)]
    train_finals(study, ladder)
    assert work_left(study, ladder) == {"r3": 0, "full": 0}
    assert dict(training_lines(study))["promotion"] == "best 5, 10 epochs, once; then the best 2 with 3 seeds"


def test_who_gets_all_seeds_is_decided_once(storage):
    study, ladder = searched(storage)
    train_once(study, ladder)
    assert decide_finals(study, ladder).to == "finals"
    key = "5 of full to finals, 3 promoted with 3 seeds"
    assert key in ladder.fulls.facts.promotions
    other = Promotion(to="finals", best=(8, 7), random=())
    ladder.fulls.record(RunFacts(promotions={**ladder.fulls.facts.promotions, key: other}))
    train(ladder.fulls, planned_finals(study, ladder, other)[2], 0.99)
    assert finals(study, ladder) == decide_finals(study, ladder) == other


def test_the_winner_has_all_seeds_and_its_choice_stays(storage):
    study, ladder = searched(storage)
    train_once(study, ladder, lambda one: 0.7 + one.parent / 1000)
    best = decide_finals(study, ladder).best
    train_finals(study, ladder, lambda one: 0.6)
    ranked = ranking(study, ladder)
    assert {one.parent for one in ranked[:2]} == set(best), "whatever the others scored once"
    assert [one.seeds for one in ranked] == [3, 3, 1, 1, 1]
    winner = choose(ladder.fulls, study.budgets, ranked=ranked)
    (choice,) = ladder.fulls.facts.choices
    assert (choice.winner, choice.repeats, choice.among, choice.trainings) == (winner.parent, 3, 5, 9)
    ladder.fulls.record(RunFacts(choices=(replace(choice, winner=ranked[1].parent),)))
    assert ranking(study, ladder)[0].parent == ranked[1].parent, "a choice by the same trainings stays"
    assert choose(ladder.fulls, study.budgets, ranked=ranking(study, ladder)).parent == ranked[1].parent


def test_what_is_to_be_beaten_gets_all_seeds_and_what_chance_sends_up_one(storage):
    study = prepared(
        budget__max_params="300k", search__first_models=["resnet20"], search__trials=9, full__promote=2,
        full__repeats=2, evidence__control_promotions=2,
    )  # fmt: skip
    ladder = ladder_of(study, storage)
    baseline = ladder.first.add(study.named[0], state=TrialState.RUNNING, facts=TrialFacts(seeded=True))
    ladder.first.finish(baseline.number, 0.1, FACTS)
    for i in range(8):
        first(study, ladder.first, 0.5 + 0.01 * i)
    assert expected(study)["full"] == 3 + 1 + 2 + 1 + 1
    train_once(study, ladder)
    chosen = decide_finals(study, ladder)
    assert (chosen.named, baseline.number in chosen.best, len(chosen.best)) == ((baseline.number,), False, 1)
    train_finals(study, ladder)
    seeds = {one.parent: len(one.runs) for one in ranking(study, ladder)}
    assert {number for number, runs in seeds.items() if runs == 2} == set(chosen.numbers)
    assert dict(training_lines(study))["promotion"] == (
        "best 3, resnet20 and 2 at random, 10 epochs, once; then the best, resnet20 with 2 seeds"
    )


def test_where_networks_are_few_more_of_them_get_all_seeds(storage):
    study, ladder = searched(storage, trials=4)
    train_once(study, ladder)
    assert len(ranking(study, ladder)) == 4
    assert work_left(study, ladder)["full"] == 4
    assert len(decide_finals(study, ladder).best) == 2
    study, ladder = with_full(study, repeats=2), ladder
    assert len(decide_finals(study, ladder).best) == 2, "six trainings: four once, two again"


def test_every_tier_has_its_finalists(storage):
    study = prepared(
        budget__tiers=["6k", "60k"], budget__max_params=None, space__max_macs="none", search__trials=8, full__promote=2,
        full__repeats=2,
    )  # fmt: skip
    ladder = ladder_of(study, storage)
    for i in range(4):
        first(study, ladder.first, 0.2 + i / 100, 16 + i)
        first(study, ladder.first, 0.9 + i / 100, 40 + i)
    train_once(study, ladder)
    chosen = decide_finals(study, ladder)
    params = [ladder.first.trials[number].candidate.params for number in chosen.best]
    assert [one <= 6_000 for one in params] == [True, True, False], "the lower one has two networks only"


def test_other_promotions_and_seeds_may_be_asked_for_later(storage):
    study, ladder = searched(storage)
    train_once(study, ladder)
    train_finals(study, ladder)
    choose(ladder.fulls, study.budgets, ranked=ranking(study, ladder))
    larger = with_full(study, promote=4)
    assert work_left(larger, ladder)["full"] == 12 - 9, "three more networks"
    train_once(larger, ladder)
    train_finals(larger, ladder)
    assert work_left(larger, ladder)["full"] == 0
    more = with_full(study, repeats=4)
    train_once(more, ladder)
    train_finals(more, ladder)
    assert work_left(more, ladder)["full"] == 0
    assert ranking(more, ladder)[0].seeds == 4
    same = with_full(study, finals="equal")
    assert {one.repeat for one in planned(same, ladder, 0, decide(same, ladder, 0))} == {0, 1, 2}


def test_a_failed_training_is_left_and_the_finals_take_the_others(storage):
    study, ladder = searched(storage)
    once = planned(study, ladder, 0, decide(study, ladder, 0))
    for one in once:
        train(ladder.fulls, one, None if one is once[0] else 0.5 + one.parent / 100)
    assert once[0].parent not in decide_finals(study, ladder).best
    train_finals(study, ladder)
    assert work_left(study, ladder)["full"] == 1
