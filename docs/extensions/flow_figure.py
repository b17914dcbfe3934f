"""Draw the flow of a search under 5M parameters, every number from the code that would run it.

`python docs/extensions/flow_figure.py` regenerates `docs/flow.svg`; a build of the pages fails while it is out of date.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log10
from pathlib import Path

from budgetnas.arch.spec import DataShape
from budgetnas.config.recipe import load_recipe
from budgetnas.config.study import load_study
from budgetnas.pipeline.prepare import BAND_FACTOR, FEWEST_IN_BAND
from budgetnas.space.band import choose_band, fitting, make_index
from budgetnas.text import write_macs

FIGURE = Path(__file__).parents[1] / "flow.svg"
WIDTH, STEP, BAR, TOP = 400, 92, 34, 10
FILLS = ("#5b6b80", "#4a6285", "#3b5a8a", "#2c4f8c", "#a3541a", "#24704a")
Row = tuple[int, str, str, str]


def flow() -> list[Row]:
    """Return each step: how many networks are left, what they are, what leads there, and by what rule."""
    config, shape = load_study(None, {"budget.max_params": "5e6"}, []), DataShape()
    budget = config.budgets(shape)[-1]
    cap, max_macs = budget.max_params, budget.max_macs
    index = make_index(config.space.space(shape), max_macs=max_macs)
    trials, promote = config.search.trials, config.full.promote
    wanted = max(FEWEST_IN_BAND, BAND_FACTOR * trials)
    band = choose_band(index, cap, min_utilisation=config.budget.min_utilisation, wanted=wanted)
    short, full = load_recipe("proxy").epochs, load_recipe(config.full.recipe).epochs
    ranges = [f"{low}-{high}" for low, high in (config.space.stages, config.space.blocks, config.space.widths)]
    step = config.space.width_step
    gate = f"gate: {100 * config.budget.min_utilisation:.0f}-100 % of the largest"
    return [
        (index.size(), "in the space", f"{ranges[0]} stages, {ranges[1]} blocks, widths {ranges[2]} by {step}", ""),
        (fitting(index, cap), "fit the cap", f"{cap:,} parameters, {write_macs(max_macs or 0)} MACs", "exact counter"),
        (len(band), "in the band", f"{band.low:,} to {band.high:,} parameters", gate),
        (trials, "short trainings", f"{short} epochs each, scored on validation", f"sampler: {config.search.sampler}"),
        (promote, "full trainings", f"{full} epochs each, scored on validation", "promotion"),
        (1, "winner", "then the test set is read; report and certificate", "choice by validation"),
    ]


def draw_flow() -> str:
    """Return the figure as SVG."""
    rows = flow()
    height = TOP + STEP * len(rows) - (STEP - BAR - 30)
    label = "; ".join(f"{count:,} {name}" for count, name, *_ in rows)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            f'role="img" aria-label="{label}" font-family="sans-serif" text-anchor="middle">',
            f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#ffffff"/>',
            *(line for i, row in enumerate(rows) for line in _row(i, row, rows[0][0])),
            "</svg>\n",
        ]
    )


def _row(i: int, row: Row, most: int) -> Iterator[str]:
    count, name, rule, led_by = row
    middle, top = WIDTH // 2, TOP + STEP * i
    width = round(150 + (WIDTH - 170) * log10(count) / log10(most))  # the logarithm of the number
    if led_by:
        yield f'<path d="M{middle} {top - 34}v22m-5 -6l5 6l5 -6" fill="none" stroke="#555555" stroke-width="1.5"/>'
        start = f'<text x="{middle + 12}" y="{top - 18}" font-size="12" fill="#555555" text-anchor="start">'
        yield f"{start}{led_by}</text>"
    yield f'<rect x="{middle - width // 2}" y="{top}" width="{width}" height="{BAR}" rx="5" fill="{FILLS[i]}"/>'
    yield (
        f'<text x="{middle}" y="{top + 22}" font-size="14" fill="#ffffff"><tspan font-weight="bold">{count:,}</tspan> '
        f"{name}</text>"
    )
    yield f'<text x="{middle}" y="{top + BAR + 15}" font-size="12" fill="#333333">{rule}</text>'


if __name__ == "__main__":
    FIGURE.write_text(draw_flow())
