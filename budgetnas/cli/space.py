"""`budgetnas space`: surveys what fits a cap, before any training."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from budgetnas.budget import SIZES, write_cost
from budgetnas.cli.caps import CAPS, add_cap_arguments
from budgetnas.cli.options import add_code_argument, add_shape_arguments, load_code, read_shape
from budgetnas.config.options import KEYS, keys_of
from budgetnas.text import Table, aligned, plural, write_macs

if TYPE_CHECKING:
    from budgetnas.space.atlas import Atlas
    from budgetnas.space.members import Member
    from budgetnas.space.resnet import ResNetSpace

_MOST_COLUMNS = 6  # strata that stand beside one another

DESCRIPTION = "Survey a search space under a cap before any training. Every number is exact unless labelled."
EXAMPLE = "budgetnas space --max-params 5e6 --html atlas.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("study", nargs="?", metavar="STUDY.toml", help="a study file")
    add_cap_arguments(parser)
    parser.add_argument(
        "--space", metavar="NAME", help="wide, for more kinds of networks, or a .toml file with [space]"
    )
    add_code_argument(parser)
    add_shape_arguments(parser)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="like space.width_step=4")
    parser.add_argument("--html", metavar="FILE", help="write a plot")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Print the atlas."""
    from budgetnas.config.space_code import with_kind
    from budgetnas.config.study import load_study
    from budgetnas.space.atlas import make_atlas
    from budgetnas.space.band import make_index

    shape = read_shape(arguments)
    kind = load_code(arguments)
    keys = keys_of(vars(arguments), {name: KEYS[name] for name in (*CAPS, "space")})
    config = with_kind(load_study(arguments.study, keys, arguments.set), kind)
    budget = config.budgets(shape)[-1]
    space = config.space.space(shape)
    index = make_index(space, budget=budget, progress=_progress)
    atlas = make_atlas(index, budget)
    if arguments.html:
        from budgetnas.storage.files import write_text

        write_text(Path(arguments.html), _page(space, atlas))
    if arguments.json:
        import json

        print(json.dumps(_as_json(space, atlas), indent=2))
    else:
        _print(space, atlas)


def _progress(done: int, of: int) -> None:
    """Say on a terminal how far the counting of a large space is."""
    if sys.stderr.isatty():
        print(f"\rcounting the space: {done} of {of} parts", end="" if done < of else "\n", file=sys.stderr, flush=True)


def _print(space: ResNetSpace, atlas: Atlas) -> None:
    strata = list(atlas.fitting)
    print(f"space      {atlas.size:,} networks")
    print(f"cap        {atlas.budget.in_words}")
    if atlas.budget.max_memory is not None:
        print(f"memory     {plural(atlas.over_memory, 'network')} that fit the other caps need more")
    print(f"numbers    {atlas.method}")
    print()
    names = [space.name_stratum(stratum) for stratum in strata]
    rows = []
    for share, counts in ((0.0, atlas.fitting), *atlas.near.items()):
        name = f"{share:.0%}-100% of the cap" if share else "that fit"
        cells = [(counts[s], atlas.margins[share][s]) for s in strata]
        cells.append((sum(counts.values()), round(sum(margin**2 for _, margin in cells) ** 0.5)))
        rows.append((name, *(f"{count:,}" if atlas.is_exact else f"{count:.3g} +- {m:.1g}" for count, m in cells)))
    columns = ("networks", *names, "all")
    if len(strata) > _MOST_COLUMNS:
        columns, *rows = zip(columns, *rows, strict=True)
    print("\n".join(aligned(Table(title="", columns=columns, rows=rows))), end="\n\n")
    if any("=" in name for name in names):
        print(
            "In brackets: the joints between stages, - where the next stage halves the image and = where it does not.\n"
        )
    for name, member in (
        ("smallest", atlas.smallest),
        ("largest", atlas.largest),
        ("most MACs", atlas.most_macs),
    ):
        if member is not None:
            where = " with 90-100% of the cap" if name == "most MACs" else ""
            sizes = "".join(f", {write_cost(size, cost)}" for cost, size in _sizes(member).items())
            cost = f"{member.params:,} parameters, {write_macs(member.macs)} MACs{sizes}{where}"
            print(f"{name:<10} {space.decode(member.point)}: {cost}")
    where = "with 90-100% of the cap" if atlas.draws_low else "of all that fit"
    quantiles = atlas.macs_quantiles()
    written = ", ".join(f"{q:.0%} {write_macs(macs)}" for q, macs in quantiles.items())
    print(f"MACs       {written} (estimate: quantiles of {len(atlas.draws):,} uniform draws {where})")


def _as_json(space: ResNetSpace, atlas: Atlas) -> dict[str, Any]:
    def member(found: Member | None) -> dict[str, Any] | None:
        if found is None:
            return None
        return {"id": space.decode(found.point).id, "params": found.params, "macs": found.macs, **_sizes(found)}

    return {
        **asdict(atlas.budget),
        "cost": atlas.cost,
        "over_max_memory": atlas.over_memory,
        "size": atlas.size,
        "exact": atlas.is_exact,
        "strata": {stratum: space.name_stratum(stratum) for stratum in atlas.fitting},
        "fitting": atlas.fitting,
        "near": {f"{share:.0%}": counts for share, counts in atlas.near.items()},
        "margins": {f"{share:.0%}": counts for share, counts in atlas.margins.items()},
        "smallest": member(atlas.smallest),
        "largest": member(atlas.largest),
        "most_macs": member(atlas.most_macs),
        "macs_quantiles_estimate": {f"{q:.0%}": macs for q, macs in atlas.macs_quantiles().items()},
        "draws": len(atlas.draws),
        "draws_low": atlas.draws_low,
    }


def _sizes(member: Member) -> dict[str, int]:
    """Return the costs in bytes that are capped."""
    found = {cost: getattr(member, cost) for cost in SIZES}
    return {cost: size for cost, size in found.items() if size is not None}


def _page(space: ResNetSpace, atlas: Atlas) -> str:
    """Return one self-contained HTML page: how many networks fit, and how their MACs are distributed."""
    from plotly import io
    from plotly.subplots import make_subplots

    from budgetnas.reports.plotly_script import plotly_script

    titles = (f"Networks, by {'number of stages' if space.is_plain else 'kind of blocks'}", "Params and MACs of draws")
    figure = make_subplots(rows=1, cols=2, subplot_titles=titles)
    parts = {stratum: space.part_of(stratum) for stratum in atlas.fitting}
    names = list(dict.fromkeys(parts.values()))

    def sums(counts: Mapping[int, int]) -> list[int]:
        return [sum(counts[stratum] for stratum, part in parts.items() if part == name) for name in names]

    figure.add_bar(x=names, y=sums(atlas.fitting), name="fit", row=1, col=1)
    for share, counts in atlas.near.items():
        figure.add_bar(x=names, y=sums(counts), name=f"{share:.0%}-100% of the cap", row=1, col=1)
    for name in names:
        draws = [draw for draw in atlas.draws if parts[draw[0]] == name]
        figure.add_scatter(
            x=[draw[1] for draw in draws],
            y=[draw[2] for draw in draws],
            mode="markers",
            marker={"size": 5, "opacity": 0.5},
            name=name,
            row=1,
            col=2,
        )
    figure.update_yaxes(type="log", row=1, col=1)
    figure.update_xaxes(title_text="parameters", row=1, col=2)
    figure.update_yaxes(title_text="MACs for one image", row=1, col=2)
    legend = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"}
    title = f"{sum(atlas.fitting.values()):,} of {atlas.size:,} networks fit {atlas.budget.in_words}"
    figure.update_layout(title=title, template="plotly_white", barmode="group", legend=legend)
    page = io.to_html(figure, include_plotlyjs=False, config={"displaylogo": False, "modeBarButtons": [["toImage"]]})
    return str(page.replace("<body>", f"<body><script>{plotly_script()}</script>", 1))
