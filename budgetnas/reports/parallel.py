"""Parallel coordinates: an SVG with a line per network, from its stages to its score, coloured by rank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np

from budgetnas.amounts import write_cap, write_size
from budgetnas.budget import SIZES
from budgetnas.reports.axes import View, first_view, round_step
from budgetnas.reports.cost import costs
from budgetnas.reports.facts import ReportFacts, complete
from budgetnas.reports.style import LOW_TO_HIGH, WINNER, short_id
from budgetnas.space.parameters import is_plain, parameters
from budgetnas.trials.trial import Trial

_TOP, _BOTTOM, _HEIGHT, _SIDE = 70, 350, 380, 46
_NARROW, _WIDE, _ALL = 88, 150, 980  # pixels between two axes: at least, at most; of all together where that allows
_MOST_TICKS, _TICKS = 12, 5  # a tick for each integer up to so many; otherwise about so many
# The variables are the page's, so that the drawing follows it into the dark; beside it their second words hold.
_STYLE = """
.parallel { display: block; font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.parallel text { fill: var(--dim, #57606a); }
.parallel .axis { stroke: var(--dim, #57606a); stroke-width: 1; }
.parallel .tick { text-anchor: end; paint-order: stroke; stroke: var(--back, #ffffff); stroke-width: 3; }
.parallel .head { text-anchor: start; }
.parallel .line { fill: none; stroke-width: 1.6; stroke-opacity: .8; stroke-linejoin: round; }
.parallel .winner { stroke-width: 3; stroke-opacity: 1; }
.parallel .line:hover { stroke: var(--text, #1f2328) !important; stroke-width: 4; stroke-opacity: 1; }
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Axis:
    """An axis with one value per network; `low` and `high` are its ends, `ticks` are at their values."""

    name: str
    values: Sequence[float]
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]

    def place(self, value: float) -> int:
        """Return the vertical place of a value in pixels; one outside the axis is at its end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(_BOTTOM - share * (_BOTTOM - _TOP))


def parallel_figure(facts: ReportFacts) -> str:
    """Draw the networks of two or more COMPLETE trials over the dimensions of their specs, their costs and the score.

    A dimension of an absent stage is 0. Dimensions that are the same for all are left out.
    """
    trials = _ranked(facts)
    axes = _axes(facts, trials)
    between = round(min(max(_ALL / max(len(axes) - 1, 1), _NARROW), _WIDE))
    width = between * (len(axes) - 1) + 3 * _SIDE
    lines = [_line(facts, trial, i, axes, between, len(trials)) for i, trial in enumerate(trials)]
    drawn = [_draw(axis, _SIDE + i * between) for i, axis in enumerate(axes)]
    return (
        f'<svg class="parallel" role="img" viewBox="0 0 {width} {_HEIGHT}" '
        f'width="{width}" height="{_HEIGHT}"><title>Parallel coordinates of {len(trials):,} networks</title>'
        f"<style>{_STYLE}</style>{''.join(lines)}{''.join(drawn)}</svg>"
    )


def parallel_caption(facts: ReportFacts) -> str:
    """Return what the figure shows, and how many scores are below its axis."""
    trials, view = complete(facts), _view(facts)
    end = "" if view is None else f"below {view.low:.1f} %" if facts.score.is_share else f"above {view.high:.3f}"
    below = f" {view.outside:,} {end} are drawn at the lower end of the axis." if view else ""
    won = " The winner is bold." if any(trial.number == facts.winner for trial in trials) else ""
    return (
        f"Each line is one of {len(trials):,} networks, from its stages to the score of its short training, coloured "
        f"by the rank of that score: grey is the worst, blue medium, orange the best.{won} What a network does not "
        f"have is 0, such as the width of an absent stage. Point at a line for its network.{below}"
    )


def _view(facts: ReportFacts) -> View | None:
    return first_view((trial.score or 0.0 for trial in complete(facts)), facts.score)


def _ranked(facts: ReportFacts) -> list[Trial]:
    """Return the trials in the order of drawing: the best on top, the winner above all."""
    return sorted(complete(facts), key=lambda trial: (trial.number == facts.winner, trial.score or 0.0))


def _axes(facts: ReportFacts, trials: Sequence[Trial]) -> list[_Axis]:
    specs = [trial.candidate.spec for trial in trials]
    is_wide = not all(map(is_plain, specs))
    found = [parameters(spec, is_wide=is_wide) for spec in specs]
    names = dict.fromkeys(name for values in sorted(found, key=len, reverse=True) for name in values)
    axes = [_counts(name.replace("_", " "), [values.get(name, 0) for values in found]) for name in names]
    for cost in costs(facts):
        write = write_size if cost in SIZES else write_cap
        name = {"macs": "MACs"}.get(cost, cost)
        axes.append(_measured(name, [getattr(trial.candidate, cost) for trial in trials], write))
    score, view = facts.score, _view(facts)
    sign = 1 if score.is_share else -1  # the best is on top
    low = None if view is None else view.low if score.is_share else -view.high
    scores = [score.factor * (trial.score or 0.0) for trial in trials]
    name = "score, %" if score.is_share else score.words
    axes.append(_measured(name, scores, lambda value: f"{sign * value:.4g}", low=low))
    return [axis for axis in axes if axis.low < axis.high]


def _counts(name: str, values: Sequence[int]) -> _Axis:
    """Return an axis of integers, with ticks at integers only."""
    low, high = min(values), max(values)
    if high - low >= _MOST_TICKS:
        return _measured(name, values, lambda value: f"{value:.0f}")
    ticks = [(float(value), str(value)) for value in range(low, high + 1)]
    return _Axis(name=name, values=values, low=low, high=high, ticks=ticks)


def _measured(name: str, values: Sequence[float], write: Callable[[Any], str], low: float | None = None) -> _Axis:
    """Return an axis with round ticks, from `low` or the smallest value to the largest."""
    low, high = min(values) if low is None else low, max(values)
    kind = type(values[0])
    ticks = [(value, write(kind(value))) for value in round_ticks(low, high)]
    return _Axis(name=name, values=values, low=low, high=high, ticks=ticks)


def round_ticks(low: float, high: float) -> list[float]:
    """Return about five round values between two numbers.

    >>> round_ticks(3.1, 9.2), round_ticks(5, 5)
    ([4.0, 6.0, 8.0], [])
    """
    if not high > low:
        return []
    step = round_step(low, high, _TICKS)
    first, last = np.ceil(low / step), np.floor(high / step)
    return [float(round(i * step, 9)) for i in np.arange(first, last + 1)]


def _line(facts: ReportFacts, trial: Trial, i: int, axes: Sequence[_Axis], between: int, of_all: int) -> str:
    heights = [axis.place(axis.values[i]) for axis in axes]
    steps = "".join(f"l{between} {after - before}" for before, after in pairwise(heights))
    won = trial.number == facts.winner
    kind, colour = ("line winner", WINNER) if won else ("line", _colour(i / max(of_all - 1, 1)))
    title = (
        f"trial {trial.number}: {short_id(trial.candidate.spec.id)}, {facts.score.write(trial.score or 0.0, unit=' %')}"
    )
    return (
        f'<path class="{kind}" stroke="{colour}" d="M{_SIDE} {heights[0]}{steps}"><title>{escape(title)}</title></path>'
    )


def _colour(rank: float) -> str:
    """Return the colour of a rank from 0, the lowest, to 1."""
    places = [place for place, _ in LOW_TO_HIGH]
    parts = [[int(colour[i : i + 2], 16) for _, colour in LOW_TO_HIGH] for i in (1, 3, 5)]
    return "#" + "".join(f"{round(float(np.interp(rank, places, part))):02x}" for part in parts)


def _draw(axis: _Axis, x: int) -> str:
    ticks = "".join(
        f'<text class="tick" x="{x - 5}" y="{axis.place(value) + 4}">{escape(text)}</text>'
        for value, text in axis.ticks
    )
    return (
        f'<line class="axis" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_BOTTOM}"/>{ticks}'
        f'<text class="head" transform="translate({x - 8} {_TOP - 14}) rotate(-25)">{escape(axis.name)}</text>'
    )
