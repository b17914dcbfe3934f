from __future__ import annotations

from dataclasses import replace
from statistics import mean

from budgetnas.reports.forest import forest_caption, forest_figure
from budgetnas.reports.style import points


def traces(figure, name):
    return [trace for trace in figure.data if trace.name == name]


def test_every_seed_mean_and_interval_is_where_it_belongs(facts):
    figure = forest_figure(facts)
    assert list(figure.layout.yaxis.ticktext) == [one.name for one in facts.compared]
    seeds = traces(figure, "a seed")
    for trace, one in zip(seeds, facts.compared, strict=True):
        assert list(trace.x) == [points(test) for test in one.tests]
    (means,) = traces(figure, "mean")
    assert list(means.x) == [points(mean(one.tests)) for one in facts.compared]
    for name, ends in (
        ("interval over seeds", [one.over_seeds for one in facts.compared]),
        ("interval over seeds and images", [one.over_images for one in facts.compared]),
    ):
        drawn = traces(figure, name)[0]
        assert list(drawn.x) == [x for low, high in ends for x in (round(100 * low, 3), round(100 * high, 3), None)]
        assert list(drawn.y) == [y for i in range(len(ends)) for y in (i, i, None)]
    low, high = figure.layout.xaxis.range
    assert all(low < x < high for trace in figure.data if trace.xaxis != "x2" for x in trace.x if x is not None)


def test_gains_stand_below_with_a_line_at_zero(facts):
    figure = forest_figure(facts)
    (gains,) = traces(figure, "gain")
    assert list(gains.x) == [round(one.gain.value, 3) for one in facts.compared[1:]]
    assert list(figure.layout.yaxis2.ticktext) == [one.name for one in facts.compared[1:]]
    assert [(shape.x0, shape.xref) for shape in figure.layout.shapes] == [(0, "x2")]
    assert figure.layout.yaxis2.domain[1] < figure.layout.yaxis.domain[0]


def test_one_seed_each_has_dots_and_no_interval(facts):
    bare = {"over_seeds": None, "over_images": None, "gain": None, "gain_on_images": None}
    rows = [replace(one, tests=one.tests[:1], **bare) for one in facts.compared]
    figure = forest_figure(replace(facts, compared=rows))
    assert {trace.name for trace in figure.data} == {"a seed", "mean"}
    assert "xaxis2" not in figure.layout
    assert "has no interval" in forest_caption(replace(facts, compared=rows))
    assert "has no interval" not in forest_caption(facts)


def test_a_long_name_is_broken_and_is_text_to_plotly(facts):
    rows = [replace(one, name="<b>a network</b> with & a long name") for one in facts.compared]
    figure = forest_figure(replace(facts, compared=rows))
    assert figure.layout.yaxis.ticktext[0] == "&lt;b&gt;a network&lt;/b&gt;<br>with &amp; a long name"
    assert "<b>" not in figure.to_json()
