from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from budgetnas.reports.facts import complete
from budgetnas.reports.figures import explanation, shown_means, unexpected
from budgetnas.reports.page import report_page
from budgetnas.reports.table import sortable_table, trials_table


@pytest.fixture
def failing(facts):
    """Make a search in which some trials scored what is given, where the model expects 92 % of them."""

    def make(scores):
        trained = [trial.number for trial in complete(facts)]
        changed = dict(zip(trained[3:], scores, strict=False))
        trials = [replace(one, score=changed.get(one.number, one.score)) for one in facts.trials]
        trusted = {**facts.trusted, **dict.fromkeys(changed, 0.92)}
        return replace(facts, trials=trials, trusted=trusted), list(changed)

    return make


def test_a_network_that_scored_24_has_no_posterior_mean_of_92_beside_it(failing):
    facts, (number,) = failing([0.24])
    assert [trial.number for trial in unexpected(facts)] == [number]
    told = f"trial {number} scored 24.00 % where 92.00 % was expected (a failed training?)."
    assert explanation(facts).endswith(told)
    assert told in report_page(facts)
    rows = ElementTree.fromstring(sortable_table(facts)).find("table/tbody").findall("tr")
    cells = [[cell.text for cell in row.findall("td")] for row in rows]
    assert "92.00" not in cells[number]
    assert f"{100 * facts.trusted[number - 1]:.2f}" in cells[number - 1]
    assert trials_table(facts).posterior_mean[number] == 0.92  # trials.csv keeps everything


def test_what_scored_far_above_is_luck_or_unlike_the_others(failing):
    facts, (number,) = failing([0.999])
    facts = replace(facts, trusted={**facts.trusted, number: 0.6})
    assert explanation(facts).endswith("60.00 % was expected (luck, or a network unlike the others?).")


def test_of_many_the_farthest_are_named_and_all_are_hidden(failing):
    facts, numbers = failing([0.1 + i / 100 for i in range(20)])
    assert [trial.number for trial in unexpected(facts)] == numbers
    assert f"trial {numbers[0]} scored 10.00 %" in explanation(facts)
    assert explanation(facts).endswith("; and 17 more.")
    assert set(shown_means(facts)) == set(facts.trusted) - set(numbers)


def test_usual_distances_are_shown_and_need_no_word(facts):
    assert unexpected(facts) == []
    assert explanation(facts) == ""
    assert shown_means(facts) == facts.trusted


def test_what_the_images_alone_can_explain_is_not_far(facts):
    near = {trial.number: trial.score + 1e-6 for trial in complete(facts)}
    number = min(near)
    facts = replace(facts, trusted={**near, number: near[number] + 0.004})
    assert unexpected(facts) == []
    assert [trial.number for trial in unexpected(replace(facts, images=10**6))] == [number]


def test_scores_that_stand_for_themselves_are_no_posterior_means(facts):
    facts = replace(facts, trusted={trial.number: trial.score for trial in complete(facts)})
    assert shown_means(facts) == {}
    heads = ["".join(head.itertext()) for head in ElementTree.fromstring(sortable_table(facts)).iter("th")]
    assert "posterior mean" not in heads
