from __future__ import annotations

import shlex
from dataclasses import replace

from budgetnas.config.study import load_study
from budgetnas.runs.first_screen import LOOKS, about, about_search, next_step, tiles
from budgetnas.runs.settings import ALL_DONE
from budgetnas.runs.verdict import compare
from budgetnas.trials.facts import LookRule, RunFacts


def settings(step):
    """The settings that a command has beside those of the run's own."""
    words = shlex.split(step.command)
    assert words[:4] == ["budgetnas", "search", "--name", "s"]
    return [word for word in words[4:] if word != "--set"]


def test_an_untested_search_at_a_glance_with_what_would_settle_it_and_where_it_is_from(make):
    made = make(full__repeats=2)
    made.trained([0.5, 0.6, 0.7])
    assert [(tile.name, tile.value) for tile in tiles(made.result())] == [
        ("cap", "60,000"),
        ("trials", "3 of 3 short trainings"),
        ("data", "digits"),
    ]
    assert next_step(made.result(), []).command == "budgetnas search --name 's'", "it was cut off"
    made.promoted()
    made.tested()
    made.ladder.fulls.record(RunFacts(stopped=ALL_DONE))
    result = made.result()
    found, winner, accuracies = {tile.name: tile for tile in tiles(result)}, result.winner, result.accuracies
    assert list(found) == ["network", "parameters", "test accuracy", "validation accuracy", "training seeds", "data"]
    assert found["network"].value == winner.candidate.spec.id
    assert found["network"].note == f"trial {winner.parent}, chosen from {len(result.finalists)} fully trained"
    assert found["parameters"].value == f"{winner.candidate.params:,}"
    low, high = accuracies.test.interval
    assert found["test accuracy"].value == f"{100 * accuracies.test.mean:.2f} +- {100 * accuracies.test.spread:.2f} %"
    assert found["test accuracy"].note == f"95 % interval [{100 * low:.1f}, {100 * high:.1f}]"
    assert (found["training seeds"].value, found["training seeds"].note) == ("2", "also those that it was chosen by")
    assert found["data"].value == "digits"

    asked = settings(next_step(result, []))
    assert asked == ["evidence.controls=true", f"evidence.looks={list(LOOKS)}"]
    config = load_study(None, {"budget.max_params": "60k"}, asked)
    assert (config.evidence.controls, config.evidence.looks) == (True, LOOKS)

    lines = dict(about_search(result))
    assert lines["seed"] == "0"
    assert lines["training seeds"] == ", ".join(str(run.seed) for run in winner.runs)
    assert lines["SHA-256 of the data"] == made.study.data.fingerprint
    assert lines["SHA-256 of the weights"] == " ".join(run.facts.weights_sha256 for run in winner.runs)
    assert (lines["machine"], lines["started"]) == ("cpu", "now")
    driver = {
        "started": "2026-01-02T03:04:05+00:00",
        "hardware": {"device": "cuda", "processor": "P", "cores": 2, "workers": 1},
        "versions": {"python": "3.11", "torch": "2.9"},
    }
    again = dict(about(result.setup, [driver, driver | {"started": "2026-01-03T03:04:05+00:00"}]))
    assert (again["machine"], again["versions"]) == ("P, cuda, 2 cores, 1 worker", "python 3.11, torch 2.9")
    assert again["started"] == "2026-01-02 03:04:05 UTC, last resumed 2026-01-03 03:04:05 UTC"
    assert "training seeds" not in again

    made.ladder.fulls.record(RunFacts(drivers=({"command": "budgetnas.search(name='s')"},)))
    called = next_step(made.result(), []).command
    assert eval(called.removeprefix("settings=")) == {"evidence.controls": True, "evidence.looks": list(LOOKS)}


def test_what_is_open_needs_more_seeds_and_what_is_shown_needs_nothing(make):
    made = make(evidence__controls=True, full__repeats=3)
    made.trained([0.5, 0.6, 0.7])
    made.promoted()
    made.controlled(lambda one: 0.9 + (0.001, -0.002, 0.004)[one.repeat])
    made.tested()
    made.ladder.fulls.record(RunFacts(stopped=ALL_DONE))
    result = made.result()
    seeds = next(tile for tile in tiles(result) if tile.name == "training seeds")
    assert (seeds.value, seeds.note) == ("3", "fresh: no choice has seen them")

    compared = compare(result)
    assert settings(next_step(result, compared)) == ["evidence.looks=[3, 6]"]
    for verdict in ("gain shown", "gain shown on this test set", "loss shown"):
        assert next_step(result, [replace(one, verdict=verdict) for one in compared]) is None
    own = compared[0].accuracies
    own = replace(own, test=replace(own.test, shares=own.test.shares[:1]))
    assert settings(next_step(result, [replace(compared[0], accuracies=own), *compared[1:]])) == [
        f"evidence.looks={list(LOOKS)}"
    ]
    study = result.setup.study
    fixed = replace(study, evidence=replace(study.evidence, control_repeats=3))
    fixed = replace(result, setup=replace(result.setup, study=fixed))
    assert settings(next_step(fixed, compared)) == ["evidence.control_repeats=6"]
    over = replace(result, facts=replace(result.facts, look_rule=LookRule(seeds=(3,), level=0.95)))
    assert "new run" in next_step(over, compared).words
    assert next_step(over, compared).command == ""
