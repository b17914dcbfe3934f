"""`budgetnas train`: trains one network by a recipe, over some seeds."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from budgetnas.cli.options import add_network_arguments, read_network, whole_number
from budgetnas.cli.trainings import add_training_arguments, carry_out, data_lines, print_table, read_wishes
from budgetnas.config.known_networks import difference, is_mistakable
from budgetnas.config.options import TRAIN_DATA, TRAIN_RECIPE
from budgetnas.text import plural, write_macs

if TYPE_CHECKING:
    from budgetnas.pipeline.declare import Job
    from budgetnas.runs.trainings import Row

DESCRIPTION = (
    "Train one network on the train split, score it on validation after every epoch, and test it once at the end. Run "
    "the same command to resume a stopped training, bit for bit; options that are not given come from the run."
)
EXAMPLE = "budgetnas train 4x64-5x128-3x256 --dataset cifar10 --recipe modern200 --repeats 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_network_arguments(parser, named="a network by name or id (resnet20, 4x64-5x128-3x256)")
    parser.add_argument("--epochs", type=whole_number, metavar="N", help="length (default: the recipe's)")
    add_training_arguments(parser, recipe=TRAIN_RECIPE, name="", dataset=TRAIN_DATA)


def run(arguments: argparse.Namespace) -> int:
    """Train; return the exit status."""
    model = read_network(arguments)
    spec = model.spec
    wishes = read_wishes(arguments, name=arguments.name or f"train-{spec.id}-s{arguments.seed or 0}")

    from budgetnas.pipeline.declare import train_job

    job = train_job(spec, wishes, recipe=TRAIN_RECIPE, dataset=TRAIN_DATA)
    candidate, data = job.runs[0].candidate, job.data
    head = [
        f"{spec.id}: {candidate.params:,} parameters, {write_macs(candidate.macs)} MACs",
        f"{data.name}: {len(data.train):,} training, {len(data.validation):,} validation, {len(data.test):,} test "
        "images",
        f"recipe {job.recipe_name or 'of the run'} in {job.recipe.precision}, {plural(job.runs[0].epochs, 'epoch')}, "
        f"{plural(len(job.runs), 'seed')}, {job.device_name}",
        *data_lines(data),
    ]
    if is_mistakable(model.namesake, data.shape):
        head.append(f"note: {model.name}: {difference(model.namesake, spec, data.shape)}")
    return carry_out(
        job, as_json=arguments.json, head=head, show=_show, extra={"id": spec.id, "folder": str(job.folder)}
    )


def _show(job: Job, found: list[Row]) -> None:
    body = [(str(row.seeds), str(row.last), str(row.best), str(row.test or "")) for row in found]
    print_table(("seeds", "validation %, last epoch", "best epoch", "test %, last epoch"), body)
    print(f"weights    {job.folder / 'weights'}")
