from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from budgetnas.reports import style
from budgetnas.reports.facts import complete
from budgetnas.reports.figures import (
    explanation,
    fidelity_caption,
    fidelity_figure,
    shown_means,
    unexpected,
)
from budgetnas.reports.page import report_page
from budgetnas.reports.table import sortable_table, trials_table


def test_pairs_of_each_rung_are_a_trace(facts):
    figure = fidelity_figure(replace(facts, pairs={"r8": [(0.8, 0.95), (0.81, 0.951)], "<i>": [(0.9, 0.95)], "r9": []}))
    assert [trace.name for trace in figure.data] == ["8 epochs", "&lt;i&gt;"]
    assert figure.data[0].x == (80, 81)
    assert figure.data[0].y == (95, 95.1)


def test_five_failed_trainings_do_not_squash_ninety_others(facts):
    pairs = [(0.9 + i / 1e4, 0.95 + i / 1e4) for i in range(90)] + [(0.2, 0.95)] * 5
    facts = replace(facts, pairs={"r8": pairs})
    figure = fidelity_figure(facts)
    low, high = figure.layout.xaxis.range
    assert low > 89
    assert high < 92
    assert figure.layout.yaxis.range is None
    assert "5 of 95 scores at a rung, below 89." in fidelity_caption(facts)


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", sorted({*style.RUNGS, *style.NAMED, *style.SHADES, style.WINNER, style.GREY}))
@pytest.mark.parametrize("page", ["#ffffff", "#14171b"])
def test_colours_read_on_light_and_on_dark(colour, page):
    dark, light = sorted((luminance(colour), luminance(page)))
    assert (light + 0.05) / (dark + 0.05) >= 3


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
    cells = {int(row.find("td").text): [cell.text for cell in row.findall("td")] for row in rows}
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
