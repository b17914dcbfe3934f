"""`budgetnas search`: the main job."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from types import FrameType

from budgetnas.exceptions import UsageError

DESCRIPTION = "Search for the most accurate network under a cap. The same command goes on with a stopped search."
EXAMPLE = "budgetnas search --max-params 5e6 --trials 100"

# Options and the keys of a study file that they set.
KEYS = {
    "max_params": "budget.max_params",
    "trials": "search.trials",
    "dataset": "data.dataset",
    "data_dir": "data.dir",
    "subset": "data.subset",
    "out": "output.dir",
    "name": "output.name",
    "seed": "search.seed",
    "device": "engine.device",
    "workers": "engine.workers",
    "sampler": "search.sampler",
    "promote": "full.promote",
    "full_epochs": "full.epochs",
    "max_hours": "engine.max_hours",
    "storage": "output.storage",
}


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a search as Ctrl-C does."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; every other knob is a key of the study file."""
    add = parser.add_argument
    add("study", nargs="?", metavar="STUDY.toml", help="a study file")
    add("--max-params", metavar="N", help="hard cap on trainable parameters, like 5e6 or 5M")
    add("--trials", type=whole_number, metavar="N", help="networks to train by proxy, in all (default 100)")
    add("--dataset", metavar="NAME|PATH", help="auto, cifar10, cifar100, digits, an .npz or an image folder")
    add("--data-dir", metavar="DIR", help="where downloaded data sets live (default data)")
    add("--subset", type=whole_number, metavar="N", help="images of each class to keep in each split")
    add("--out", metavar="DIR", help="folder of all runs (default runs)")
    add("--name", help="name of this run (default: data set, cap and seed)")
    add("--seed", type=whole_number, metavar="N", help="seed of everything random (default 0)")
    add("--device", metavar="NAME", help="auto, cpu, cuda or mps")
    add(
        "--workers",
        type=whole_number,
        metavar="N",
        help="trainings side by side (default: one per GPU or CPU core)",
    )
    add("--sampler", metavar="NAME", help="thompson (default), evolution, tpe or random")
    add("--promote", type=whole_number, metavar="N", help="how many of the best get full training (default 5)")
    add("--full-epochs", type=whole_number, metavar="N", help="length of full training (CIFAR 200, digits 10)")
    add("--max-hours", type=number, metavar="H", help="start no training after this many hours")
    add("--storage", metavar="URL", help="Optuna storage (default: study.db in the run's folder)")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any section.key=value of the study file",
    )
    add("--no-paper-models", action="store_true", help="do not try the report's models 1-5 first")
    add("--dry-run", action="store_true", help="print the plan and stop")
    add("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Run the search; return the exit status."""
    from budgetnas.cli.console import Console
    from budgetnas.config.study import load_study

    overrides = {key: getattr(arguments, option) for option, key in KEYS.items()}
    if arguments.no_paper_models:
        overrides["search.paper_models"] = False
    try:
        config = load_study(arguments.study, overrides, arguments.set)
    except UsageError as error:
        raise UsageError(_typed(str(error), arguments)) from error

    from budgetnas.pipeline.search import dry_run, search

    console = Console(as_json=arguments.json)
    console.told("Reading the data, counting the space, timing a few steps ...")
    if arguments.dry_run:
        dry_run(config, console)
        return 0
    signal.signal(signal.SIGTERM, terminate)
    try:
        with console:
            result = search(config, console, command=["budgetnas", *sys.argv[1:]])
    except KeyboardInterrupt as interrupt:
        console.told("Stopped. What was finished is kept: the same command goes on from here.")
        return 143 if isinstance(interrupt, Terminated) else 130
    if arguments.json:
        print(json.dumps(result.as_json(), indent=2))
    else:
        console.show(result)
    return 0


def _typed(message: str, arguments: argparse.Namespace) -> str:
    """Name the option that was typed instead of the key that it sets."""
    for option, key in KEYS.items():
        if getattr(arguments, option) is not None:
            message = message.replace(f"`{key}`", f"`--{option.replace('_', '-')}`")
    return message


def terminate(signal_number: int, frame: FrameType | None) -> None:
    """Answer SIGTERM."""
    raise Terminated


def whole_number(text: str) -> int:
    """Read a whole number, also as 1e2 or 1_000."""
    try:
        value = float(text)
        if value != int(value):
            raise ValueError
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
    return int(value)


def number(text: str) -> float:
    """Read any number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
