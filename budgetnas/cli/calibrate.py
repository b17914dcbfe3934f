"""`budgetnas calibrate`: finds the length of short training that ranks networks."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from budgetnas.cli.caps import add_cap_arguments
from budgetnas.cli.options import load_code, parse_list, whole_number
from budgetnas.cli.studies import add_study_arguments, carry_out
from budgetnas.config.options import NETWORKS, keys_of

if TYPE_CHECKING:
    from budgetnas.cli.console import Console
    from budgetnas.runs.calibration import Calibration

DESCRIPTION = (
    "Train random networks of the band for several short lengths and for the full length. Report the length that "
    "ranks them, and whether it beats params or MACs alone. Run the same command again to resume; --networks and "
    "--lengths may grow. Options that are not given come from the run."
)
EXAMPLE = "budgetnas calibrate --max-params 5e6 --dataset cifar10 --networks 24 --lengths 4,8,24"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.usage = "%(prog)s [STUDY.toml] [options]"  # all of them would not leave the help on one screen
    add = parser.add_argument
    add("study", nargs="?", metavar="STUDY.toml", help="a study file")
    add_cap_arguments(parser)
    add("--networks", type=whole_number, metavar="N", help=f"number of networks (default {NETWORKS})")
    add("--score", metavar="NAME", help="accuracy (default), balanced_accuracy, macro_f1 or loss")
    add("--lengths", metavar="E,E,..", help="epochs of the short trainings (default: the study's rungs)")
    add_study_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the calibration; return the exit status."""
    from budgetnas.pipeline.request import read_calibration_request

    lengths = None if arguments.lengths is None else parse_list(arguments.lengths, "--lengths")
    asked = read_calibration_request(
        arguments.study,
        keys_of(vars(arguments)),
        arguments.set,
        networks=arguments.networks,
        lengths=lengths,
        kind=load_code(arguments),
    )

    from budgetnas.pipeline.calibrate import calibrate, plan_calibration
    from budgetnas.runs.calibration import as_json

    return carry_out(arguments, asked, plan=plan_calibration, work=calibrate, show=show, as_json=as_json)


def show(console: Console, result: Calibration) -> None:
    """Print the result of a calibration."""
    from budgetnas.runs.calibration import PAGE, tables

    for table in tables(result):
        console.show_table(table)
    console.message(result.recommendation().text)
    console.warned(result.warnings)
    if result.setup.data.notice:
        console.noticed(result.setup.data.notice)
    console.message(f"report     {result.folder / PAGE}")
