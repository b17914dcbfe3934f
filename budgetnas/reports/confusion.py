"""What a network takes for what: the confusion matrix, and the accuracy of every class."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from budgetnas.evidence.accuracy import wilson
from budgetnas.reports.style import dress
from budgetnas.text import Table, write_interval, write_percent

_MOST_NUMBERS = 12  # with at most this many classes, each cell has its number
_CELL, _AROUND = 30, 130  # pixels
_LOWEST, _HIGHEST = 340, 760
_LONGEST, _MOST_NAMES = 14, 25  # letters of a class on an axis; classes named on an axis
_SCALE = ((0.0, "rgba(59,130,246,.6)"), (0.5, "rgba(125,133,144,0)"), (1.0, "rgba(234,88,12,.6)"))

Matrix = Sequence[Sequence[int]]


def confusion_figure(matrix: Matrix, names: Sequence[str]) -> go.Figure:
    """Draw a confusion matrix: correct predictions blue by their share of the class, mistakes orange by theirs.

    The largest mistake has the strongest orange, and orange grows as the square root, so that rare mistakes are seen.

    Args:
        matrix: [C, C] number of images by true class (row) and predicted class (column).
        names: of the C classes; numbers stand for missing ones.
    """
    counts = np.array(matrix, dtype=np.int64)
    images = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(images, 1)
    mistakes = np.where(np.eye(len(counts), dtype=bool), 0.0, shares)
    colours = np.where(np.eye(len(counts), dtype=bool), -shares, np.sqrt(mistakes / (mistakes.max() or 1.0)))
    words = [
        [f"{count:,} of {int(total[0]):,} ({count / max(total[0], 1):.1%})" if count else "none" for count in row]
        for row, total in zip(counts, images, strict=True)
    ]
    names = _names(names, len(counts))
    labels = [escape(name, quote=False) for name in names]
    shown = range(0, len(labels), -(-len(labels) // _MOST_NAMES))
    ticks = {
        "type": "category",
        "tickvals": [labels[i] for i in shown],
        "ticktext": [escape(_short(names[i]), quote=False) for i in shown],
        "showgrid": False,
    }
    numbers = [[f"{100 * share:.0f}" if share else "" for share in row] for row in shares]
    figure = go.Figure(
        go.Heatmap(
            x=labels,
            y=labels,
            z=np.round(colours, 3).tolist(),
            zmin=-1,
            zmax=1,
            colorscale=[list(stop) for stop in _SCALE],
            showscale=False,
            xgap=1,
            ygap=1,
            customdata=words,
            text=numbers if len(counts) <= _MOST_NUMBERS else None,
            texttemplate="%{text}" if len(counts) <= _MOST_NUMBERS else None,
            textfont={"size": 11},
            hovertemplate="true %{y}, predicted %{x}<br>%{customdata}<extra></extra>",
        )
    )
    height = min(max(_AROUND + _CELL * len(counts), _LOWEST), _HIGHEST)
    dress(figure, x="predicted", y="true class", height=height)
    figure.update_xaxes(**ticks, tickangle=-45)
    figure.update_yaxes(**ticks, autorange="reversed")
    return figure


def confusion_caption(split: str) -> str:
    """Return what the figure shows.

    Args:
        split: "validation" or "test".
    """
    return (
        f"Predictions of the winner on {split} images. A row is a true class: blue is its share that is right, orange "
        "what it is taken for. Numbers are percent of the row; point at a cell for counts."
    )


def class_table(matrix: Matrix, names: Sequence[str], *, title: str) -> Table:
    """Return one row per class, the lowest accuracy first: its images, accuracy, and what it is most often taken for.

    Args:
        matrix: as of `confusion_figure`.
        names: likewise.
        title: of the table.
    """
    labels = _names(names, len(matrix))
    found = [(i, list(row), sum(row)) for i, row in enumerate(matrix)]
    ranked = sorted((row[i] / total if total else 1.1, i, row, total) for i, row, total in found)
    return Table(
        title=title,
        columns=("class", "images", "correct", "accuracy %", "most often taken for"),
        rows=[(labels[i], f"{total:,}", f"{row[i]:,}", _accuracy(row[i], total), _taken(row, i, labels))
              for _, i, row, total in ranked],
        notes=["In brackets: Wilson's 95 % interval of one class over its images, uncorrected for their number."],
    )  # fmt: skip


def _accuracy(correct: int, images: int) -> str:
    return f"{write_percent(correct / images)} {write_interval(*wilson(correct, images))}" if images else "no images"


def _taken(row: Sequence[int], own: int, labels: Sequence[str]) -> str:
    """Name the class that the images of a class are most often taken for; "" without mistakes."""
    count, i = max((number, -j) for j, number in enumerate(row) if j != own)
    return f"{labels[-i]} ({count:,})" if count else ""


def _names(names: Sequence[str], number: int) -> list[str]:
    return [names[i] if i < len(names) else str(i) for i in range(number)]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."
