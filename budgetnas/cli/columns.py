"""The columns of a file of predictions: which of them there are, and what each is called."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from budgetnas.exceptions import UsageError

if TYPE_CHECKING:
    from budgetnas.export.predict import Prediction

FIELDS = ("id", "label", "class", "share")  # of a row; where an image has several, also its `rank`
RANK = "rank"
_EXAMPLE = "`ID,Labels` for id and label, `id,label=class` for names of classes"


class Column(NamedTuple):
    """A column: what it is called, and the field that it holds."""

    name: str
    field: str


def read_columns(text: str | None, *, top: int) -> list[Column]:
    """Read `--columns`: names in the order of `FIELDS`, except that NAME=FIELD, or the name of a field, has that field.

    Args:
        text: as it was typed; None for all fields under their own names.
        top: rows an image; a rank tells several apart.

    Raises:
        UsageError: there are too many, one has no name or an unknown field, or two hold the same field.
    """
    known = (*FIELDS, RANK)
    if text is None:
        return [Column(name, name) for name in (FIELDS if top == 1 else (FIELDS[0], RANK, *FIELDS[1:]))]
    columns: list[Column] = []
    for place, word in enumerate(text.split(",")):
        name, equals, field = (part.strip() for part in word.partition("="))
        if not equals:
            field = name.lower() if name.lower() in known else FIELDS[min(place, len(FIELDS) - 1)]
        if not name or field not in known:
            raise UsageError(
                f"`--columns` is {text[:80]!r}, but must be names with commas, or NAME=FIELD with a field of "
                f"{', '.join(known)}: {_EXAMPLE}."
            )
        columns.append(Column(name, field))
    if top > 1 and RANK not in {column.field for column in columns}:
        raise UsageError(
            f"`--columns` is {text[:80]!r}, but --top {top} writes {top} rows an image: add {RANK} to tell them apart."
        )
    twice = next((column for i, column in enumerate(columns) if column.field in {c.field for c in columns[:i]}), None)
    if twice:
        raise UsageError(
            f"`--columns` is {text[:80]!r}, but {twice.name!r} would hold {twice.field} again: write NAME=FIELD "
            f"({_EXAMPLE})."
        )
    return columns


def to_csv(predictions: Iterable[Prediction], columns: Sequence[Column]) -> str:
    """Return predictions as CSV: a head, then a row an image, or one each of its most likely classes, best first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    for one in predictions:
        for rank, (label, name, share) in enumerate(one.classes, 1):
            row = {"id": one.image.id, RANK: rank, "label": label, "class": name, "share": f"{share:.6f}"}
            writer.writerow([row[column.field] for column in columns])
    return text.getvalue()
