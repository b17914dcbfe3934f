"""The control at equal cost: which random networks, how many, and which of them is the best."""

from __future__ import annotations

from dataclasses import replace

from optuna.storages import InMemoryStorage
from small_studies import first, ladder_of, prepared, train

from budgetnas.arch.spec import ResNetSpec
from budgetnas.pipeline.limits import study_limits
from budgetnas.pipeline.plan_lines import training_lines
from budgetnas.pipeline.promote import choose, decide, planned, planned_controls, ranking, record_controls
from budgetnas.pipeline.random_arm import best_random, decide_arm, planned_arm, random_arm
from budgetnas.pipeline.work_left import expected, rival, work_left
from budgetnas.trials.counted_cost import total_cost, training_cost
from budgetnas.trials.facts import RunFacts
from budgetnas.trials.trial import BEST_RANDOM, complete


def searched(storage, trials=12, **changes):
    """Make a search of short trainings that cost 1 and full ones that cost 10 images."""
    changes = {"evidence__random_control": True, "full__promote": 2, "space__max_macs": "none", **changes}
    study = prepared(search__trials=trials, **changes)
    ladder = ladder_of(study, storage)
    more(study, ladder, trials)
    return study, ladder


def more(study, ladder, trials):
    for i in range(len(ladder.first.trials), trials):
        first(study, ladder.first, 0.5 + 0.01 * i)
    for one in ladder.full.missing(planned(study, ladder, 0, decide(study, ladder, 0))):
        train(ladder.fulls, one, 0.5 + one.parent / 100)


def train_arm(study, ladder, score=lambda number: 0.4 + number / 100):
    for number, one in enumerate(ladder.random.missing(planned_arm(study, decide_arm(study, ladder)))):
        train(ladder.random.store, one, score(number))


def cost_of(study, ids):
    return sum(training_cost(study.candidate(ResNetSpec.from_id(name), ""), 10) for name in ids)


def test_random_networks_are_drawn_until_they_cost_as_much_as_the_search(storage):
    study, ladder = searched(storage, full__repeats=1)
    arm = random_arm(study, ladder)
    assert arm.search_cost == total_cost(ladder.first.trials) + total_cost(ladder.fulls.trials)
    assert arm.cost == cost_of(study, [*arm.shared, *arm.drawn])
    assert len(set(arm.drawn) | set(arm.shared)) == len(arm.drawn) + len(arm.shared)
    last = cost_of(study, arm.drawn[-1:])
    assert abs(arm.cost - arm.search_cost) <= abs(arm.cost - last - arm.search_cost), "nearer with the last one"
    nets = [one.candidate for one in planned_arm(study, arm)]
    assert all(study.budget.fits(net) and net.params >= study.tiers[-1].band.low for net in nets)
    assert [net.spec.id for net in nets] == list(arm.drawn)


def test_they_are_recorded_before_the_first_is_trained_and_a_resume_keeps_them(storage):
    study, ladder = searched(storage)
    arm = decide_arm(study, ladder)
    assert ladder.fulls.facts.random_arms == (arm,)
    other = replace(arm, drawn=arm.drawn[:1])
    ladder.fulls.record(RunFacts(random_arms=(other,)))
    assert random_arm(study, ladder) == decide_arm(study, ladder) == other
    assert ladder.fulls.facts.random_arms == (other,)


def test_a_search_that_goes_on_adds_networks_and_keeps_those_it_had(storage):
    study, ladder = searched(storage)
    before = decide_arm(study, ladder)
    train_arm(study, ladder)
    assert work_left(study, ladder)["random"] == 0
    larger = replace(study, config=replace(study.config, search=replace(study.config.search, trials=20)))
    more(larger, ladder, 20)
    after = decide_arm(larger, ladder)
    assert after.search_cost > before.search_cost
    assert set(before.drawn) <= set(after.drawn) | set(after.shared)
    assert ladder.fulls.facts.random_arms == (before, after)
    assert work_left(larger, ladder)["random"] == len(set(after.drawn) - set(before.drawn)) > 0


def test_fully_trained_networks_of_the_random_start_count_for_both_and_are_not_trained_again(storage):
    study, ladder = searched(storage, trials=6, full__repeats=2, full__finals="equal")
    arm = random_arm(study, ladder)
    promoted = {trial.candidate.spec.id for trial in ladder.fulls.trials}
    assert set(arm.shared) == promoted, "each once, at the cost of one training"
    assert not promoted & {one.candidate.spec.id for one in planned_arm(study, arm)}
    late, ladder_ = searched(InMemoryStorage(), trials=12)
    start = {trial.candidate.spec.id for trial in ladder_.first.trials[:10]}
    assert set(random_arm(late, ladder_).shared) <= start
    assert {trial.candidate.spec.id for trial in ladder_.fulls.trials} - start, "the last two scored highest"


def test_the_best_of_both_parts_is_known_when_all_have_ended(storage):
    study, ladder = searched(storage, trials=6)
    arm = decide_arm(study, ladder)
    first_one, *others = planned_arm(study, arm)
    train(ladder.random.store, first_one, 0.99)
    assert rival(study, ladder) is None
    for one in others:
        train(ladder.random.store, one, 0.3)
    found = best_random(study, ladder, arm)
    assert (found.spec, found.origin) == (first_one.candidate.spec, BEST_RANDOM)
    winner = choose(ladder.fulls, study.budgets, ranked=ranking(study, ladder))
    listed = planned_controls(study, winner, found)
    assert [one.candidate.origin for one in listed] == ["the winner", BEST_RANDOM], "no other control was asked for"


def test_a_network_of_the_search_may_be_the_best_random_one(storage):
    study, ladder = searched(storage, trials=6)
    train_arm(study, ladder, lambda number: 0.1)
    assert rival(study, ladder).spec == ranking(study, ladder)[0].candidate.spec


def test_a_training_that_failed_does_not_keep_the_others_from_being_judged(storage):
    study, ladder = searched(storage, trials=6)
    train_arm(study, ladder, lambda number: None if number == 0 else 0.99)
    assert rival(study, ladder).spec.id in decide_arm(study, ladder).drawn[1:]
    assert work_left(study, ladder)["random"] == 1


def test_where_posterior_means_decide_they_decide_here_too(storage):
    study, ladder = searched(storage, trials=12, full__repeats=2)
    arm = decide_arm(study, ladder)
    train_arm(study, ladder)
    assert len(complete(ladder.random.store.trials)) >= 3
    assert rival(study, ladder).spec.id in (*arm.drawn, *arm.shared)


def test_a_best_random_network_of_fewer_stays_in_the_verdict_under_another_name(storage):
    study, ladder = searched(storage, trials=6)
    train_arm(study, ladder)
    winner, best = ranking(study, ladder)[0], rival(study, ladder)
    record_controls(study, ladder.fulls, (), best)
    for one in planned_controls(study, winner, best):
        train(ladder.controls.store, one, 0.5)
    other = replace(best, spec=planned_arm(study, decide_arm(study, ladder))[0].candidate.spec)
    record_controls(study, ladder.fulls, ladder.controls.store.trials, other)
    names = {control.name: control.spec for control in ladder.fulls.facts.controls}
    assert names == {BEST_RANDOM: other.spec.id, f"{BEST_RANDOM} before": best.spec.id}
    record_controls(study, ladder.fulls, ladder.controls.store.trials, other)
    assert {control.name for control in ladder.fulls.facts.controls} == set(names)


def test_the_plan_says_how_many_about_and_with_which_the_winner_is_compared():
    study = prepared(search__trials=30, evidence__random_control=True, full__repeats=2, proxy__rungs=[1, 3])
    lines = dict(training_lines(study))
    numbers = expected(study)
    assert list(numbers) == ["r1", "r3", "full", "random", "controls"]
    assert numbers["random"] == round(30 * 0.1 + numbers["r3"] * 0.3 + 4)
    assert numbers["controls"] == 2 * 2
    assert lines["equal cost"].startswith(f"about {numbers['random']} random networks, fully trained once each")
    assert lines["controls"] == "the winner, the best random network: 10 epochs, 2 fresh seeds each"
    assert "no verdict" not in {limit.name for limit in study_limits(study)}
