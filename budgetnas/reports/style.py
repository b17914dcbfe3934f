"""The look of pages and figures: the style sheet (light, dark, small screens, print), colours and axes.

Every colour has a contrast of at least 3:1 with white and with the dark page (WCAG 2.1, 1.4.11). On the page a style
sheet sets the colour of a figure's text; otherwise it is `GREY`.
"""

from __future__ import annotations

from html import escape
from typing import Any

import plotly.graph_objects as go

from budgetnas.trials.trial import Trial

SHORT, SEEDED, FULL, WINNER, GREY = "#3b82f6", "#d97706", "#059669", "#e11d74", "#7d8590"
RUNGS = (SHORT, "#8b5cf6", "#0891b2", "#b45309", "#64748b")
NAMED = (
    SHORT, FULL, SEEDED, "#8b5cf6", "#0891b2", "#65a30d", "#b45309", "#6366f1", "#0d9488", "#c026d3",
)  # fmt: skip
SHADES = ("#8b95a5", "#64748b")  # of what stays behind
LOW_TO_HIGH = ((0.0, "#8b95a5"), (0.55, SHORT), (1.0, "#ea580c"))
AXIS = {"gridcolor": "rgba(125,133,144,.22)", "zeroline": False, "automargin": True}
_ABOVE = 30  # pixels above a figure, where plotly has its buttons
_LONGEST_ORIGIN = 40
_LONGEST_ID = 32


def points(share: float) -> float:
    """Return a share in [0, 1] as percent, rounded to the two decimals that are shown."""
    return round(100 * share, 2)


def short_id(spec: str) -> str:
    """Return the id of a network, cut where it is long."""
    return spec if len(spec) <= _LONGEST_ID else f"{spec[:_LONGEST_ID]}..."


def label(trial: Trial, number: int | None = None) -> str:
    """Name a trial in a figure; the origins of seeded models are escaped, since plotly reads markup."""
    name = f"trial {trial.number if number is None else number}: {trial.candidate.spec.id}"
    if not trial.facts.seeded:
        return name
    return f"{name} ({escape(trial.candidate.origin[:_LONGEST_ORIGIN], quote=False)})"


def dress(figure: go.Figure, *, x: str, y: str, height: int = 440) -> go.Figure:
    """Give a figure its axes, a legend below it and no background.

    Args:
        figure: changed in place and returned.
        x: title of the horizontal axis.
        y: title of the vertical axis.
        height: in pixels.
    """
    undress(figure, height=height)
    figure.update_layout(
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        hovermode="closest",
        xaxis={**AXIS, "title": {"text": x}},
        yaxis={**AXIS, "title": {"text": y}},
    )
    return figure


def undress(figure: go.Figure, *, height: int, **margin: int) -> go.Figure:
    """Remove a figure's template and background, so that the page's background shows.

    Args:
        figure: changed in place and returned.
        height: in pixels.
        margin: `l`, `r`, `t`, `b` in pixels, where they differ from the default.
    """
    sides: dict[str, Any] = {"l": 8, "r": 12, "t": _ABOVE, "b": 8, **margin}
    figure.update_layout(
        template="none",
        font={"color": GREY, "size": 13, "family": "system-ui, sans-serif"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hoverlabel={"bgcolor": "#1f2328", "bordercolor": GREY, "font": {"color": "#ffffff"}},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": GREY, "activecolor": SHORT},
        margin=sides,
        height=height,
    )
    return figure
