"""`budgetnas predict`: classifies images with the network of a certificate, to the terminal or a file."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from budgetnas.arch.spec import DataShape
from budgetnas.cli.options import whole_number
from budgetnas.exceptions import UsageError
from budgetnas.text import one_line, plural, printable, write_csv

if TYPE_CHECKING:
    from budgetnas.certificates.predict import Prediction


FIELDS = ("id", "label", "class", "share")  # of a row; where an image has several, also its `rank`
RANK = "rank"
_EXAMPLE = "`ID,Labels` for id and label, `id,label=class` for names of classes"


class Column(NamedTuple):
    """A column: its name, and the field that it holds."""

    name: str
    field: str


def read_columns(text: str | None, *, top: int) -> list[Column]:
    """Read `--columns`: names in the order of `FIELDS`, except that NAME=FIELD, or the name of a field, has that field.

    Args:
        text: the option as typed; None for all fields under their own names.
        top: rows per image; with several, a rank is needed.

    Raises:
        UsageError: there are too many columns, one has no name or an unknown field, or two hold the same field.
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
    """Return predictions as CSV: a header, then a row per image, or per image and class, best class first."""
    rows = (row | {"share": f"{row['share']:.6f}"} for one in predictions for row in one.rows())
    return write_csv([column.name for column in columns], ([row[column.field] for column in columns] for row in rows))


DESCRIPTION = (
    "Classify images with the network of a run: image files, folders (with their subfolders), .npz files (uint8 images "
    "as x_test, x or the only such array; ids as ids). FOLDER/1.png has the id 1, FOLDER/a/7.png has a/7; if two "
    "images would share an id, ids are paths. Unreadable files are listed at the end, with exit status 1."
)
EXAMPLE = "budgetnas predict runs/digits-hard-5M-s0 test/ --csv predictions.csv --columns ID,Labels"
TOP = 3
STDOUT = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("folder", metavar="RUN", help="folder of a run, or of a certificate")
    add("inputs", nargs="+", metavar="INPUT", help="an image, a folder of images, or an .npz")
    add("--top", type=whole_number, metavar="K", help=f"classes per image (default {TOP}; in a CSV 1)")
    add("--csv", metavar="FILE", help="write rows of id, label (from 0), class and share; - prints them")
    add("--columns", metavar="NAME,..", help="columns of the CSV: ID,Labels (id and label), or id,label=class")
    add("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the classes, a line per image, or write them; return 1 where a file could not be read."""
    top = arguments.top or (TOP if arguments.csv is None else 1)
    columns = _columns(arguments, top)

    from budgetnas.certificates.certificate import load_certificate
    from budgetnas.certificates.inputs import find_inputs
    from budgetnas.certificates.predict import check_top, predict, was_resized
    from budgetnas.runs.certify import certificate_of

    folder = certificate_of(Path(arguments.folder))
    model, arch = load_certificate(folder)
    if arguments.top is not None:
        check_top(arguments.top, arch)
    resized = "" if was_resized(folder) else f"resized to {arch['shape']['width']}x{arch['shape']['height']}"
    inputs = find_inputs(arguments.inputs, DataShape(**arch["shape"]))
    faults = list(inputs.faults)
    found = predict(model, arch, inputs.wanted, top=top, faults=faults)
    notes = _print_or_write(arguments, found, columns, resized)
    out = sys.stderr if arguments.json or arguments.csv == STDOUT else sys.stdout
    for note in (*notes, *(f"NOTE: {note}" for note in (*inputs.notes, arch["notice"]) if note)):
        print(printable(note), file=out)
    for fault in faults:
        print(f"budgetnas: {printable(one_line(fault, most=None))}", file=sys.stderr)
    return 1 if faults else 0


def _print_or_write(
    arguments: argparse.Namespace, predictions: Iterator[Prediction], columns: list[Column], resized: str
) -> list[str]:
    """Print predictions (one by one, unless as JSON or CSV) or write them; return notes on them."""
    if not columns and not arguments.json:
        for one in predictions:
            print(printable(_line(one, resized)))
        return []
    found = list(predictions)
    if arguments.json:
        print(json.dumps([_as_json(one) for one in found], indent=2))
    if not columns or not found:
        return []
    text, notes = to_csv(found, columns), [*_named(columns), *_changed(found, resized)]
    if arguments.csv == STDOUT:
        print(_for_terminal(text) if sys.stdout.isatty() else text, end="")
        return notes

    from budgetnas.storage.files import write_text

    write_text(Path(arguments.csv), text)
    return [f"predictions  {plural(len(found), 'image')} in {arguments.csv}", *notes]


def _for_terminal(text: str) -> str:
    return "".join(f"{printable(line)}\n" for line in text.removesuffix("\n").split("\n"))


def _columns(arguments: argparse.Namespace, top: int) -> list[Column]:
    """Read the columns of the CSV, none without a CSV, and check early that its file can be written."""
    name = arguments.csv
    if name is None:
        if arguments.columns is not None:
            raise UsageError("`--columns` is given without `--csv`: add --csv FILE, or --csv - to print them.")
        return []
    if name == STDOUT:
        if arguments.json:
            raise UsageError("`--csv -` and `--json` both print: leave one of them out, or give --csv a file.")
    else:
        path = Path(name)
        with suppress(OSError):  # such as a path that is too long: writing it raises the error
            if path.is_dir() or not path.parent.is_dir():
                raise UsageError(f"`--csv` is {name[:200]}, but must be a file in a folder that exists.")
            if path.exists() and any(path.samefile(word) for word in arguments.inputs if Path(word).exists()):
                raise UsageError(f"`--csv` is {name[:200]}, which is one of the images to classify: give another file.")
    return read_columns(arguments.columns, top=top)


def _line(one: Prediction, resized: str) -> str:
    classes = ", ".join(f"{name} {share:.1%}" for _, name, share in one.classes)
    changes = " ".join(f"({change})" for change in _changes(one, resized))
    return f"{one.image.path}: {classes}" + (f"  {changes}" if changes else "")


def _named(columns: Sequence[Column]) -> list[str]:
    """Return a note on columns whose names differ from their fields."""
    found = [f"{column.name} is {column.field}" for column in columns if column.name.lower() != column.field]
    return [f"columns      {', '.join(found)}"] if found else []


def _changes(one: Prediction, resized: str) -> list[str]:
    """Return the conversions of an image; resizing counts only if the training did not resize."""
    return [*([resized] if resized and one.resized else []), *one.done]


def _changed(found: Sequence[Prediction], resized: str) -> list[str]:
    """Return a line per conversion with the number of images."""
    times = Counter(change for one in found for change in _changes(one, resized))
    return [
        f"NOTE: {plural(number, 'image')} {'was' if number == 1 else 'were'} {what}." for what, number in times.items()
    ]


def _as_json(one: Prediction) -> dict[str, Any]:
    return {
        "id": one.image.id,
        "image": one.image.path,
        "resized": one.resized,
        "done": list(one.done),
        "classes": [{"label": label, "class": name, "share": share} for label, name, share in one.classes],
    }
