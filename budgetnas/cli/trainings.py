"""Options and output of `train` and `reproduce`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from budgetnas.cli.options import add_data_arguments, number, whole_number
from budgetnas.pipeline.signals import Interruptions
from budgetnas.text import Table, aligned, plural

if TYPE_CHECKING:
    from budgetnas.cli.console import Console
    from budgetnas.data.dataset import Dataset
    from budgetnas.pipeline.declare import DeclaredTrainings
    from budgetnas.pipeline.train_request import TrainOptions
    from budgetnas.runs.trainings import Row, TrainingsResult

PRECISIONS = ("auto", "fp32", "bf16")


def add_training_arguments(parser: argparse.ArgumentParser, *, recipe: str, name: str, dataset: str) -> None:
    """Declare the options of both commands; the help names one command's defaults for a new run."""
    add = parser.add_argument
    add("--recipe", metavar="NAME|PATH", help=f"a shipped recipe or a .toml file (default {recipe})")
    add("--precision", choices=PRECISIONS, metavar="NAME", help=f"{', '.join(PRECISIONS)}; instead of the recipe's")
    add("--repeats", type=whole_number, metavar="N", help="seeds of each network (default 1)")
    add_data_arguments(parser, default=dataset)
    add("--set", action="append", default=[], metavar="data.KEY=VALUE", help="any key of [data], like data.flip=false")
    add("--seed", type=whole_number, metavar="N", help="random seed (default 0)")
    add("--device", metavar="NAME", help="auto, cpu, cuda or mps")
    add("--workers", type=whole_number, metavar="N", help="parallel trainings (default: one per GPU or CPU core)")
    add("--threads", type=whole_number, metavar="N", help="CPU threads per training (default 1)")
    add("--max-minutes", type=number, metavar="M", help="start no epoch after M minutes; the same command resumes")
    add("--out", default="runs", metavar="DIR", help="folder of all runs (default runs)")
    add("--name", default=name, help=f"name of this run (default: {name or 'network and seed'})")
    add("--json", action="store_true", help="print the result as JSON")


def read_train_arguments(arguments: argparse.Namespace, *, name: str) -> TrainOptions:
    """Read the given options of `add_training_arguments`, and `--epochs`.

    Raises:
        UsageError: a value breaks its rule.
    """
    from budgetnas.pipeline.train_request import read_train_options

    return read_train_options(vars(arguments), name=name, settings=arguments.set)


def carry_out(
    asked: DeclaredTrainings,
    *,
    is_json: bool,
    head: Sequence[str],
    show: Callable[[Console, DeclaredTrainings, list[Row]], None],
    extra: dict[str, Any],
) -> int:
    """Run declared trainings with a line per epoch, and show the finished ones; return the exit status.

    Args:
        asked: the trainings.
        is_json: whether standard output is reserved for JSON.
        head: lines to print first.
        show: prints the rows.
        extra: further keys of the JSON document.
    """
    interruptions = Interruptions()
    interruptions.listen()

    from budgetnas.cli.console import EpochConsole, drive
    from budgetnas.pipeline.train import train

    console = EpochConsole(as_json=is_json, tick=interruptions.tick, watches=asked.watches)
    for line in (*head, *(f"NOTE: {note}" for note in asked.notes)):
        console.told(line)
    return drive(
        partial(train, asked),
        console,
        is_json=is_json,
        show=lambda console, result: _show(console, asked, result, show),
        as_json=lambda result: {**extra, **_as_json(asked, result)},
        status=lambda result: 1 if _failed(asked, result) and _unfinished(asked, result) else 0,
    )


def _show(
    console: Console,
    asked: DeclaredTrainings,
    result: TrainingsResult,
    show: Callable[[Console, DeclaredTrainings, list[Row]], None],
) -> None:
    from budgetnas.runs.trainings import EPOCHS

    mine, unfinished = result.only(asked.keys), _unfinished(asked, result)
    console.told("")
    for trial in (one.trial for one in mine.trainings):
        for notice in trial.facts.notices or ():
            console.told(f"NOTE: {trial.candidate.origin} #{trial.repeat}: {notice}")
    for line in _failed(asked, result):
        console.told(f"FAILED: {line}")
    if unfinished:
        number = plural(len(asked.trainings), "training")
        console.told(f"{unfinished} of {number} not finished: run the same command to resume.")
    if mine.rows:
        show(console, asked, mine.rows)
    for warning in _warnings(asked, mine):
        console.told(f"WARNING: {warning}")
    console.told(f"epochs     {asked.folder / EPOCHS}")


def _as_json(asked: DeclaredTrainings, result: TrainingsResult) -> dict[str, Any]:
    mine = result.only(asked.keys)
    return {
        "watched": asked.watches,
        "learnt_from": asked.learns_from,
        "unfinished": _unfinished(asked, result),
        "failed": _failed(asked, result),
        "notes": asked.notes,
        "warnings": _warnings(asked, mine),
        "rows": [{**asdict(row), "partial": row.is_partial} for row in mine.rows],
    }


def _warnings(asked: DeclaredTrainings, mine: TrainingsResult) -> list[str]:
    """Name the trainings that ended at chance, in a line."""
    from budgetnas.data.dataset import largest_share
    from budgetnas.runs.trainings import warnings

    labels = asked.watched.labels
    return warnings(mine.trainings, split=asked.watches, images=len(labels), chance=largest_share(labels))


def _unfinished(asked: DeclaredTrainings, result: TrainingsResult) -> int:
    return len(asked.trainings) - len(result.only(asked.keys).trainings)


def _failed(asked: DeclaredTrainings, result: TrainingsResult) -> list[str]:
    """Say which of the trainings failed, in this command or an earlier one, and which of these have finished since."""
    mine = result.only(asked.keys)
    done = {(one.name, one.trial.repeat) for one in mine.trainings}
    return [
        f"{trial.candidate.origin} #{trial.repeat}: {trial.facts.reason}"
        + (" (tried again since, and finished)" if (trial.candidate.origin, trial.repeat) in done else "")
        for trial in mine.failed
    ]


def data_lines(data: Dataset) -> list[str]:
    """Return lines on how a data set was read, and warnings about results on it."""
    from budgetnas.data.load import doubts

    read = [f"read: {'; '.join(data.notes)}"] if data.notes else []
    return read + [f"NOTE: {line}" for line in (data.traits.notice, *doubts(data)) if line]


def recipe_words(asked: DeclaredTrainings) -> str:
    """Name the recipe and its precision."""
    return f"recipe {asked.recipe_name or 'of the run'} in {asked.recipe.precision}"


def print_rows(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below the names of their columns."""
    for line in aligned(Table(title="", columns=columns, rows=rows)):
        console.told(line)
