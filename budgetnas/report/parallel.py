"""Parallel coordinates: every network trained at the first rung as one line through its dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from budgetnas.records.trial import Trial
from budgetnas.report.palette import LOW_TO_HIGH, undress

_MOST_TICKS = 12


def parallel_figure(trials: Sequence[Trial]) -> go.Figure:
    """Draw trials over stages, blocks, widths, params, MACs and score, coloured by score.

    Blocks and width of an absent stage are 0. Dimensions that are the same for all are left out.

    Args:
        trials: two COMPLETE ones or more.
    """
    trials = sorted(trials, key=lambda trial: trial.score or 0.0)  # the best lies on top
    scores = [round(100 * (trial.score or 0.0), 2) for trial in trials]
    columns = [*_architecture(trials), *_results(trials, scores)]
    figure = go.Figure(
        go.Parcoords(
            dimensions=[column for column in columns if len(set(column["values"])) > 1],
            line={
                "color": scores,
                "colorscale": [list(stop) for stop in LOW_TO_HIGH],
                "cmin": float(np.quantile(scores, 0.05)),  # one network that learnt nothing must not grey all others
                "cmax": max(scores),
            },
            labelangle=-20,
            unselected={"line": {"color": "#8b95a5", "opacity": 0.12}},
        )
    )
    return undress(figure, height=400, l=48, r=48, t=76, b=24)


def _architecture(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    specs = [trial.candidate.spec for trial in trials]
    most = max(len(spec.blocks) for spec in specs)
    columns = [_counts("stages", [len(spec.blocks) for spec in specs])]
    columns += [_counts(f"blocks {i + 1}", [_at(spec.blocks, i) for spec in specs]) for i in range(most)]
    columns += [_counts(f"width {i + 1}", [_at(spec.widths, i) for spec in specs]) for i in range(most)]
    return columns


def _results(trials: Sequence[Trial], scores: Sequence[float]) -> list[dict[str, Any]]:
    return [
        {"label": "params", "values": [trial.candidate.params for trial in trials], "tickformat": ".3~s"},
        {"label": "MACs", "values": [trial.candidate.macs for trial in trials], "tickformat": ".3~s"},
        {"label": "score, %", "values": list(scores), "tickformat": ".4~r"},
    ]


def _counts(name: str, values: Sequence[int]) -> dict[str, Any]:
    """Make a column of whole numbers, which has ticks at whole numbers only."""
    column: dict[str, Any] = {"label": name, "values": list(values), "tickformat": "d"}
    if max(values) - min(values) < _MOST_TICKS:
        column["tickvals"] = list(range(min(values), max(values) + 1))
    return column


def _at(values: Sequence[int], i: int) -> int:
    return values[i] if i < len(values) else 0
