"""`budgetnas best`: the best networks of a search under other caps."""

from __future__ import annotations

import argparse

from budgetnas.cli.report import add_run_arguments

DESCRIPTION = "Print the best network of a search under each cap, from its finished trainings. Nothing is trained."
EXAMPLE = "budgetnas best runs/digits-hard-5M-s0 --max-params 4.5M,5M"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_run_arguments(parser)
    parser.add_argument("--max-params", metavar="N,N,..", help="caps on parameters (default: the search's caps)")
    parser.add_argument("--max-bytes", metavar="S,S,..", help="caps on the exported file instead, like 30kB,40kB")
    parser.add_argument("--max-memory", metavar="S,S,..", help="caps on the working memory instead, like 4KiB,6KiB")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Print a row per cap."""
    import json

    from budgetnas.cli.output import open_console, show_notice, show_table
    from budgetnas.runs.caps import as_json, best_under, tiers_table
    from budgetnas.runs.result import open_result

    result = open_result(arguments.run, arguments.storage)
    given = {name: getattr(arguments, name) for name in ("max_params", "max_bytes", "max_memory")}
    caps = {name: one and [part.strip() for part in one.split(",")] for name, one in given.items()}
    results = best_under(result, **caps)
    if arguments.json:
        print(json.dumps([as_json(result, tier) for tier in results], indent=2))
        return
    console = open_console()
    show_table(console, tiers_table(result, results))
    if result.setup.data.notice:
        show_notice(console, result.setup.data.notice)
