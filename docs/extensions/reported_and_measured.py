"""The report's models: what it reports, what the counter says, and what was measured in this repository."""

from __future__ import annotations

import csv
from pathlib import Path

from budgetnas.arch.spec import DataShape
from budgetnas.complexity.counter import count
from budgetnas.config.models import NamedModel, paper_models

MEASURED = Path(__file__).parents[2] / "studies" / "results" / "first_epochs.csv"
NOT_YET = "not measured yet"


def reported_and_measured() -> str:
    """Return the table as Markdown."""
    with MEASURED.open(newline="") as file:
        rows = list(csv.DictReader(file))
    head = (
        "| model | network | params reported | counted | epochs | test % reported | measured | after epochs 1, 2, 3 |\n"
        "|---|---|--:|--:|--:|--:|---|---|"
    )
    models = [model for model in paper_models() if model.reported_params]
    return "\n".join([head, *(_row(model, [row for row in rows if row["network"] == model.name]) for model in models)])


def _row(model: NamedModel, measured: list[dict[str, str]]) -> str:
    epochs = sum(length for length, _ in model.phases)
    accuracies = [100 * float(row["accuracy"]) for row in measured]
    cells = (
        model.name,
        model.spec.id,
        f"{model.reported_params:,}",
        f"{count(model.spec, DataShape()).params:,}",
        str(epochs),
        f"{model.reported_accuracy:.2f}",
        f"{max(accuracies):.2f}" if len(accuracies) >= epochs else NOT_YET,
        ", ".join(f"{accuracy:.1f}" for accuracy in accuracies[:3]),
    )
    return f"| {' | '.join(cells)} |"
