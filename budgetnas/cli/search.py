"""`budgetnas search`: the main job."""

from __future__ import annotations

import argparse

from budgetnas.cli.numbers import whole_number
from budgetnas.cli.studies import add_study_arguments, carry_out, read_study_arguments

DESCRIPTION = (
    "Search for the most accurate network under a cap. The same command resumes a stopped search; what it does not "
    "name comes from the run."
)
EXAMPLE = "budgetnas search --max-params 5e6 --trials 100"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("study", nargs="?", metavar="STUDY.toml", help="a study file")
    add("--max-params", metavar="N", help="hard cap on trainable parameters, like 5e6 or 5M")
    add("--trials", type=whole_number, metavar="N", help="networks to train by proxy, in all (default 100)")
    add("--sampler", metavar="NAME", help="thompson (default), evolution, tpe or random")
    add("--promote", type=whole_number, metavar="N", help="how many of the best get full training (default 5)")
    add("--no-paper-models", action="store_true", help="do not try the models 1-5 of Pei et al. first")
    add_study_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the search; return the exit status."""
    asked = read_study_arguments(arguments, {"search.paper_models": False if arguments.no_paper_models else None})

    from budgetnas.cli.found import show
    from budgetnas.outcome.told import as_json
    from budgetnas.pipeline.search import dry_run, search

    return carry_out(arguments, asked, plan=dry_run, work=search, show=show, as_json=as_json)
