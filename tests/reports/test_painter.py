"""A figure as a file shows what the page shows."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from budgetnas.reports.files import standalone
from budgetnas.reports.gallery import gallery
from budgetnas.reports.painter import painted
from budgetnas.reports.style import dress


@pytest.fixture(scope="module")
def pictures(facts):
    return {name: picture.figure for name, picture in gallery(facts).items()}


def shown(sheet):
    """Return every point and corner that was drawn, as pairs of numbers."""
    found = set()
    for panel in sheet.axes:
        for points in panel.collections:
            found |= {(round(float(x), 4), float(y)) for x, y in np.asarray(points.get_offsets())}
        for line in panel.lines:
            found |= {(round(float(x), 4), float(y)) for x, y in line.get_xydata()}
        for bar in panel.patches:
            found.add((round(bar.get_x() + bar.get_width() / 2, 4), bar.get_height()))
    return found


@pytest.mark.parametrize("name", ["params", "macs", "progress", "scores", "curves", "fidelity", "controls"])
def test_every_point_of_the_description_is_drawn_and_every_name_is_in_the_legend(pictures, name):
    described, sheet = pictures[name], painted(pictures[name])
    described_places = {
        (round(float(x), 4), float(y))
        for trace in described.data
        for x, y in zip(trace.x, trace.y, strict=True)
        if x is not None and y is not None
    }
    assert described_places <= shown(sheet)
    legend = {text.get_text() for text in sheet.legends[0].texts}
    assert legend == {trace.name for trace in described.data if trace.name and trace.showlegend is not False}


def test_axes_have_the_titles_and_the_first_view_of_the_description(pictures):
    described, sheet = pictures["params"], painted(pictures["params"])
    full, short = sheet.axes
    assert short.get_xlabel() == described.layout.xaxis.title.text
    assert (full.get_ylabel(), short.get_ylabel()) == ("full, %", "short, %")
    assert short.get_xlim() == pytest.approx(described.layout.xaxis.range)


def test_bars_and_cells_are_drawn_too(pictures):
    (panel,) = painted(pictures["importance"]).axes
    assert [bar.get_width() for bar in panel.patches] == list(pictures["importance"].data[0].x)
    described = pictures["confusion-validation"]
    (panel,) = painted(described).axes
    assert panel.images[0].get_array().tolist() == [list(row) for row in described.data[0].z]
    assert [text.get_text() for text in panel.texts] == [cell for row in described.data[0].text for cell in row]
    assert [tick.get_text() for tick in panel.get_yticklabels()] == list(described.data[0].y)


def test_bars_of_intervals_reach_as_far_on_each_side_as_described():
    figure = dress(go.Figure(), x="epochs", y="tau")
    figure.add_scatter(x=[1, 3], y=[0.5, 0.8], name="tau", mode="markers", marker={"color": "#3b82f6"},
                       error_y={"array": [0.1, 0.05], "arrayminus": [0.4, 0.2]})  # fmt: skip
    (panel,) = painted(figure).axes
    (bars,) = [line for line in panel.collections if len(line.get_paths()) == 2 and hasattr(line, "get_segments")]
    assert [[y for _, y in segment] for segment in bars.get_segments()] == [
        [pytest.approx(0.1), pytest.approx(0.6)], [pytest.approx(0.6), pytest.approx(0.85)],
    ]  # fmt: skip


def test_a_trace_that_it_does_not_know_is_refused():
    with pytest.raises(TypeError, match="'box'"):
        painted(go.Figure(go.Box(x=[1], y=[1])).update_layout(height=300))


def test_a_drawing_alone_has_the_colours_that_it_falls_back_to():
    svg = '<svg class="net"><style>.a{fill:color-mix(in srgb, var(--a, #000000) 25%, var(--b, #ffffff))}</style></svg>'
    assert standalone(svg) == (
        '<svg xmlns="http://www.w3.org/2000/svg" class="net"><style>.a{fill:#bfbfbf}</style></svg>'
    )
