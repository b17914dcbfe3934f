"""What a study holds on to, and what it still asks for, without training."""

from __future__ import annotations

from dataclasses import replace

from small_studies import first, ladder_of, prepared, train

from budgetnas.pipeline.promote import decide, planned, planned_controls
from budgetnas.pipeline.work_left import expected, is_done, why_stopped, work_left
from budgetnas.trials.facts import Look, RunFacts
from budgetnas.trials.selection import finalists


def look_at_everything(ladder):
    looks = {
        f"{level.name}/{trial.number}:{trial.facts.weights_sha256}": Look(correct=1, images=2)
        for level in ladder.tested
        for trial in level.store.trials
        if trial.facts.weights_sha256
    }
    ladder.fulls.record(RunFacts(looks=looks))


def test_what_is_left_is_counted_down_to_nothing(storage):
    study = prepared(search__trials=3)
    ladder = ladder_of(study, storage)
    assert work_left(study, ladder) == expected(study) == {"r3": 3, "full": 2}
    for score in (0.5, 0.9):
        first(study, ladder.first, score)
    assert work_left(study, ladder) == {"r3": 1, "full": 2}
    assert why_stopped(study, ladder) == "short trainings of 3 epochs are left; run the same command to resume"
    engine = replace(study.config.engine, max_hours=1.5)
    timed = replace(study, config=replace(study.config, engine=engine))
    assert (
        why_stopped(timed, ladder)
        == "the 1.5 hours of `engine.max_hours` were over; raise it and run the same command to resume"
    )
    first(study, ladder.first, 0.8)
    assert work_left(study, ladder) == {"r3": 0, "full": 2}
    best, second = planned(study, ladder, 0, decide(study, ladder, 0))
    train(ladder.fulls, best, 0.9)
    train(ladder.fulls, second, None)
    assert work_left(study, ladder) == {"r3": 0, "full": 1}
    assert why_stopped(study, ladder) == "some full trainings failed; run the same command to retry them"
    train(ladder.fulls, second, 0.7)
    assert work_left(study, ladder) == {"r3": 0, "full": 0}
    assert not is_done(study, ladder)
    assert why_stopped(study, ladder) == "looks at the test set are left; run the same command to resume"
    look_at_everything(ladder)
    assert is_done(study, ladder)
    assert why_stopped(study, ladder) == "all trials were done"


def test_rungs_and_controls_are_expected_until_they_are_known(storage):
    study = prepared(
        search__trials=7, proxy__rungs=[1, 3], full__repeats=2, full__finals="equal", evidence__controls=True,
        evidence__control_promotions=1,
    )  # fmt: skip
    nets = len(study.controls)
    ladder = ladder_of(study, storage)
    assert work_left(study, ladder) == expected(study) == {"r1": 7, "r3": 4, "full": 6, "controls": 2 + 2 * nets}
    for i in range(7):
        first(study, ladder.first, 0.1 * i)
    chosen = planned(study, ladder, 0, decide(study, ladder, 0))
    assert work_left(study, ladder)["r3"] == len(chosen)
    for one in chosen:
        train(ladder.rungs[1].store, one, 0.5)
    fulls = planned(study, ladder, 1, decide(study, ladder, 1))
    assert work_left(study, ladder)["full"] == len(fulls)
    for one in fulls:
        train(ladder.fulls, one, 0.5)
    listed = planned_controls(study, finalists(ladder.fulls.trials)[0])
    distinct = {one.key for one in listed}
    assert work_left(study, ladder) == {"r1": 0, "r3": 0, "full": 0, "controls": len(distinct)}
    assert not is_done(study, ladder)
    for one in {one.key: one for one in listed}.values():
        train(ladder.controls.store, one, 0.5)
    look_at_everything(ladder)
    assert is_done(study, ladder)


def test_more_trials_are_expected_to_need_what_is_not_there_yet(storage):
    study = prepared(search__trials=6, proxy__rungs=[1, 3], full__promote=1)
    ladder = ladder_of(study, storage)
    for i in range(6):
        first(study, ladder.first, 0.1 * i)
    for one in planned(study, ladder, 0, decide(study, ladder, 0)):
        train(ladder.rungs[1].store, one, 0.5)
    for one in planned(study, ladder, 1, decide(study, ladder, 1)):
        train(ladder.fulls, one, 0.5)
    larger = prepared(search__trials=9, proxy__rungs=[1, 3], full__promote=1)
    assert work_left(larger, ladder) == {"r1": 3, "r3": 1, "full": 0}


def test_a_training_that_failed_and_was_mended_is_no_reason_to_have_stopped(storage):
    study = prepared(search__trials=3)
    ladder = ladder_of(study, storage)
    for i in range(3):
        first(study, ladder.first, 0.1 * i)
    best, _ = planned(study, ladder, 0, decide(study, ladder, 0))
    train(ladder.fulls, best, None)
    train(ladder.fulls, best, 0.9)
    assert why_stopped(study, ladder) == "full trainings are left; run the same command to resume"


def test_a_control_that_failed_and_is_not_asked_for_any_more_is_no_reason_either(storage):
    study = prepared(full__promote=1, search__trials=1, evidence__controls=True)
    ladder = ladder_of(study, storage)
    first(study, ladder.first, 0.5)
    for one in planned(study, ladder, 0, decide(study, ladder, 0)):
        train(ladder.fulls, one, 0.5)
    listed = planned_controls(study, finalists(ladder.fulls.trials)[0])
    for one in listed:
        train(ladder.controls.store, one, None if one.candidate.origin == "the most-MACs network" else 0.5)
    assert why_stopped(study, ladder) == "some control trainings failed; run the same command to retry them"
    evidence = replace(study.config.evidence, control_networks=("scaled", "random"), control_repeats=2)
    other = replace(study, config=replace(study.config, evidence=evidence))
    assert why_stopped(other, ladder) == "control trainings are left; run the same command to resume"


def test_a_band_that_ran_out_leaves_nothing(storage):
    study = prepared(full__promote=1)
    ladder = ladder_of(study, storage)
    first(study, ladder.first, 0.5)
    ladder.first.record(RunFacts(exhausted=True))
    assert work_left(study, ladder) == {"r3": 0, "full": 1}
    train(ladder.fulls, planned(study, ladder, 0, decide(study, ladder, 0))[0], 0.9)
    look_at_everything(ladder)
    assert why_stopped(study, ladder) == "the band ran out of architectures"
