"""`budgetnas reproduce`: the report's models as it trained them, reported beside measured."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from budgetnas.cli.numbers import whole_number
from budgetnas.cli.trainings import add_training_arguments, carry_out, data_lines, print_table, read_wishes
from budgetnas.config.models import NamedModel, paper_models
from budgetnas.exceptions import UsageError
from budgetnas.records.numbers import plural

if TYPE_CHECKING:
    from budgetnas.jobs.job import Job
    from budgetnas.jobs.summary import Row

DESCRIPTION = (
    "Train models 1-5 of the report on all training images, watching the test set after every epoch as it did. Nothing "
    "is selected by that, but where the second part of model 4's training begins, as in the report. The same command "
    "resumes it; data, recipe, device, threads and seed come from the run unless named."
)
RECIPE, DATASET = "paper200", "cifar10"
EXAMPLE = "budgetnas reproduce --models 1,5 --repeats 3"
CAP = 5_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--models", default="1,2,3,4,5", metavar="N,N,..", help="which (default 1,2,3,4,5)")
    parser.add_argument(
        "--epochs", type=whole_number, metavar="N", help="stop after so many; every number is then partial"
    )
    add_training_arguments(parser, recipe=RECIPE, name="paper", dataset=DATASET)


def run(arguments: argparse.Namespace) -> int:
    """Train and compare; return the exit status."""
    models = _chosen(arguments.models)
    wishes = read_wishes(arguments, name=arguments.name)

    from budgetnas.jobs.declare import reproduce_job

    job = reproduce_job(models, wishes, recipe=RECIPE, dataset=DATASET)
    head = [
        f"{job.data.name}: all {len(job.data.train) + len(job.data.validation):,} training images are learnt from; "
        f"the {len(job.data.test):,} test images are watched every epoch",
        f"recipe {job.recipe_name or 'of the run'} in {job.recipe.precision}, {plural(len(job.runs), 'training')}, "
        f"{job.device_name}",
    ]
    head += [f"note: {model.name}: {model.note}" for model in models if model.note]
    head += data_lines(job.data)
    reported = {
        model.name: {"params": model.reported_params, "accuracy": model.reported_accuracy, "note": model.note or None}
        for model in models
    }
    extra = {"folder": str(job.folder), "reported": reported}
    return carry_out(job, as_json=arguments.json, head=head, show=_show(models), extra=extra)


def _chosen(text: str) -> list[NamedModel]:
    known = {model.name: model for model in paper_models() if model.reported_params}
    names = [word if word in known else f"model{word}" for word in (part.strip() for part in text.split(","))]
    unknown = [name for name in names if name not in known]
    if unknown or len(set(names)) < len(names):
        raise UsageError(
            f"`--models` is {text[:80]!r}, but must be different ones of 1, 2, 3, 4, 5 and resnet18, like 1,5."
        )
    return [known[name] for name in names]


def _show(models: Sequence[NamedModel]) -> Callable[[Job, list[Row]], None]:
    by_name = {model.name: model for model in models}

    def show(job: Job, found: list[Row]) -> None:
        head = (
            "model",
            "reported params",
            "params",
            "reported %",
            "best %",
            "in epoch",
            "last %",
            "lowest rate %",
            "epochs",
            "seeds",
        )
        body = []
        for row in found:
            model = by_name[row.name]
            there = f" ({model.reported_epoch})" if model.reported_epoch else ""
            body.append(
                (
                    row.name + (" (over 5M)" if row.params > CAP else ""),
                    f"{model.reported_params:,}",
                    f"{row.params:,}",
                    f"{model.reported_accuracy}{there}",
                    str(row.best),
                    ", ".join(map(str, row.best_epochs)),
                    str(row.last),
                    "the last" if row.lowest_rate is None else str(row.lowest_rate),
                    f"{row.epochs} of {row.declared}" if row.is_partial else str(row.epochs),
                    str(row.seeds),
                )
            )
        print_table(head, body)
        if any(row.is_partial for row in found):
            print("PARTIAL: fewer epochs than declared; no number here is to be compared with a reported one.")
        print("Reported is the best epoch on the test set (its number, counted from 0); best % is measured in the same")
        print("way (its epoch counted from 1).")

    return show
