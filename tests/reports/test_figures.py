from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest

from budgetnas.reports import palette
from budgetnas.reports.figures import curves_figure, fidelity_figure


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
            (trial.root, list(trial.curve), [palette.points(value) for value in trial.curve.values()])
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


@pytest.mark.parametrize("colour", [*palette.RUNGS, palette.SEEDED, palette.FULL, palette.WINNER, palette.GREY])
@pytest.mark.parametrize("page", ["#ffffff", "#14171b"])
def test_colours_read_on_light_and_on_dark(colour, page):
    dark, light = sorted((luminance(colour), luminance(page)))
    assert (light + 0.05) / (dark + 0.05) >= 3
