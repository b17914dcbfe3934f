"""`calibration.html`: one self-contained page on how well short trainings of each length rank networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import plotly.graph_objects as go
from markupsafe import Markup

from budgetnas.evidence.fidelity import Fidelity
from budgetnas.evidence.scores import ACCURACY, Score
from budgetnas.reports.facts import Lines
from budgetnas.reports.markup import Section, page, plot, words_table
from budgetnas.reports.style import GREY, RUNGS, WINNER, dress
from budgetnas.text import Table


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationFacts:
    """The content of a calibration's page.

    Attributes:
        title: name of the run.
        notice: a warning to show first; "" for none.
        recommendation: the length to use, in a sentence or two.
        tables: tables of proxies and of costs.
        fidelities: ranking quality of every proxy, including those without training.
        lengths: epochs of the proxies that are trainings, by name.
        proxies: from a proxy's name to one value per network; scores in percent, or losses.
        full: full scores of the networks, likewise.
        labels: names of the networks.
        command: the command that makes this run.
        warnings: a line per problem with a training.
        about: (name, value) of the footer: seeds, hashes, versions, machine, date.
        score: by which networks are ranked.
    """

    title: str
    notice: str
    recommendation: str
    tables: Sequence[Table]
    fidelities: Sequence[Fidelity]
    lengths: Mapping[str, int]
    proxies: Mapping[str, Sequence[float]]
    full: Sequence[float]
    labels: Sequence[str]
    command: str
    warnings: Sequence[str] = ()
    about: Lines = ()
    score: Score = ACCURACY


def calibration_page(facts: CalibrationFacts) -> str:
    """Return the page as HTML with plotly's script inside; it makes no requests."""
    caption = "Dashed lines are proxies that need no training."
    if any(one.tau.low is not None for one in facts.fidelities):
        caption = f"Bars are 95 % intervals over networks. {caption}"
    pairs = "Each dot is a network: its score after the short training and after the full one."
    figures = calibration_figures(facts)
    proxies, *others = facts.tables
    return page(
        "calibration.html",
        title=facts.title,
        kind="calibration",
        description=facts.recommendation,
        sections=(
            Section("proxies", proxies.title, words_table(proxies, heading=False)),
            Section(
                "tau",
                "Kendall's tau by length",
                plot(figures["tau"], "tau", caption) if "tau" in figures else Markup(),
            ),
            Section(
                "pairs",
                "Short against full",
                plot(figures["pairs"], "pairs", pairs) if "pairs" in figures else Markup(),
            ),
            *(
                Section("costs", table.title, words_table(table, heading=False, has_total=len(table.rows) > 1))
                for table in others
            ),
        ),
        command=facts.command,
        about=facts.about,
        facts=facts,
    )


def calibration_figures(facts: CalibrationFacts) -> dict[str, go.Figure]:
    """Return the figures "tau" and "pairs", as far as there is something to draw."""
    figures = {}
    if any(not isnan(one.tau.value) for one in facts.fidelities):
        figures["tau"] = tau_figure(facts)
    if len(facts.full) > 1:
        figures["pairs"] = pairs_figure(facts)
    return figures


def tau_figure(facts: CalibrationFacts) -> go.Figure:
    """Draw Kendall's tau against the length of short trainings, with params and MACs alone as horizontal lines."""
    figure = go.Figure()
    trained = [one for one in facts.fidelities if one.name in facts.lengths]
    bounds = [(one.tau.low, one.tau.high) if one.tau.low is not None else (one.tau.value,) * 2 for one in trained]
    figure.add_scatter(
        x=[facts.lengths[one.name] for one in trained],
        y=[one.tau.value for one in trained],
        error_y={
            "type": "data",
            "array": [(high or 0.0) - one.tau.value for one, (_, high) in zip(trained, bounds, strict=True)],
            "arrayminus": [one.tau.value - (low or 0.0) for one, (low, _) in zip(trained, bounds, strict=True)],
        }
        if any(one.tau.low is not None for one in trained)
        else None,
        name="short trainings",
        mode="lines+markers",
        line={"color": RUNGS[0]},
    )
    for one, colour in zip(
        (one for one in facts.fidelities if one.name not in facts.lengths), (GREY, WINNER), strict=False
    ):
        ends = [min(facts.lengths.values()), max(facts.lengths.values())]
        figure.add_scatter(
            x=ends if ends[0] < ends[1] else [ends[0] - 1, ends[0] + 1],
            y=[one.tau.value] * 2,
            name=one.name,
            mode="lines",
            line={"color": colour, "dash": "dash"},
        )
    figure.update_xaxes(tickvals=list(facts.lengths.values()))  # no ticks between the lengths that were tried
    return dress(figure, x="epochs of the short training", y="Kendall's tau")


def pairs_figure(facts: CalibrationFacts) -> go.Figure:
    """Draw the score at every length against the full score."""
    figure, score = go.Figure(), facts.score
    for i, name in enumerate(facts.lengths):
        figure.add_scatter(
            x=list(facts.proxies[name]),
            y=list(facts.full),
            name=name,
            mode="markers",
            marker={"color": RUNGS[i % len(RUNGS)], "size": 8},
            text=list(facts.labels),
            hovertemplate=f"%{{text}}<br>{score.hover('x')}, full {score.hover('y')}<extra></extra>",
        )
    unit = score.comma_unit
    return dress(figure, x=f"validation {score.words} after the short training{unit}", y=f"after full training{unit}")
