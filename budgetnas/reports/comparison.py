"""`comparison.html`: several searches on one page, their results beside one another and where their settings differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go
from markupsafe import Markup

from budgetnas.evidence.accuracy import Accuracy
from budgetnas.reports.facts import Tile
from budgetnas.reports.markup import Section, joined, page, paragraph, part, plot
from budgetnas.reports.style import FULL, SHORT, dress, points
from budgetnas.text import plural

NAMED = 40  # letters of a name in the figure


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedSearch:
    """A search beside others.

    Attributes:
        name: of its column.
        result: its result at a glance.
        verdict: on it, in a sentence.
        settings: what it was asked for, in words, by name.
        keys: values of the keys of its study file and of its recipe, as text.
        test: test accuracy of its winner; None before it was tested.
        validation: validation accuracy of its winner; None without one.
        command: the command that made it.
    """

    name: str
    result: Sequence[Tile]
    verdict: str
    settings: Mapping[str, str]
    keys: Mapping[str, str]
    test: Accuracy | None
    validation: Accuracy | None
    command: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row of a comparison: a cell for each search.

    Attributes:
        name: of the row.
        cells: value and note of each search.
        differs: whether it is a setting that is not the same for all.
    """

    name: str
    cells: Sequence[Tile]
    differs: bool = False


def comparison_page(searches: Sequence[ComparedSearch], *, warnings: Sequence[str], command: str) -> str:
    """Return the page as HTML with plotly's script inside; it makes no requests.

    Args:
        searches: two or more.
        warnings: what makes their accuracies hard to compare, a sentence or two each.
        command: the command that makes the page.
    """
    names = [search.name for search in searches]
    keys = setting_rows([search.keys for search in searches])
    same, other = ([row for row in keys if row.differs is differs] for differs in (False, True))
    folded = part("folded", f"{plural(len(same), 'key')} with the same value", part("compared", names, same))
    mark = paragraph("\u2260 marks what is not the same for all.", "note")
    caption = "Bars are 95 % intervals over the images (Wilson); another training seed moves an accuracy as well."
    has_accuracies = any(search.test or search.validation for search in searches)
    figure = plot(winners_figure(searches), "winners", caption) if has_accuracies else Markup()
    return page(
        "comparison.html",
        title=f"{len(searches)} searches",
        kind="comparison",
        description=", ".join(names),
        sections=(
            Section("winners", "The winners", figure),
            Section(
                "settings",
                "Settings",
                joined(mark, part("compared", names, setting_rows([search.settings for search in searches]))),
            ),
            Section("keys", "Keys of the study files", joined(part("compared", names, other), folded)),
            Section("commands", "Their commands", part("definitions", [(one.name, one.command) for one in searches])),
        ),
        command=command,
        warnings=warnings,
        results=part("compared", names, result_rows(searches)),
    )


def result_rows(searches: Sequence[ComparedSearch]) -> list[Row]:
    """Return a row for each fact of the results, and one for the verdicts."""
    found = [{tile.name: tile for tile in search.result} for search in searches]
    names = list(dict.fromkeys(name for tiles in found for name in tiles))
    rows = [Row(name=name, cells=[one.get(name, Tile(name=name, value="")) for one in found]) for name in names]
    return [*rows, Row(name="verdict", cells=[Tile(name="verdict", value="", note=one.verdict) for one in searches])]


def setting_rows(settings: Sequence[Mapping[str, str]]) -> list[Row]:
    """Return a row for each setting of any search; one that a search lacks is empty there."""
    names = list(dict.fromkeys(name for one in settings for name in one))
    values = {name: [one.get(name, "") for one in settings] for name in names}
    return [
        Row(name=name, cells=[Tile(name=name, value="", note=value) for value in row], differs=len(set(row)) > 1)
        for name, row in values.items()
    ]


def winners_figure(searches: Sequence[ComparedSearch]) -> go.Figure:
    """Draw the winners' test and validation accuracies with their intervals over images, the first search on top."""
    figure, places = go.Figure(), range(len(searches), 0, -1)
    for name, colour, symbol, lift, accuracies in (
        ("test", FULL, "circle", 0.1, [search.test for search in searches]),
        ("validation", SHORT, "circle-open", -0.1, [search.validation for search in searches]),
    ):
        known = [(place + lift, one) for place, one in zip(places, accuracies, strict=True) if one is not None]
        if known:
            figure.add_scatter(
                x=[points(one.mean) for _, one in known],
                y=[place for place, _ in known],
                error_x={
                    "array": [points(one.interval[1] - one.mean) for _, one in known],
                    "arrayminus": [points(one.mean - one.interval[0]) for _, one in known],
                    "thickness": 1.5,
                    "width": 4,
                },
                name=name,
                mode="markers",
                marker={"color": colour, "size": 10, "symbol": symbol},
                hovertemplate="%{x:.2f} %<extra></extra>",
            )
    dress(figure, x="accuracy of the winner, %", y="", height=130 + 64 * len(searches))
    names = [escape(search.name[:NAMED], quote=False) for search in searches]
    figure.update_layout(showlegend=True)
    figure.update_yaxes(
        tickvals=list(places), ticktext=names, range=[0.5, len(searches) + 0.5], showgrid=False, ticksuffix="  "
    )
    return figure
