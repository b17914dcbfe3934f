"""`budgetnas predict`: the classes of images by the network of a certificate, printed or in a file."""

from __future__ import annotations

import argparse
import csv
import io
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
from budgetnas.text import plural, printable

if TYPE_CHECKING:
    from budgetnas.certificates.predict import Prediction


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


DESCRIPTION = (
    "Classify images by the network of a run: image files, folders of them with the folders inside, .npz files (uint8 "
    "images as x_test, x or the only such array; ids as ids). The id of FOLDER/1.png is 1, that of FOLDER/a/7.png is "
    "a/7; where two would be alike, ids are paths. What cannot be read is listed at the end, with the status 1."
)
EXAMPLE = "budgetnas predict runs/digits-hard-5M-s0 test/ --csv predictions.csv --columns ID,Labels"
TOP = 3
STDOUT = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("folder", metavar="RUN", help="folder of a run, or of a certificate")
    add("inputs", nargs="+", metavar="INPUT", help="an image, a folder of images, or an .npz")
    add("--top", type=whole_number, metavar="K", help=f"classes of each image (default {TOP}, in a CSV 1)")
    add("--csv", metavar="FILE", help="write rows of id, label (from 0), class and share; - prints them")
    add("--columns", metavar="NAME,..", help="columns of the CSV: ID,Labels (id and label), or id,label=class")
    add("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the classes, a line an image, or write them; return 1 where something could not be read."""
    if arguments.top is not None and arguments.top < 1:
        raise UsageError(f"`--top` is {arguments.top}, but must be 1 or more.")
    top = arguments.top or (TOP if arguments.csv is None else 1)
    columns = _columns(arguments, top)

    from budgetnas.certificates.certificate import load_certificate
    from budgetnas.certificates.inputs import find_inputs
    from budgetnas.certificates.predict import predict, was_resized
    from budgetnas.runs.certify import certificate_of

    folder = certificate_of(Path(arguments.folder))
    model, arch = load_certificate(folder)
    if arguments.top is not None and top > len(arch["classes"]):
        raise UsageError(f"`--top` is {top}, but the network knows {len(arch['classes'])} classes.")
    resized = "" if was_resized(folder) else f"resized to {arch['shape']['width']}x{arch['shape']['height']}"
    inputs = find_inputs(arguments.inputs, DataShape(**arch["shape"]))
    faults = list(inputs.faults)
    found = predict(model, arch, inputs.wanted, top=top, faults=faults)
    notes = _tell(arguments, found, columns, resized)
    out = sys.stderr if arguments.json or arguments.csv == STDOUT else sys.stdout
    for note in (*notes, *(f"NOTE: {note}" for note in (*inputs.notes, arch["notice"]) if note)):
        print(printable(note), file=out)
    for fault in faults:
        print(f"budgetnas: {printable(' '.join(fault.split()))}", file=sys.stderr)
    return 1 if faults else 0


def _tell(
    arguments: argparse.Namespace, predictions: Iterator[Prediction], columns: list[Column], resized: str
) -> list[str]:
    """Print predictions, as they are made if for a person, or write them; return what is to be said of them."""
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
    """Read the columns of the CSV, none where none is asked for, and see early that its file can be one."""
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
        with suppress(OSError):  # too long for a path, for one: writing it says so
            if path.is_dir() or not path.parent.is_dir():
                raise UsageError(f"`--csv` is {name[:200]}, but must be a file in a folder that is there.")
            if path.exists() and any(path.samefile(word) for word in arguments.inputs if Path(word).exists()):
                raise UsageError(f"`--csv` is {name[:200]}, which is to be classified itself: give another file.")
    return read_columns(arguments.columns, top=top)


def _line(one: Prediction, resized: str) -> str:
    classes = ", ".join(f"{name} {share:.1%}" for _, name, share in one.classes)
    changes = " ".join(f"({change})" for change in _changes(one, resized))
    return f"{one.image.path}: {classes}" + (f"  {changes}" if changes else "")


def _named(columns: Sequence[Column]) -> list[str]:
    """Say what columns of other names hold."""
    found = [f"{column.name} is {column.field}" for column in columns if column.name.lower() != column.field]
    return [f"columns      {', '.join(found)}"] if found else []


def _changes(one: Prediction, resized: str) -> list[str]:
    """Name what was done to an image, resizing only where the training did not resize."""
    return [*([resized] if resized and one.resized else []), *one.done]


def _changed(found: Sequence[Prediction], resized: str) -> list[str]:
    """Count the images to which the same was done, a line each."""
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
