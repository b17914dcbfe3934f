from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetnas.reports.cost import REPORTED, cost_caption, cost_figure, costs, outside_references, pareto_front
from budgetnas.reports.facts import complete
from budgetnas.reports.style import points


def named(figure, start):
    (trace,) = (trace for trace in figure.data if trace.name.startswith(start))
    return trace


def names(figure):
    return [trace.name for trace in figure.data]


@pytest.mark.parametrize("cost", ["params", "macs"])
def test_short_and_full_trainings_never_share_an_axis(facts, cost):
    figure = cost_figure(facts, cost)
    short, seeded, full = (
        named(figure, name) for name in ("short training", "short, models tried first", "full training")
    )
    assert len(short.x) + len(seeded.x) == len(complete(facts))
    assert {short.yaxis, seeded.yaxis} == {"y"}
    assert {full.yaxis, named(figure, REPORTED).yaxis, named(figure, "winner").yaxis} == {"y2"}
    assert sorted(full.y) == sorted(points(final.score) for final in facts.finals.values())
    assert named(figure, "winner").y == (points(facts.finals[facts.winner].score),)


@pytest.mark.parametrize("cost", ["params", "macs"])
def test_each_fidelity_has_its_front_and_only_what_is_on_it_is_filled(facts, cost):
    figure = cost_figure(facts, cost)
    for fidelity in ("short", "full"):
        front = named(figure, f"Pareto front of {fidelity} trainings")
        dots = [trace for trace in figure.data if trace.name.startswith(fidelity)]
        filled = [
            (x, y)
            for trace in dots
            for x, y, symbol in zip(trace.x, trace.y, trace.marker.symbol, strict=True)
            if not symbol.endswith("-open")
        ]
        assert sorted(filled) == sorted(zip(front.x, front.y, strict=True))
        assert filled
        assert fidelity == "full" or len(filled) < len(complete(facts))


@pytest.mark.parametrize("cost", ["params", "macs"])
def test_the_front_of_full_trainings_rises_to_the_best(facts, cost):
    front = named(cost_figure(facts, cost), "Pareto front of full")
    assert set(front.y) <= {points(final.score) for final in facts.finals.values()}
    assert list(front.y) == sorted(front.y)
    assert max(front.y) == points(max(final.score for final in facts.finals.values()))


def test_the_cap_is_drawn_on_the_cost_that_it_is_on(facts):
    assert [shape.x0 for shape in cost_figure(facts, "params").layout.shapes] == [facts.cap]
    assert not cost_figure(facts, "macs").layout.shapes


def test_what_is_capped_in_bytes_is_drawn_against_bytes_at_its_precision(facts):
    trials = [replace(t, candidate=replace(t.candidate, bytes=t.candidate.params + 9_000)) for t in facts.trials]
    caps = {"bytes": 5_100_000, "macs": 2 * 10**9}
    sized = replace(facts, trials=trials, cost="bytes", cap=5_100_000, caps=caps, weights="int8")
    assert costs(facts) == ["params", "macs"]
    assert costs(sized) == ["params", "macs", "bytes"]
    figure = cost_figure(sized, "bytes")
    assert figure.layout.xaxis.title.text == "bytes of the file, int8"
    assert [shape.x0 for shape in figure.layout.shapes] == [5_100_000]
    assert figure.layout.annotations[0].text == "cap 5.1 MB"
    assert [shape.x0 for shape in cost_figure(sized, "macs").layout.shapes] == [2 * 10**9]
    assert not cost_figure(sized, "params").layout.shapes
    short = named(figure, "short training")
    assert set(short.x) <= {trial.candidate.bytes for trial in trials}
    assert REPORTED not in names(figure)


def test_five_failed_trainings_do_not_squash_the_others(facts):
    failed = {trial.number for trial in complete(facts)[10:15]}
    trials = [replace(t, score=0.2) if t.number in failed else t for t in facts.trials]
    changed = replace(facts, trials=trials)
    low, high = cost_figure(changed, "params").layout.yaxis.range
    assert low > 80
    assert high > 100 * max(trial.score for trial in complete(changed))
    assert f"5 of {len(complete(facts))} networks, below {low:.1f} %; double-click" in cost_caption(changed, "params")
    assert cost_figure(facts, "params").layout.yaxis.range is None
    assert "first view: 5" not in cost_caption(facts, "params")


def test_reported_numbers_stand_where_there_are_some(facts):
    marks = named(cost_figure(facts, "params"), REPORTED)
    assert list(marks.y) == [r.accuracy for r in facts.references]
    assert marks.marker.symbol == "diamond-open"
    assert REPORTED not in names(cost_figure(replace(facts, references=()), "params"))


def test_a_far_away_reference_is_there_but_not_in_the_first_view(facts):
    figure = cost_figure(facts, "params")
    assert [reference.name for reference in outside_references(facts, "params")] == ["resnet18"]
    low, high = figure.layout.xaxis.range
    shown = [x for trace in figure.data for x in trace.x if low <= x <= high]
    assert sum(len(trace.x) for trace in figure.data) - len(shown) == 1


def test_references_to_the_side_do_not_squash_the_axis_of_full_trainings(facts):
    far = [replace(reference, params=10 * facts.cap, accuracy=99.0) for reference in facts.references]
    low, high = cost_figure(replace(facts, references=far), "params").layout.yaxis2.range
    scores = [100 * final.score for final in facts.finals.values()]
    assert low < min(scores) < max(scores) < high < 97


def test_two_trials_and_nothing_in_full_make_one_panel(few):
    figure = cost_figure(replace(few, references=()), "params")
    assert {trace.yaxis for trace in figure.data} == {"y"}
    assert not any(name.startswith(("full", "winner")) for name in names(figure))


def test_what_a_user_named_is_text_to_plotly(facts):
    trials = [replace(t, candidate=replace(t.candidate, origin="<b>&x</b>")) for t in facts.trials]
    seeded = named(cost_figure(replace(facts, trials=trials), "macs"), "short, models tried first")
    assert all(text.endswith("(&lt;b&gt;&amp;x&lt;/b&gt;)") for text in seeded.text)


POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)))


def dominates(a, b):
    return a[0] <= b[0] and a[1] >= b[1] and a != b


def test_the_front_is_cheapest_first():
    assert pareto_front([5, 1, 3, 3, 4], [9, 1, 5, 6, 6]) == [1, 3, 0]


@given(POINTS)
def test_nobody_dominates_the_front_and_somebody_on_it_is_as_good_as_any_other(points):
    front = [points[i] for i in pareto_front([cost for cost, _ in points], [score for _, score in points])]
    assert not any(dominates(point, member) for point in points for member in front)
    assert all(any(member == point or dominates(member, point) for member in front) for point in points)
    assert len(set(front)) == len(front)
