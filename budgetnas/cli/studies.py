"""The options of `search` and `calibrate`, and running a study until it is finished or interrupted."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from budgetnas.cli.options import (
    add_code_argument,
    add_data_arguments,
    add_track_argument,
    load_code,
    number,
    spell,
    whole_number,
)
from budgetnas.cli.parser import Unlisted
from budgetnas.cli.run_log import add_level_arguments
from budgetnas.config.options import keys_of
from budgetnas.system import Interruptions

if TYPE_CHECKING:
    from budgetnas.cli.console import Console, HasFolder
    from budgetnas.config.study import StudyConfig
    from budgetnas.pipeline.plan import Plan
    from budgetnas.pipeline.request import StudyRequest

Result = TypeVar("Result", bound="HasFolder")
Work = Callable[..., Result]  # of a study's config, a listener and the command


def add_study_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of every study; all other settings are keys of the study file."""
    add = parser.add_argument
    add_data_arguments(parser)
    add(
        "--space",
        metavar="NAME",
        help="wide, or a .toml file with [space]; --space-code MODULE:CLASS: own blocks",
    )
    add("--out", metavar="DIR", help="folder of all runs (default runs); --storage URL: database of its study")
    add("--name", help="name of this run (default: data set, cap and seed)")
    add("--seed", type=whole_number, metavar="N", help="random seed (default 0)")
    add("--device", metavar="NAME", help="auto, cpu, cuda or mps")
    add(
        "--workers",
        type=whole_number,
        metavar="N",
        help="parallel trainings (default: one per GPU or CPU core)",
    )
    add(
        "--full-epochs",
        type=whole_number,
        metavar="N",
        help="length of full training (CIFAR 200, digits 10, digits-hard 12)",
    )
    add("--max-hours", type=number, metavar="H", help="start no training after this many hours")
    add("--storage", metavar="URL", help=Unlisted("Optuna storage (default: study.db in the run's folder)"))
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any section.key=value of the study file",
    )
    add_track_argument(parser)
    add("--dry-run", action="store_true", help="print the plan and stop; --json: print plan or result as JSON")
    add("--json", action="store_true", help=Unlisted("print the result, or the plan, as JSON"))
    add_level_arguments(parser)
    add_code_argument(parser, is_listed=False)


def read_study_arguments(arguments: argparse.Namespace, others: Mapping[str, Any]) -> StudyRequest:
    """Read what a command names, over the study of the run that it means where that is there, else over the defaults.

    Args:
        arguments: the parsed command line.
        others: dotted keys and values that no option of `KEYS` sets; None values are left out.

    Raises:
        UsageError: a key is unknown, or a value breaks its rule.
        StorageError: the run was made by another version of this program.
    """
    from budgetnas.pipeline.request import read_study_request

    keys, kind = {**keys_of(vars(arguments)), **others}, load_code(arguments)
    return read_study_request(arguments.study, keys, arguments.set, kind=kind)


def carry_out(
    arguments: argparse.Namespace,
    asked: StudyRequest,
    *,
    plan: Callable[[StudyConfig, Console], Plan],
    work: Work[Result],
    show: Callable[[Console, Result], None],
    as_json: Callable[[Result], Any],
) -> int:
    """Run a study, or only plan it; return the exit status.

    Args:
        arguments: the parsed command line.
        asked: the study.
        plan: returns the plan and writes nothing.
        work: runs the study.
        show: prints the result.
        as_json: returns the result as JSON values.
    """
    interruptions = Interruptions()
    interruptions.listen()

    from budgetnas.cli.console import Console, drive

    console = Console(
        as_json=arguments.json,
        tick=interruptions.tick,
        spell=partial(spell, arguments=arguments),
        level=arguments.level,
        is_logged=not arguments.dry_run,
    )
    for note in asked.notes:
        console.noticed(note)
    console.message("Reading the data, counting the space, timing a few steps ...")
    if arguments.dry_run:
        planned = plan(asked.config, console)
        if arguments.json:
            from budgetnas.pipeline.plan_json import as_json as plan_as_json

            print(json.dumps(plan_as_json(planned), indent=2))
        return 0
    return drive(
        partial(work, asked.config, track=arguments.track), console, is_json=arguments.json, show=show, as_json=as_json
    )
