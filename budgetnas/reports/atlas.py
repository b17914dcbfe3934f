"""The atlas as a page: how many networks fit, and how their MACs are distributed."""

from __future__ import annotations

from plotly import io
from plotly.subplots import make_subplots

from budgetnas.space.atlas import Atlas


def atlas_page(atlas: Atlas) -> str:
    """Return one self-contained HTML page."""
    figure = make_subplots(rows=1, cols=2, subplot_titles=("Networks, by number of stages", "Params and MACs of draws"))
    stages = [str(count) for count in atlas.fitting]
    figure.add_bar(x=stages, y=list(atlas.fitting.values()), name="fit", row=1, col=1)
    for share, counts in atlas.near.items():
        figure.add_bar(x=stages, y=list(counts.values()), name=f"{share:.0%}-100% of the cap", row=1, col=1)
    for count in atlas.fitting:
        draws = [draw for draw in atlas.draws if draw[0] == count]
        figure.add_scatter(
            x=[draw[1] for draw in draws],
            y=[draw[2] for draw in draws],
            mode="markers",
            marker={"size": 5, "opacity": 0.5},
            name=f"{count} stages",
            row=1,
            col=2,
        )
    figure.update_yaxes(type="log", row=1, col=1)
    figure.update_xaxes(title_text="parameters", row=1, col=2)
    figure.update_yaxes(title_text="MACs for one image", row=1, col=2)
    legend = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"}
    title = f"{sum(atlas.fitting.values()):,} of {atlas.size:,} networks fit {atlas.budget.max_params:,} parameters"
    figure.update_layout(title=title, template="plotly_white", barmode="group", legend=legend)
    return str(io.to_html(figure, include_plotlyjs="inline", config={"displayModeBar": False}))
