"""The figures of the page: cost against score, and learning curves."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from budgetnas.records.trial import Trial, TrialState
from budgetnas.report.facts import ReportFacts

PROPOSED, SEEDED, FINAL, CAP = "#3b82f6", "#f59e0b", "#10b981", "#ef4444"
_GREY = "#8a8f98"


def cost_figure(facts: ReportFacts, cost: str) -> go.Figure:
    """Draw `cost` ("params" or "macs") against validation accuracy, short and full trainings apart."""
    complete = [trial for trial in facts.trials if trial.state is TrialState.COMPLETE]
    figure = go.Figure()
    for name, colour, group in (
        ("proposals", PROPOSED, [trial for trial in complete if not trial.attrs.get("seeded")]),
        ("the report's models", SEEDED, [trial for trial in complete if trial.attrs.get("seeded")]),
    ):
        figure.add_scatter(
            x=[getattr(trial.candidate, cost) for trial in group],
            y=[100 * (trial.score or 0) for trial in group],
            name=f"{name}, short training",
            mode="markers",
            marker={"color": colour, "size": 8},
            text=[_label(trial) for trial in group],
            hovertemplate="%{text}<br>%{x:,} " + cost + "<br>%{y:.2f} %<extra></extra>",
        )
    finals = [trial for trial in complete if trial.number in facts.finals]
    figure.add_scatter(
        x=[getattr(trial.candidate, cost) for trial in finals],
        y=[100 * facts.finals[trial.number].score for trial in finals],
        name="full training",
        mode="markers",
        marker={"color": FINAL, "size": 11, "symbol": "star"},
        text=[_label(trial) for trial in finals],
        hovertemplate="%{text}<br>%{x:,} " + cost + "<br>%{y:.2f} %<extra></extra>",
    )
    if cost == "params":
        figure.add_vline(x=facts.max_params, line={"color": CAP, "dash": "dash"}, annotation_text="cap")
    titles = {"params": "trainable parameters", "macs": "MACs for one image"}
    return _dress(figure, titles[cost], "validation accuracy, %")


def curves_figure(facts: ReportFacts) -> go.Figure:
    """Draw validation accuracy by epoch: every short training thin, the full trainings in colour."""
    figure = go.Figure()
    for trial in facts.trials:
        if trial.curve:
            _add_curve(figure, trial.curve, name=_label(trial), colour=_GREY, width=1, opacity=0.35)
    for rank, (number, final) in enumerate(facts.finals.items()):
        trial = facts.trials[number]
        for curve in final.curves:
            _add_curve(
                figure,
                curve,
                name=_label(trial),
                colour=FINAL if rank == 0 else PROPOSED,
                width=3 if rank == 0 else 1.5,
                opacity=1.0,
            )
    figure.update_layout(showlegend=False, hovermode="closest")
    return _dress(figure, "epoch", "validation accuracy, %")


def _add_curve(figure: go.Figure, curve: object, *, name: str, colour: str, width: float, opacity: float) -> None:
    assert hasattr(curve, "items")
    epochs: Sequence[int] = sorted(curve)  # type: ignore[call-overload]
    figure.add_scatter(
        x=epochs,
        y=[100 * curve[epoch] for epoch in epochs],  # type: ignore[index]
        name=name,
        mode="lines+markers" if len(epochs) < 2 else "lines",
        line={"color": colour, "width": width},
        opacity=opacity,
        hovertemplate=name + "<br>epoch %{x}: %{y:.2f} %<extra></extra>",
    )


def _label(trial: Trial) -> str:
    origin = f" ({trial.candidate.origin})" if trial.attrs.get("seeded") else ""
    return f"trial {trial.number}: {trial.candidate.spec.id}{origin}"


def _dress(figure: go.Figure, x: str, y: str) -> go.Figure:
    axis = {"gridcolor": "rgba(138,143,152,.25)", "zeroline": False, "automargin": True}
    figure.update_layout(
        template="none",
        font={"color": _GREY, "size": 13},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        height=420,
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
        xaxis={**axis, "title": {"text": x}},
        yaxis={**axis, "title": {"text": y}},
    )
    return figure
