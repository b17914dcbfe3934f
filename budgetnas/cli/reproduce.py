"""`budgetnas reproduce`: retrains the models of Pei et al. their way and compares with their numbers."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from budgetnas.cli.options import whole_number
from budgetnas.cli.trainings import (
    Show,
    add_training_arguments,
    carry_out,
    data_lines,
    print_rows,
    read_train_arguments,
    recipe_words,
)
from budgetnas.config.models import CIFAR10, NamedModel, reported_models
from budgetnas.config.options import OTHER_RECIPE, PAPER_RECIPE
from budgetnas.text import plural

if TYPE_CHECKING:
    from budgetnas.cli.console import Console
    from budgetnas.pipeline.declare import DeclaredTrainings
    from budgetnas.runs.trainings import Row

DESCRIPTION = (
    "Train models 1-5 of Pei et al. on all training images and score the test set after every epoch, as they did. "
    "CIFAR-10 uses their recipe and shows their numbers; other data use a full training's recipe. The test set selects "
    "nothing, except (as in their report) the checkpoint from which model 4 restarts. Run the same command to resume; "
    "data, recipe, device, threads and seed come from the run unless given."
)
EXAMPLE = "budgetnas reproduce --models 1,5 --repeats 3"
CAP = 5_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--models", default="1,2,3,4,5", metavar="N,N,..", help="models (default 1,2,3,4,5)")
    parser.add_argument(
        "--epochs", type=whole_number, metavar="N", help="stop after N epochs; all numbers are then partial"
    )
    recipe = f"{PAPER_RECIPE} on {CIFAR10}, {OTHER_RECIPE} on other data"
    add_training_arguments(parser, recipe=recipe, name="paper", dataset=CIFAR10)


def run(arguments: argparse.Namespace) -> int:
    """Train and compare; return the exit status."""
    models = reported_models(arguments.models.split(","))
    options = read_train_arguments(arguments, name=arguments.name)

    from budgetnas.pipeline.declare import declare_reproduction

    asked = declare_reproduction(models, options, recipe=PAPER_RECIPE, other_recipe=OTHER_RECIPE, dataset=CIFAR10)
    data = asked.data
    head = [
        f"{data.name}: all {len(data.train) + len(data.validation):,} training images are trained on; "
        f"the {len(data.test):,} test images are scored every epoch",
        f"{recipe_words(asked)}, {plural(len(asked.trainings), 'training')}, {asked.device_name}",
    ]
    if not _is_theirs(asked):
        head.append(
            f"note: Pei et al. report on CIFAR-10 only, so their numbers are not shown beside those of {data.name}"
        )
    head += [f"note: {model.name}: {model.note}" for model in models if model.note and _is_theirs(asked)]
    head += data_lines(data)
    reported = {
        model.name: {"params": model.reported_params, "accuracy": model.reported_accuracy, "note": model.note or None}
        for model in models
        if _is_theirs(asked)
    }
    extra = {"folder": str(asked.folder), "reported": reported}
    return carry_out(
        asked,
        is_json=arguments.json,
        level=arguments.level,
        track=arguments.track,
        head=head,
        show=_show(models),
        extra=extra,
    )


def _is_theirs(asked: DeclaredTrainings) -> bool:
    """Return whether the data set is CIFAR-10, on which Pei et al. report."""
    return asked.setting.data.dataset == CIFAR10


def _show(models: Sequence[NamedModel]) -> Show:
    by_name = {model.name: model for model in models}

    def show(console: Console, asked: DeclaredTrainings, rows: list[Row]) -> None:
        is_theirs = _is_theirs(asked)
        measured = ("best %", "in epoch", "last %", "lowest lr %", "epochs", "seeds")
        if is_theirs:
            head = ("model", "reported params", "params", "reported %", *measured)
            print_rows(console, head, [_beside(row, by_name[row.name]) for row in rows])
        else:
            print_rows(
                console,
                ("model", "params", *measured),
                [(row.name, f"{row.params:,}", *_measured(row)) for row in rows],
            )
        if any(row.is_partial for row in rows):
            caveat = "; do not compare these numbers with the reported ones" if is_theirs else ""
            console.message(f"PARTIAL: fewer epochs than declared{caveat}.")
        if is_theirs:
            console.message("Reported is the best epoch on the test set (its number, counted from 0);")
            console.message("best % is measured in the same way (its epoch counted from 1).")
        else:
            console.message("best % is the best epoch on the test set (counted from 1): chosen there, so flattered.")

    return show


def _beside(row: Row, model: NamedModel) -> tuple[str, ...]:
    there = f" ({model.reported_epoch})" if model.reported_epoch else ""
    return (
        row.name + (" (over 5M)" if row.params > CAP else ""),
        f"{model.reported_params:,}",
        f"{row.params:,}",
        f"{model.reported_accuracy}{there}",
        *_measured(row),
    )


def _measured(row: Row) -> tuple[str, ...]:
    return (
        str(row.best),
        ", ".join(map(str, row.best_epochs)),
        str(row.last),
        "the last" if row.lowest_rate is None else str(row.lowest_rate),
        f"{row.epochs} of {row.declared}" if row.is_partial else str(row.epochs),
        str(row.seeds),
    )
