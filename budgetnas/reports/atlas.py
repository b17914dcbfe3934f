"""The page of a survey of a space: how many networks fit the caps, and how their MACs are distributed."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from budgetnas.budget import SIZES, write_cost
from budgetnas.reports.facts import Tile
from budgetnas.reports.markup import Section, page, plot
from budgetnas.reports.style import FULL, GREY, RUNGS, SHORT, WINNER, dress
from budgetnas.space.atlas import Atlas
from budgetnas.space.members import Member
from budgetnas.space.resnet import ResNetSpace
from budgetnas.text import write_macs

_COLOURS = (GREY, SHORT, FULL, WINNER)  # all that fit, and those nearer and nearer to the cap


def atlas_page(space: ResNetSpace, atlas: Atlas, *, command: str) -> str:
    """Return the page as HTML with plotly's script inside; it makes no requests.

    Args:
        space: the space.
        atlas: of it.
        command: the command that makes the page.
    """
    fitting = f"{sum(atlas.fitting.values()):,}"
    by = "number of stages" if space.is_plain else "kind of blocks"
    near = "with 90-100% of the cap" if atlas.draws_low else "of all that fit"
    numbers = f"Networks by {by}, on a logarithmic axis. Numbers are {atlas.method}."
    draws = f"{len(atlas.draws):,} uniform draws {near}, by {by}: networks that cost as much differ widely in MACs."
    return page(
        "atlas.html",
        title=f"What fits {atlas.budget.in_words}",
        kind="survey of a space",
        description=f"{fitting} of {atlas.size:,} networks fit {atlas.budget.in_words}.",
        sections=(
            Section("networks", "How many networks fit", plot(networks_figure(space, atlas), "networks", numbers)),
            Section("draws", "Parameters and MACs", plot(draws_figure(space, atlas), "draws", draws)),
        ),
        command=command,
        tiles=[
            Tile(name="networks that fit", value=fitting, note=f"of {atlas.size:,}"),
            *(
                _tile(space, name, member)
                for name, member in (
                    ("smallest", atlas.smallest),
                    ("largest that fits", atlas.largest),
                    ("most MACs near the cap", atlas.most_macs),
                )
                if member is not None
            ),
        ],
    )


def _tile(space: ResNetSpace, name: str, member: Member) -> Tile:
    sizes = {cost: getattr(member, cost) for cost in SIZES}
    written = "".join(f", {write_cost(size, cost)}" for cost, size in sizes.items() if size is not None)
    note = f"{member.params:,} parameters, {write_macs(member.macs)} MACs{written}"
    return Tile(name=name, value=space.decode(member.point).id, note=note)


def _parts(space: ResNetSpace, atlas: Atlas) -> dict[int, str]:
    """Return the name of the bar that each stratum belongs to."""
    return {stratum: space.part_of(stratum) for stratum in atlas.fitting}


def networks_figure(space: ResNetSpace, atlas: Atlas) -> go.Figure:
    """Draw how many networks of each part of the space fit, and how many of them are near the cap."""
    parts = _parts(space, atlas)
    names = list(dict.fromkeys(parts.values()))

    def sums(counts: Mapping[int, int]) -> list[int]:
        return [sum(counts[stratum] for stratum, part in parts.items() if part == name) for name in names]

    figure = go.Figure()
    shown = {"fit": atlas.fitting, **{f"{share:.0%}-100% of the cap": near for share, near in atlas.near.items()}}
    for (name, counts), colour in zip(shown.items(), _COLOURS, strict=True):
        figure.add_bar(x=names, y=sums(counts), name=name, marker={"color": colour})
    dress(figure, x="", y="networks")
    figure.update_layout(barmode="group")
    figure.update_yaxes(type="log", exponentformat="SI")
    return figure


def draws_figure(space: ResNetSpace, atlas: Atlas) -> go.Figure:
    """Draw MACs against parameters of uniform draws, one colour for each part of the space."""
    parts, figure = _parts(space, atlas), go.Figure()
    for i, name in enumerate(dict.fromkeys(parts.values())):
        draws = [draw for draw in atlas.draws if parts[draw[0]] == name]
        figure.add_scatter(
            x=[draw[1] for draw in draws],
            y=[draw[2] for draw in draws],
            mode="markers",
            marker={"size": 5, "opacity": 0.5, "color": RUNGS[i % len(RUNGS)]},
            name=name,
        )
    dress(figure, x="parameters", y="MACs for one image")
    figure.update_layout(xaxis={"exponentformat": "SI"}, yaxis={"exponentformat": "SI"})
    return figure
