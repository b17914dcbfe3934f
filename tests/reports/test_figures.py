from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from budgetnas.arch.spec import ResNetSpec
from budgetnas.reports import style
from budgetnas.reports.facts import complete
from budgetnas.reports.figures import (
    curves_figure,
    explanation,
    fidelity_figure,
    parallel_figure,
    shown_means,
    unexpected,
)
from budgetnas.reports.page import report_page
from budgetnas.reports.table import sortable_table, trials_table


def groups(figure):
    found = defaultdict(list)
    for trace in figure.data:
        found[trace.legendgroup].append(trace)
    return found


def curves(traces):
    """Take joined curves apart again: (number of the trial, epochs, accuracies)."""
    found = []
    for trace in traces:
        part = []
        for number, x, y in zip(trace.customdata or (), trace.x, trace.y, strict=False):
            if x is None:
                found.append(part)
                part = []
            else:
                part.append((number, x, y))
        assert not part
    return sorted((part[0][0], [x for _, x, _ in part], [y for _, _, y in part]) for part in found)


def test_every_rung_is_a_group_of_the_legend_with_all_its_curves(facts):
    found = groups(curves_figure(facts))
    assert list(found) == ["8 epochs", "24 epochs", "full", "full, the winner (3 seeds)"]
    for name, rung in (("8 epochs", "r8"), ("24 epochs", "r24")):
        expected = [
            (trial.root, list(trial.curve), [style.points(value) for value in trial.curve.values()])
            for trial in facts.rungs[rung]
            if trial.curve
        ]
        assert curves(found[name]) == sorted(expected)
    assert {number for number, _, _ in curves(found["full, the winner (3 seeds)"])} == {facts.winner}
    assert {number for number, _, _ in curves(found["full"])} == set(facts.finals) - {facts.winner}


def test_each_group_has_one_entry_and_one_colour_and_the_winner_is_boldest(facts):
    found = groups(curves_figure(facts))
    for traces in found.values():
        assert [trace.showlegend for trace in traces] == [None] + [False] * (len(traces) - 1)
        assert len({trace.line.color for trace in traces}) == 1
    assert len({traces[0].line.color for traces in found.values()}) == len(found)
    widths = {name: traces[1].line.width for name, traces in found.items()}
    assert max(widths, key=widths.get) == "full, the winner (3 seeds)"


def test_a_thousand_curves_are_a_few_traces_and_a_curve_of_one_epoch_is_seen(facts):
    trials = [replace(trial, curve={1: 0.5}) for trial in facts.trials] * 20
    figure = curves_figure(replace(facts, rungs={"r1": trials}, finals={}))
    assert len(figure.data) == 1 + 12
    assert figure.data[1].mode == "lines+markers"


def test_pairs_of_each_rung_are_a_trace(facts):
    figure = fidelity_figure(replace(facts, pairs={"r8": [(0.8, 0.95), (0.81, 0.951)], "<i>": [(0.9, 0.95)], "r9": []}))
    assert [trace.name for trace in figure.data] == ["8 epochs", "&lt;i&gt;"]
    assert figure.data[0].x == (80, 81)
    assert figure.data[0].y == (95, 95.1)


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [*style.RUNGS, style.SEEDED, style.FULL, style.WINNER, style.GREY])
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


def with_specs(facts, *specs):
    trials = complete(facts)[: len(specs)]
    return [replace(t, candidate=replace(t.candidate, spec=s)) for t, s in zip(trials, specs, strict=True)]


def dimensions(trials):
    return {dimension.label: list(dimension.values) for dimension in parallel_figure(trials).data[0].dimensions}


def test_what_never_varies_is_left_out_and_absent_stages_are_0(facts):
    two = ResNetSpec(blocks=(2, 1), widths=(16, 32)), ResNetSpec(blocks=(2,), widths=(16,))
    trials = sorted(with_specs(facts, *two), key=lambda trial: trial.score)
    found = dimensions(trials)
    assert list(found) == ["stages", "blocks 2", "width 2", "params", "MACs", "score, %"]
    assert found["blocks 2"] == [1 if len(trial.candidate.spec.blocks) == 2 else 0 for trial in trials]
    assert found["params"] == [trial.candidate.params for trial in trials]


def test_the_best_is_drawn_last_and_colour_is_the_score(facts):
    trials = complete(facts)
    line = parallel_figure(trials).data[0].line
    assert list(line.color) == sorted(line.color)
    assert line.cmax == round(100 * max(trial.score for trial in trials), 2)
    assert len(line.color) == len(trials)


def test_whole_numbers_have_ticks_at_whole_numbers(facts):
    specs = ResNetSpec(blocks=(1,), widths=(16,)), ResNetSpec(blocks=(4,), widths=(500,))
    blocks, width, *_ = parallel_figure(with_specs(facts, *specs)).data[0].dimensions
    assert list(blocks.tickvals) == [1, 2, 3, 4]
    assert width.tickvals is None
