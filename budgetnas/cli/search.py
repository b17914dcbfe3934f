"""`budgetnas search`: runs a search and prints its result."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from budgetnas.cli.caps import add_cap_arguments
from budgetnas.cli.options import parse_list, whole_number
from budgetnas.cli.parser import Unlisted
from budgetnas.cli.studies import add_study_arguments, carry_out, read_study_arguments

if TYPE_CHECKING:
    from budgetnas.cli.console import Console
    from budgetnas.runs.result import SearchResult


def show(console: Console, result: SearchResult) -> None:
    """Print the result of a search, finished or not."""
    from budgetnas.runs.headline import headline, recommendation, remarks
    from budgetnas.runs.summary import tables, warnings
    from budgetnas.runs.verdict import compare, verdict

    counts, folder = result.counts(), result.folder
    console.message(
        f"{counts['counted']} counted, {counts['pruned']} pruned over the cap, {counts['trained']} trained"
        + (f", {counts['failed']} failed" if counts["failed"] else "")
        + f"; ended because {result.stopped}."
    )
    for notice in result.notices():
        console.message(f"NOTE: {notice}")
    if result.trusted:
        console.message(f"by short trainings: {recommendation(result)}")
    for table in tables(result).values():
        console.show_table(table)
    for line in (headline(result), *remarks(result)):
        console.message(line)
    console.message(f"verdict    {verdict(result, compare(result))}")
    console.warned(warnings(result))
    if result.setup.data.notice:
        console.noticed(result.setup.data.notice)
    console.message(f"test set   read {result.looked()}")
    console.message(f"report     {folder / 'report.html'}")
    if result.winner:
        console.message(f"network    {folder / 'best'}")
    storage = result.setup.study.output.storage
    console.message(f"dashboard  budgetnas dashboard {folder}" + (f" --storage {storage}" if storage else ""))


DESCRIPTION = "Search under a cap. The same command resumes; options that are not given come from the run."
EXAMPLE = "budgetnas search --max-params 5e6 --trials 100"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.usage = "%(prog)s [STUDY.toml] [options]"  # all of them would not leave the help on one screen
    add = parser.add_argument
    add("study", nargs="?", metavar="STUDY.toml", help="a study file")
    add_cap_arguments(parser)
    add("--trials", type=whole_number, metavar="N", help="number of networks to train shortly, in all (default 100)")
    add("--sampler", metavar="NAME", help="thompson (default), evolution, tpe or random")
    add("--score", metavar="NAME", help="accuracy (default), balanced_accuracy, macro_f1 or loss")
    add("--rungs", metavar="E,E,..", help="epochs of the short trainings, like 3,8; more of them for the best networks")
    add("--promote", type=whole_number, metavar="N", help="number of the best networks to train in full (default 5)")
    add("--repeats", type=whole_number, metavar="N", help="seeds of each network that may win (default 1)")
    add(
        "--recipe", metavar="NAME|PATH", help="of full trainings (default full); --set proxy.recipe=NAME: of short ones"
    )
    add(
        "--controls",
        action="store_const",
        const=True,
        help="train winner and controls with fresh seeds; --refit: on all but test images",
    )
    add("--refit", action="store_true", help=Unlisted("train winner and controls on validation images too"))
    add("--no-paper-models", action="store_true", help="do not start with models 1-5 of Pei et al.")
    add_study_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the search; return the exit status."""
    keys = {
        "proxy.rungs": None if arguments.rungs is None else list(parse_list(arguments.rungs, "--rungs")),
        "search.paper_models": False if arguments.no_paper_models else None,
        "evidence.refit": True if arguments.refit else None,
    }
    asked = read_study_arguments(arguments, keys)

    from budgetnas.pipeline.search import dry_run, search
    from budgetnas.runs.summary import as_json

    return carry_out(arguments, asked, plan=dry_run, work=search, show=show, as_json=as_json)
