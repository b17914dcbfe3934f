from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from budgetnas.reports import style
from budgetnas.reports.curves import curves_caption, curves_figure


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
    for name, rung in (("8 epochs", "r8"), ("24 epochs", "r24")):
        expected = [
            (trial.root, list(trial.curve), [style.points(value) for value in trial.curve.values()])
            for trial in facts.rungs[rung]
            if trial.curve
        ]
        assert curves(found[name]) == sorted(expected)
        assert {trace.line.color for trace in found[name]} <= set(style.SHADES)


def test_every_finalist_and_every_control_has_its_name_and_colour(facts):
    found = groups(curves_figure(facts))
    specs = {trial.number: trial.candidate.spec.id for trial in facts.trials}
    for number, final in facts.finals.items():
        won = "the winner, " if number == facts.winner else ""
        seeds = curves(found[f"{specs[number]} ({won}3 seeds)"])
        assert [y for _, _, y in seeds] == [[style.points(v) for v in curve.values()] for curve in final.curves]
    for control in facts.compared[1:]:
        assert len(curves(found[control.name])) == len(control.curves)
        assert {trace.line.dash for trace in found[control.name]} == {"dash"}
    named = [traces[0].line.color for name, traces in found.items() if not name.endswith("epochs")]
    assert len(set(named)) == len(named) == len(facts.finals) + len(facts.compared) - 1


def test_each_group_has_one_entry_and_one_colour_and_the_winner_is_boldest_and_on_top(facts):
    found = groups(curves_figure(facts))
    for traces in found.values():
        assert [trace.showlegend for trace in traces] == [None] + [False] * (len(traces) - 1)
        assert len({trace.line.color for trace in traces}) == 1
    widths = {name: traces[1].line.width for name, traces in found.items()}
    assert max(widths, key=widths.get) == list(found)[-1]
    assert "the winner" in list(found)[-1]


def test_more_finalists_than_colours_share_one_for_the_rest(facts):
    final = facts.finals[facts.winner]
    finals = {trial.number: final for trial in facts.trials[3:20]} | {facts.winner: final}
    found = groups(curves_figure(replace(facts, finals=finals, compared=())))
    rest = len(finals) - 1 - len(style.NAMED)
    assert len(curves(found["other full trainings"])) == rest * len(final.curves)


def test_failed_trainings_do_not_squash_the_others(facts):
    steady = [replace(trial, curve={epoch: 0.95 + epoch / 1e3 for epoch in range(1, 9)}) for trial in facts.trials]
    failed = [replace(trial, curve=dict.fromkeys(range(1, 9), 0.1)) for trial in facts.trials[:5]]
    facts = replace(facts, rungs={"r8": [*failed, *steady]}, finals={}, compared=(), winner=None)
    low, _ = curves_figure(facts).layout.yaxis.range
    assert low > 94
    assert f"40 of {8 * (5 + len(steady))} epochs of all trainings, below" in curves_caption(facts)


def test_what_a_user_named_is_text_to_plotly(facts):
    hostile = [replace(one, name="<b>&x</b>") for one in facts.compared]
    figure = curves_figure(replace(facts, compared=hostile))
    assert "<b>" not in figure.to_json()
    assert "&lt;b&gt;" in {trace.name and trace.name[:9] for trace in figure.data}


def test_a_thousand_curves_are_a_few_traces_and_a_curve_of_one_epoch_is_seen(facts):
    trials = [replace(trial, curve={1: 0.5}) for trial in facts.trials] * 20
    figure = curves_figure(replace(facts, rungs={"r1": trials}, finals={}, compared=()))
    assert len(figure.data) == 1 + 12
    assert figure.data[1].mode == "lines+markers"
