"""The models of Pei et al.: what they report, what the counter says, and what was measured in this repository."""

from __future__ import annotations

import csv
from pathlib import Path

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape
from budgetnas.config.models import NamedModel, paper_models
from budgetnas.text import plural

MEASURED = Path(__file__).parents[2] / "studies" / "results" / "first_epochs.csv"
NOT_YET = "not measured yet"


def reported_and_measured() -> str:
    """Return the table as Markdown."""
    with MEASURED.open(newline="") as file:
        rows = list(csv.DictReader(file))
    head = (
        "| model | network | params reported | counted | epochs | test % reported | measured |\n"
        "|---|---|--:|--:|--:|--:|---|"
    )
    models = [model for model in paper_models() if model.reported_params]
    return "\n".join([head, *(_row(model, [row for row in rows if row["network"] == model.name]) for model in models)])


def _row(model: NamedModel, measured: list[dict[str, str]]) -> str:
    epochs = sum(length for length, _ in model.phases)
    cells = (
        model.name,
        model.spec.id,
        f"{model.reported_params:,}",
        f"{count(model.spec, DataShape()).params:,}",
        str(epochs),
        f"{model.reported_accuracy:.2f}",
        _measured(measured, epochs),
    )
    return f"| {' | '.join(cells)} |"


def _measured(rows: list[dict[str, str]], epochs: int) -> str:
    """Return the best epoch, and how far training got where it was cut off."""
    if not rows:
        return NOT_YET
    done = max(int(row["epoch"]) for row in rows)
    best = f"{max(100 * float(row['accuracy']) for row in rows):.2f}"
    return best if done >= epochs else f"{best} within the first {plural(done, 'epoch')}"
