from __future__ import annotations

import json

import pytest

from budgetnas.amounts import write_size
from budgetnas.arch.costs import costs_of
from budgetnas.budget import Budget
from budgetnas.config.toml import build
from budgetnas.exceptions import UsageError
from budgetnas.reports.table import trials_csv
from budgetnas.runs.caps import as_json, best_under, tiers_table, under_caps
from budgetnas.runs.headline import headline
from budgetnas.runs.report_facts import report_facts
from budgetnas.runs.settings import Setup
from budgetnas.runs.summary import as_json as search_json


@pytest.fixture
def made(make):
    found = make(full__promote=2, space__max_macs="none")
    found.trained([0.3 + i / 100 for i in range(24)])
    found.promoted()
    found.tested()
    return found


def test_every_cap_names_the_best_that_fits(made):
    result = made.result()
    best = result.winner.candidate
    roomy, tight, tiny = under_caps(result, [60_000, best.params - 1, 100])
    assert roomy.finalist.candidate == best
    assert tight.finalist is None or tight.finalist.candidate.params < best.params
    assert all(tier.trusted is None or tier.trusted.candidate.params <= tier.cap for tier in (roomy, tight, tiny))
    assert (tiny.trained, tiny.trusted, tiny.remark) == (0, None, "no trained network fits")


def test_a_tier_of_few_networks_near_its_cap_is_not_to_be_trusted(made):
    result = made.result()
    params = sorted(trial.candidate.params for trial in result.trials)
    crowded, thin = under_caps(result, [params[-1], params[3]])
    assert crowded.near == sum(value >= 0.8 * params[-1] for value in params)
    assert thin.near < 10
    assert thin.remark.startswith(f"too few to trust: {thin.near} of 4 trained")
    table = tiers_table(result, [crowded, thin])
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert any(note.startswith(f"{params[3]:,}: too few to trust") for note in table.notes)


def test_the_posterior_mean_decides_where_nothing_that_fits_was_fully_trained(made):
    result = made.result()
    smallest_finalist = min(finalist.candidate.params for finalist in result.finalists)
    (tier,) = under_caps(result, [smallest_finalist - 1])
    assert tier.finalist is None
    within = [trial for trial in result.trials if trial.candidate.params < smallest_finalist]
    assert result.trusted[tier.trusted.number] == max(result.trusted[trial.number] for trial in within)
    assert as_json(result, tier)["spec"] == tier.trusted.candidate.spec.id
    assert as_json(result, tier)["full_score"] is None


DEVICE = {
    "budget__max_params": None,
    "budget__max_bytes": "60kB",
    "budget__max_memory": "8KiB",
    "budget__weights": "int8",
    "space__max_macs": "none",
}


@pytest.fixture
def for_a_device(make):
    found = make(full__promote=2, **DEVICE)
    found.trained([0.3 + i / 100 for i in range(12)])
    found.promoted()
    found.tested()
    return found.result()


def test_a_search_for_a_device_knows_its_caps_and_what_each_network_uses(for_a_device):
    result = for_a_device
    caps = Budget(max_bytes=60_000, max_memory=8_192, weights="int8")
    assert result.setup.budget == caps
    assert (result.setup.cost, result.setup.cap) == ("bytes", 60_000)
    best = result.winner.candidate
    costs = costs_of(best.spec, result.setup.data.shape, "int8")
    assert (best.bytes, best.memory) == (costs.bytes, costs.memory)
    assert all(caps.fits(one.candidate) for one in result.finalists)
    assert f"parameters ({costs.bytes / 60_000:.2%} of 60 kB for the file in int8)" in headline(result)
    content = search_json(result)
    assert [content[f"max_{cost}"] for cost in ("params", "bytes", "memory")] == [None, 60_000, 8_192]
    assert content["winner"]["utilisation"] == costs.bytes / 60_000
    assert (content["winner"]["bytes"], content["winner"]["memory"]) == (costs.bytes, costs.memory)
    facts = report_facts(result)
    assert dict(facts.lines)["budget"].startswith("60 kB for the file and 8 KiB of memory in int8: ")
    assert "macs,bytes,memory,score" in trials_csv(facts).splitlines()[0]


def test_smaller_files_are_answered_from_a_search_under_a_cap_on_bytes(for_a_device):
    result = for_a_device
    sizes = sorted(trial.candidate.bytes for trial in result.trials)
    small, large = best_under(result, max_bytes=[sizes[-1], f"{sizes[3]}B"])
    assert (small.cap, large.cap, small.trained, large.trained) == (sizes[3], sizes[-1], 4, len(sizes))
    assert as_json(result, small)["max_bytes"] == sizes[3]
    assert small.near == sum(0.8 * sizes[3] <= size <= sizes[3] for size in sizes)
    assert write_size(sizes[3]) in tiers_table(result, [small]).rows[0][0]
    (tier,) = best_under(result)
    assert (tier.cap, tier.cost) == (60_000, "bytes")
    memories = sorted(trial.candidate.memory for trial in result.trials)
    (lean,) = best_under(result, max_memory=[memories[3]])
    assert lean.trained == sum(memory <= memories[3] for memory in memories)
    assert as_json(result, lean)["max_memory"] == memories[3]
    params = sorted(trial.candidate.params for trial in result.trials)
    assert best_under(result, max_params=[params[2]])[0].trained == 3
    with pytest.raises(
        UsageError, match=r"`max_bytes` is 70,000, but `s` searched up to 60 kB for the file: give caps"
    ):
        best_under(result, max_bytes=["70kB"])
    with pytest.raises(UsageError, match="`max_bytes` does not go with `max_params`"):
        best_under(result, max_params=["5k"], max_bytes=["50kB"])


def test_a_search_without_a_cap_on_bytes_cannot_answer_for_them(made):
    with pytest.raises(UsageError, match="`max_bytes` is given, but `s` has no cap on bytes of the file: leave it out"):
        best_under(made.result(), max_bytes=["5kB"])


def test_a_run_that_recorded_no_caps_had_them_on_params_and_macs(made):
    stored = json.loads(json.dumps(made.result().setup.as_json()))
    assert build(Setup, stored, "setup").budget == made.result().setup.budget
    del stored["caps"]
    setup = build(Setup, stored | {"macs_cap": 7}, "setup")
    assert setup.budget == Budget(max_params=60_000, max_macs=7)
    assert (setup.cost, setup.cap) == ("params", 60_000)
