"""`budgetnas train`: trains one network by a recipe, over some seeds."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from budgetnas.cli.options import add_code_argument, add_network_arguments, load_code, read_network, whole_number
from budgetnas.cli.trainings import (
    add_training_arguments,
    carry_out,
    data_lines,
    print_rows,
    read_train_arguments,
    recipe_words,
)
from budgetnas.config.known_networks import difference, is_mistakable
from budgetnas.config.options import TRAIN_DATA, TRAIN_RECIPE
from budgetnas.text import plural, write_macs

if TYPE_CHECKING:
    from budgetnas.cli.console import Console
    from budgetnas.pipeline.declare import DeclaredTrainings
    from budgetnas.runs.trainings import Row

DESCRIPTION = (
    "Train one network, score it on validation after every epoch, and test it once at the end. The same command "
    "resumes a stopped training, bit for bit; options that are not given come from the run."
)
EXAMPLE = "budgetnas train 4x64-5x128-3x256 --dataset cifar10 --recipe modern200 --repeats 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.usage = "%(prog)s [NAME] [options]"  # all of them would not leave the help on one screen
    add_network_arguments(parser, named="a network by name or id (resnet20, 4x64-5x128)", shows_all=False)
    parser.add_argument("--epochs", type=whole_number, metavar="N", help="length (default: the recipe's)")
    add_training_arguments(parser, recipe=TRAIN_RECIPE, name="", dataset=TRAIN_DATA)
    parser.add_argument(
        "--test",
        action=argparse.BooleanOptionalAction,
        help="whether to look at the test set at the end (default: as the run did; a new one does)",
    )
    add_code_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train; return the exit status."""
    load_code(arguments)
    model = read_network(arguments)
    spec = model.spec
    from budgetnas.config.study import train_name

    options = read_train_arguments(arguments, name=arguments.name or train_name(spec, arguments.seed or 0))

    from budgetnas.pipeline.declare import declare_training

    asked = declare_training(spec, options, recipe=TRAIN_RECIPE, dataset=TRAIN_DATA)
    candidate, data = asked.trainings[0].candidate, asked.data
    head = [
        f"{spec.id}: {candidate.params:,} parameters, {write_macs(candidate.macs)} MACs",
        f"{data.name}: {len(data.train):,} training, {len(data.validation):,} validation, {len(data.test):,} test "
        "images",
        f"{recipe_words(asked)}, {plural(asked.trainings[0].epochs, 'epoch')}, "
        f"{plural(len(asked.trainings), 'seed')}, {asked.device_name}",
        *data_lines(data),
    ]
    if not asked.tests:
        head.append("the test set is not read: the same command with --test reads it once")
    if is_mistakable(model.namesake, data.shape):
        head.append(f"note: {model.name}: {difference(model.namesake, spec, data.shape)}")
    return carry_out(
        asked,
        is_json=arguments.json,
        level=arguments.level,
        track=arguments.track,
        head=head,
        show=_show,
        extra={"id": spec.id, "folder": str(asked.folder)},
    )


def _show(console: Console, asked: DeclaredTrainings, rows: list[Row]) -> None:
    body = [(str(row.seeds), str(row.last), str(row.best), str(row.test or "")) for row in rows]
    print_rows(console, ("seeds", "validation %, last epoch", "best epoch", "test %, last epoch"), body)
    console.message(f"weights    {asked.folder / 'weights'}")
