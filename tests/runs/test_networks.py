from __future__ import annotations

import json

import pytest
from small_studies import train

from budgetnas.arch.spec import ResNetSpec
from budgetnas.cli.main import main
from budgetnas.pipeline.level import PlannedTraining
from budgetnas.runs.networks import AFTER_LAST, best_of, read_networks
from budgetnas.storage.files import own
from budgetnas.trials.facts import Look, RunFacts, TrialFacts
from budgetnas.trials.trial import Candidate, Looks, Trial, TrialState

SCORES = (0.5, 0.7, 0.6)


@pytest.fixture
def searched(make_on_disk, tmp_path):
    """Make a made-up search; return it, and a function that moves it to a folder of its name and returns that."""

    def search(**changes):
        made = make_on_disk(full__repeats=2, full__finals="equal", **changes)

        def moved():
            folder = tmp_path / "runs" / "s"
            folder.mkdir(parents=True)
            (tmp_path / "study.db").rename(folder / "study.db")
            return folder

        return made, moved

    return search


def test_the_networks_of_a_run_stand_by_how_far_they_got_and_then_by_their_scores(searched):
    made, moved = searched(evidence__controls=True)
    made.trained(SCORES)
    made.promoted(lambda one: {1: 0.8, 2: 0.9}[one.parent] + one.repeat / 100)
    made.controlled(lambda one: 0.75)
    specs = [trial.candidate.spec.id for trial in made.ladder.first.trials]
    controls = {trial.candidate.spec.id for trial in made.ladder.controls.store.trials} - set(specs)
    assert controls
    found = read_networks(moved())
    assert [one.spec for one in found[:2]] == [specs[2], specs[1]]
    assert [one.scores["full"] for one in found[:2]] == [[0.9, 0.91], [0.8, 0.81]]
    assert {one.spec for one in found[2:-1]} == controls  # they had the same training
    assert found[-1].spec == specs[0]
    assert found[-1].scores == {"r3": [0.5]}
    assert all(list(one.scores) == sorted(one.scores, key=["r3", "full", "controls"].index) for one in found)


def test_what_is_under_way_and_what_failed_is_told_and_what_was_pruned_is_not(searched, capsys):
    made, moved = searched()
    made.trained(SCORES)
    nets = [trial.candidate for trial in made.ladder.first.trials]
    made.ladder.fulls.add(nets[1], state=TrialState.RUNNING, facts=TrialFacts(parent=1, repeat=0))
    made.ladder.fulls.add(nets[1], state=TrialState.WAITING, facts=TrialFacts(parent=1, repeat=1))
    train(made.ladder.fulls, PlannedTraining(candidate=nets[2], repeat=0, parent=2), None)
    pruned = made.study.candidate(type(nets[0].spec)(blocks=(8,), widths=(64,)), "random")
    made.ladder.first.add(pruned, state=TrialState.PRUNED, facts=TrialFacts(seeded=True, reason="over"))
    folder = moved()
    best, second, _ = read_networks(folder)
    assert (best.under_way, best.failed) == (["full", "full"], {})
    assert (second.under_way, second.failed) == ([], {"full": "out of memory"})
    assert main(["list", str(folder)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert f"{best.spec}: full trainings not finished yet" in told
    assert f"{second.spec}: full trainings failed: out of memory" in told
    assert pruned.spec.id not in "\n".join(told)


def test_a_list_of_one_run_shows_its_best_networks_and_as_json_all(searched, capsys):
    made, moved = searched(search__trials=25)
    made.trained([0.5 + i / 100 for i in range(25)])
    folder = moved()
    assert main(["list", str(folder)]) == 0
    told = capsys.readouterr().out.splitlines()
    head = next(i for i, line in enumerate(told) if line.startswith("network "))
    assert told[head].split() == ["network", "params", "MACs", "3", "epochs"]
    assert told[head + 1].split()[-1] == "74.00"
    assert told[-1] == f"5 more: budgetnas list {folder} --json"
    assert len(told) == head + 1 + 20 + 1
    assert main(["list", str(folder), "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert [one["scores"]["r3"] for one in run["networks"][:2]] == [[0.74], [0.73]]
    assert len(run["networks"]) == 25
    assert main(["list", str(folder.parent), "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert "networks" not in run


def test_a_run_that_cannot_be_read_and_one_that_is_elsewhere_have_no_networks(searched, tmp_path, capsys):
    made, moved = searched()
    made.trained(SCORES)
    folder = moved()
    (folder / "study.db").write_text("no database")
    assert main(["list", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "unreadable" in told
    assert "network  " not in told.split("unreadable:")[1]
    with own(folder):  # as when its tables are being made
        assert main(["list", str(folder)]) == 0
    assert "running" in capsys.readouterr().out
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "results.json").write_text("{}")
    assert read_networks(elsewhere) == []
    assert main(["list", str(elsewhere)]) == 0  # a row of its own, not its folders as runs
    assert "elsewhere" in capsys.readouterr().out


def training(number, width, right):
    """A finished training of 100 validation images, tested on 1,000 with as good a share."""
    candidate = Candidate(spec=ResNetSpec(blocks=(1,), widths=(width,)), params=width, macs=1, origin="own")
    facts = TrialFacts(seed=number, weights_sha256="x")
    return Trial(number=number, candidate=candidate, state=TrialState.COMPLETE, score=right / 100, facts=facts)


def best(*trainings):
    looks = {f"{one.number}:x": Look(correct=round(1_000 * one.score), images=1_000) for one in trainings}
    return best_of(trainings, AFTER_LAST, Looks(RunFacts(looks=looks)), images=100)


def test_the_mean_over_seeds_speaks_for_a_network_and_not_its_luckiest_seed():
    found = best(training(0, 8, 99), training(1, 8, 81), training(2, 16, 92), training(3, 16, 94))
    assert (found["spec"], found["score"], found["score_of"]) == ("1x16", pytest.approx(0.93), AFTER_LAST)
    assert found["test_accuracy"] == pytest.approx(0.93)
    assert found["score_interval"][0] < 0.93 < found["score_interval"][1]
    assert found["test_interval"][0] > found["score_interval"][0]  # more images


def test_of_equal_networks_the_smaller_stands_with_its_own_test_accuracy():
    large, small = training(0, 16, 90), training(1, 8, 90)
    looks = Looks(RunFacts(looks={"0:x": Look(correct=1, images=10), "1:x": Look(correct=9, images=10)}))
    found = best_of([large, small], AFTER_LAST, looks, images=100)
    assert (found["params"], found["test_accuracy"]) == (8, 0.9)


def test_of_nothing_there_is_no_best():
    assert best() == {}
