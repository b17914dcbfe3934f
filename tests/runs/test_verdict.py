from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_ind
from small_studies import FACTS

from budgetnas.arrays import packed
from budgetnas.pipeline.look_by_look import look_rule
from budgetnas.pipeline.promote import record_controls
from budgetnas.runs.files import csv_tables
from budgetnas.runs.report_facts import report_facts
from budgetnas.runs.summary import as_json
from budgetnas.runs.verdict import compare, controls_table, equal_cost, verdict
from budgetnas.text import trimmed
from budgetnas.trials.facts import Look, RunFacts, TrialFacts
from budgetnas.trials.trial import TrialState, look_key


def test_without_controls_the_verdict_is_not_tested(make):
    made = make()
    made.trained([0.5, 0.6, 0.7])
    made.promoted()
    made.tested()
    assert compare(made.result()) == []
    assert verdict(made.result(), []).startswith("Not tested")


def control_score(one):
    offset = {"the winner": 0.9, "the most-MACs network": 0.8, "a random network": 0.9}.get(one.candidate.origin, 0.95)
    return offset + (0.001, -0.002, 0.004)[one.repeat]


def test_gains_are_differences_of_test_accuracy_with_welchs_interval(make):
    made = make(full__repeats=3, evidence__controls=True)
    made.trained([0.5, 0.6, 0.7])
    made.promoted()
    made.controlled(control_score)
    made.tested()
    result = made.result()
    found = {one.name: one for one in compare(result)}
    names = ["the winner", "scaled ResNet-18 of 3 stages", "the most-MACs network", "a random network"]
    assert list(found) == names
    assert found["the winner"].gain is None
    rival = found["the most-MACs network"]
    own = [100 * value for value in found["the winner"].tests]
    exact = ttest_ind(own, [100 * value for value in rival.tests], equal_var=False).confidence_interval(0.95)
    assert (rival.gain.low, rival.gain.high) == pytest.approx((exact.low, exact.high))
    assert [found[name].verdict for name in names[1:]] == ["loss shown", "gain shown", "no gain shown"]
    told = verdict(result, compare(result))
    assert "gain shown over the most-MACs network (+10.00 [" in told.lower().replace("macs", "MACs")
    assert "3 fresh seeds" in told
    table = controls_table(compare(result))
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_one_repeat_has_no_interval(make):
    made = make(evidence__controls=True)
    made.trained([0.5, 0.6, 0.7])
    made.promoted()
    made.controlled(control_score)
    made.tested()
    assert {one.verdict for one in compare(made.result())[1:]} == {"no interval: one repeat"}
    assert "No interval: one repeat, beside" in verdict(made.result(), compare(made.result()))


def test_a_winner_that_is_a_control_is_said_to_be_it(make):
    made = make(full__promote=1, evidence__controls=True)
    net = next(net for net in made.study.controls if net.origin == "the most-MACs network")
    trial = made.ladder.first.add(net, state=TrialState.RUNNING, facts=TrialFacts())
    made.ladder.first.finish(trial.number, 0.9, FACTS)
    made.promoted()
    made.controlled(control_score)
    made.tested()
    found = {one.name: one for one in compare(made.result())}
    assert found["the most-MACs network"].gain is None
    assert found["the most-MACs network"].verdict == "the winner itself"
    assert verdict(made.result(), compare(made.result())).startswith("The winner is itself the most-MACs network. ")


def test_only_the_winner_is_the_winner_itself_and_a_control_without_a_look_is_not_tested(make):
    made = make(evidence__controls=True, full__repeats=2)
    made.trained([0.5, 0.6, 0.7])
    made.promoted()
    made.controlled(control_score)
    made.tested()
    looks = made.ladder.fulls.facts.looks
    rival = next(net for net in made.result().facts.controls if net.name == "the most-MACs network")
    numbers = [trial.number for trial in made.ladder.controls.store.trials if trial.candidate.spec.id == rival.spec]
    unread = tuple(f"controls/{number}:" for number in numbers)
    made.ladder.fulls.record(RunFacts(looks={key: look for key, look in looks.items() if not key.startswith(unread)}))
    found = {one.name: one for one in compare(made.result())}
    assert (found["the most-MACs network"].gain, found["the most-MACs network"].verdict) == (None, "not tested yet")
    told = verdict(made.result(), compare(made.result()))
    assert "itself" not in told
    assert told.endswith("Not trained and tested yet: the most-MACs network.")


def test_a_control_that_was_trained_stays_in_the_verdict_whatever_is_asked_for_later(make):
    made = make(evidence__controls=True, full__repeats=2)
    made.trained([0.5, 0.6, 0.7])
    made.promoted()
    made.controlled(control_score)
    before = [one.name for one in compare_tested(made)]
    evidence = replace(made.study.config.evidence, control_networks=("random", "resnet20"))
    made.study = replace(made.study, config=replace(made.study.config, evidence=evidence))
    record_controls(made.study, made.ladder.fulls, made.ladder.controls.store.trials)
    assert sorted(one.name for one in compare_tested(made)) == sorted(before)


def test_a_control_that_an_older_version_named_is_one_with_what_it_is_called_now(make):
    words = {"budget__max_params": "5M", "full__promote": 1, "evidence__control_networks": ["report"]}
    made = make(**words, evidence__controls=True)
    made.trained([0.5])
    made.promoted()
    made.controlled(control_score)
    made.tested()
    (control,) = made.result().facts.controls
    assert control.name == "model5 of Pei et al."
    made.ladder.fulls.record(RunFacts(controls=(replace(control, name="model5 of the report"),)))
    record_controls(made.study, made.ladder.fulls, made.ladder.controls.store.trials)
    assert [one.name for one in compare(made.result())] == ["the winner", "model5 of Pei et al."]
    assert "model5 of Pei et al." in verdict(made.result(), compare(made.result()))


def compare_tested(made):
    made.tested()
    return compare(made.result())


def test_controls_that_are_not_trained_yet_are_said_to_be_missing(make):
    made = make(evidence__controls=True)
    made.trained([0.5, 0.6, 0.7])
    made.promoted()
    made.tested()
    assert "controls are not trained and tested yet" in verdict(made.result(), compare(made.result()))


def scored(scores):
    """Give the networks of a level their scores by origin, with seeds that differ."""
    return lambda one: scores.get(one.candidate.origin, 0.5) + (0.001, -0.002, 0.004)[one.repeat]


def test_the_best_random_network_at_equal_cost_is_a_control_of_its_own(make):
    made = make(evidence__random_control=True, evidence__control_repeats=3, full__promote=1)
    made.trained([0.5, 0.6, 0.7])
    made.promoted()
    made.controlled(scored({"the winner": 0.9, "the best random network": 0.8, "random": 0.7}))
    made.tested()
    result = made.result()
    assert [one.name for one in compare(result)] == ["the winner", "the best random network"]
    assert verdict(result, compare(result)).startswith("Gain shown over the best random network (+10.00 [")
    arm = result.random_arm
    assert as_json(result)["random_control"]["drawn"] == list(arm.drawn)
    told = equal_cost(result)
    networks = len(arm.drawn) + len(arm.shared)
    assert told.startswith(f"{networks} random networks, 1 of them of the search's own start, fully trained for ")
    assert f"{arm.cost:.2e} MACs, the search for {arm.search_cost:.2e}" in told
    assert any(told in note for note in controls_table(compare(result), arm=told).notes)
    assert ("equal cost", told) in report_facts(result).lines
    assert {level for level, *_ in csv.reader(csv_tables(result)["trainings"]().splitlines())} >= {"random", "controls"}


def test_a_winner_that_is_also_the_best_random_network_is_said_to_be_it(make):
    made = make(evidence__random_control=True, evidence__control_repeats=2, full__promote=1)
    made.trained([0.5, 0.6, 0.7])
    made.promoted()
    made.controlled(scored({"the winner": 0.9, "random": 0.1}))  # the winner is of the shared start
    made.tested()
    result = made.result()
    assert [one.spec for one in compare(result)] == [result.winner.candidate.spec.id] * 2
    assert verdict(result, compare(result)) == "The winner is itself the best random network."


def test_without_its_trainings_the_control_at_equal_cost_is_not_tested_yet(make):
    made = make(evidence__random_control=True)
    made.trained([0.5, 0.6, 0.7])
    made.promoted()
    result = made.result()
    assert verdict(result, compare(result)).startswith("Not tested: the controls are not trained and tested yet")
    assert equal_cost(result) == ""


def look(correct, seed=0, images=1000):
    right = np.random.default_rng(seed).permutation(images) < correct
    return Look(correct=correct, images=images, right=packed(right))


def looked(made, numbers):
    """Look at winner and controls with so many right images by seed, the winner's after its own."""
    looks = {}
    for trial in made.ladder.controls.store.trials:
        name = next((net.origin for net in made.study.controls if net.spec == trial.candidate.spec), "the winner")
        if name in numbers and trial.repeat < len(numbers[name]):
            key = look_key(trial, "controls")
            looks[key] = look(numbers[name][trial.repeat], seed=100 * trial.number + trial.repeat)
    made.ladder.fulls.record(RunFacts(looks=looks))


@pytest.fixture
def sequence(make):
    made = make(evidence__controls=True, evidence__looks=[2, 3, 5], evidence__control_networks=["random", "most_macs"])
    made.trained([0.5, 0.6, 0.7])
    made.promoted()
    made.controlled(lambda one: 0.5)
    made.ladder.fulls.record(RunFacts(look_rule=look_rule(made.study)))
    return made


def test_sequential_looks_say_how_many_seeds_and_looks_there_were_and_how_often_they_err(sequence):
    own = [900, 904, 898, 902, 901]
    rivals = {"a random network": [600, 604, 650], "the most-MACs network": [900, 880, 915, 890, 905]}
    looked(sequence, {"the winner": own, **rivals})
    result = sequence.result()
    compared = compare(result)
    found = {one.name: one for one in compared}
    drawn, most = found["a random network"], found["the most-MACs network"]
    assert (drawn.standing.look, drawn.standing.seeds, drawn.verdict) == (1, 2, "gain shown")
    exact = ttest_ind([90, 90.4], [60, 60.4], equal_var=False).confidence_interval(1 - 0.05 / 3)
    assert (drawn.gain.low, drawn.gain.high) == pytest.approx((exact.low, exact.high))
    assert (most.standing.look, most.standing.seeds, most.verdict) == (3, 5, "no gain shown")
    told = verdict(result, compared)
    assert " over seeds and images, 2 seeds of each, 1 look)" in told
    assert "5 seeds of each, 3 looks)" in told
    assert told.endswith("5 fresh seeds of the winner; 95 % in all, over up to 3 looks.")
    (note, images, _) = controls_table(compared, result.facts.look_rule).notes
    assert "Welch's 98.33 % interval over seeds, after 2, 3 and 5 seeds of each" in note
    assert note.endswith("95 % in all, over up to 3 looks, for each control.")
    assert "uncorrected" not in note
    assert images.startswith("With images: ")
    assert drawn.as_json()["looks"] == 1
    assert drawn.as_json()["gain_on_images"]["high"] > drawn.as_json()["gain"]["high"]


def test_between_two_looks_nothing_is_decided(sequence):
    looked(sequence, {"the winner": [900, 904], "the most-MACs network": [890, 910], "a random network": [600]})
    found = {one.name: one for one in compare(sequence.result())}
    assert found["the most-MACs network"].verdict == "not decided yet"
    assert (found["a random network"].verdict, found["a random network"].gain) == ("not tested yet", None)
    told = verdict(sequence.result(), list(found.values()))
    assert told.startswith("Not decided yet, beside the most-MACs network (")
    assert told.endswith("Not trained and tested yet: a random network.")


def test_a_gain_that_other_images_may_undo_is_said_to_be_one_on_this_test_set(make):
    made = make(evidence__controls=True, full__repeats=3, evidence__control_networks=["random", "most_macs"])
    made.trained([0.5, 0.6, 0.7])
    made.promoted()
    made.controlled(lambda one: 0.5)
    close, far = [500, 501, 500], [100, 101, 102]
    looked(made, {"the winner": [510, 511, 512], "a random network": close, "the most-MACs network": far})
    found = {one.name: one for one in compare(made.result())}
    assert found["a random network"].verdict == "gain shown on this test set"
    assert found["the most-MACs network"].verdict == "gain shown"
    told = verdict(made.result(), list(found.values()))
    assert "ain shown on this test set over a random network (+1.07 [+" in told
    assert " over seeds, [-" in told
    table = trimmed(controls_table(list(found.values())))
    assert "with images" in table.columns
    assert "uncorrected for multiple comparisons." in table.notes[0]
    for one in report_facts(made.result()).compared:  # what the forest plot draws
        assert one.tests == found[one.name].tests
        assert (one.gain, one.gain_on_images) == (found[one.name].gain, found[one.name].wider)
        assert one.over_images[0] < one.over_seeds[0] < one.over_seeds[1] < one.over_images[1]


def test_looks_that_do_not_name_their_images_or_contradict_themselves_have_no_wider_interval(make):
    made = make(evidence__controls=True, full__repeats=2, evidence__control_networks=["random"])
    made.trained([0.5, 0.6, 0.7])
    made.promoted()
    made.controlled(lambda one: 0.5)
    looked(made, {"the winner": [510, 511], "a random network": [500, 505]})
    looks = dict(made.ladder.fulls.facts.looks)
    assert compare(made.result())[1].wider
    for wrong in (None, "", "no base64", look(17).right, look(500, images=999).right[:8]):
        key = next(iter(looks))
        made.ladder.fulls.record(RunFacts(looks={**looks, key: replace(looks[key], right=wrong)}))
        (rival,) = compare(made.result())[1:]
        assert rival.wider is None
        assert "with images" not in trimmed(controls_table(compare(made.result()))).columns
