"""Options and output of `train` and `reproduce`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from budgetnas.cli.options import add_data_arguments, add_track_argument, number, whole_number
from budgetnas.cli.run_log import add_level_arguments
from budgetnas.system import Interruptions
from budgetnas.text import Table, aligned, plural

if TYPE_CHECKING:
    from budgetnas.cli.console import Console
    from budgetnas.data.dataset import Dataset
    from budgetnas.pipeline.declare import DeclaredTrainings
    from budgetnas.pipeline.progress import Listener
    from budgetnas.pipeline.train_request import TrainOptions
    from budgetnas.runs.trainings import Row, TrainingsResult

Show = Callable[["Console", "DeclaredTrainings", "list[Row]"], None]
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
    add_track_argument(parser)
    add("--json", action="store_true", help="print the result as JSON")
    add_level_arguments(parser)


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
    level: int,
    track: str | None,
    head: Sequence[str],
    show: Show,
    extra: dict[str, Any],
) -> int:
    """Run declared trainings with a line per epoch, and show the finished ones; return the exit status.

    Args:
        asked: the trainings.
        is_json: whether standard output is reserved for JSON.
        level: of `logging`; what is below it is not printed.
        track: names of trackers.
        head: lines to print first.
        show: prints the rows.
        extra: further keys of the JSON document.
    """
    interruptions = Interruptions()
    interruptions.listen()

    from budgetnas.cli.console import EpochConsole, drive
    from budgetnas.pipeline.train import train

    def work(listener: Listener, *, command: list[str]) -> TrainingsResult:
        return train(asked, listener, command=command, track=track).only(asked.keys)

    console = EpochConsole(
        as_json=is_json, tick=interruptions.tick, watches=asked.watches, folder=asked.folder, level=level
    )
    for line in (*head, *(f"NOTE: {note}" for note in asked.notes)):
        console.message(line)
    return drive(
        work,
        console,
        is_json=is_json,
        show=lambda console, result: _show(console, asked, result, show),
        as_json=lambda result: {**extra, **_as_json(asked, result)},
        status=lambda result: 1 if _failed(result) and _unfinished(asked, result) else 0,
    )


def _show(console: Console, asked: DeclaredTrainings, result: TrainingsResult, show: Show) -> None:
    from budgetnas.runs.trainings import EPOCHS

    unfinished, rows = _unfinished(asked, result), result.rows
    console.message("")
    for trial in (one.trial for one in result.trainings):
        for notice in trial.facts.notices or ():
            console.message(f"NOTE: {trial.candidate.origin} #{trial.repeat}: {notice}")
    for line in _failed(result):
        console.message(f"FAILED: {line}")
    if unfinished:
        number = plural(len(asked.trainings), "training")
        console.message(f"{unfinished} of {number} not finished: run the same command to resume.")
    if rows:
        show(console, asked, rows)
    for warning in _warnings(asked, result):
        console.message(f"WARNING: {warning}")
    console.message(f"epochs     {asked.folder / EPOCHS}")


def _as_json(asked: DeclaredTrainings, result: TrainingsResult) -> dict[str, Any]:
    return {
        "watched": asked.watches,
        "learnt_from": asked.learns_from,
        "unfinished": _unfinished(asked, result),
        "failed": _failed(result),
        "notes": asked.notes,
        "warnings": _warnings(asked, result),
        "rows": [{**asdict(row), "partial": row.is_partial} for row in result.rows],
    }


def _warnings(asked: DeclaredTrainings, result: TrainingsResult) -> list[str]:
    """Name the trainings that ended at chance, in a line."""
    from budgetnas.data.dataset import largest_share
    from budgetnas.runs.trainings import warnings

    labels = asked.watched.labels
    return warnings(result.trainings, split=asked.watches, images=len(labels), chance=largest_share(labels))


def _unfinished(asked: DeclaredTrainings, result: TrainingsResult) -> int:
    return len(asked.trainings) - len(result.trainings)


def _failed(result: TrainingsResult) -> list[str]:
    """Say which trainings failed, in this command or an earlier one, and which of them have finished since."""
    done = {(one.name, one.trial.repeat) for one in result.trainings}
    return [
        f"{trial.candidate.origin} #{trial.repeat}: {trial.facts.reason}"
        + (" (tried again since, and finished)" if (trial.candidate.origin, trial.repeat) in done else "")
        for trial in result.failed
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
        console.message(line)
