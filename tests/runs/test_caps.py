from __future__ import annotations

import pytest

from budgetnas.runs.caps import as_json, tiers_table, under_caps


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
