"""`budgetnas`: parses the command line, runs the command, turns errors into one line and an exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from budgetnas import __version__
from budgetnas.cli.completion import SHELLS, PrintCompletion
from budgetnas.cli.options import spell
from budgetnas.cli.parser import Parser
from budgetnas.cli.run_log import USUAL, heard
from budgetnas.exceptions import BudgetNASError
from budgetnas.system import status_of
from budgetnas.text import is_text, one_line, printable

# Name and summary of each command; only the module of the given command is loaded.
COMMANDS = {
    "count": "count parameters and MACs exactly, without building the network",
    "space": "survey what fits a cap: exact counts, extremes, the distribution of MACs",
    "fit": "scale the widths of a network until they fill a cap",
    "search": "search for the most accurate network under a cap, or resume a stopped search",
    "best": "name the best network of a finished search under other caps",
    "report": "regenerate the report of a run",
    "export": "export a trained network as a self-verifying folder",
    "verify": "check an exported folder: hashes, counts, source, weights, accuracy",
    "predict": "classify image files with an exported network",
    "calibrate": "find out how long a short training must be to rank networks",
    "train": "train one network under a recipe, over some seeds",
    "reproduce": "retrain the models of Pei et al. their way and compare with their numbers",
    "list": "list the runs of a folder: state, progress, best network",
    "doctor": "check whether a search can run here, and what to do",
    "dashboard": "serve a run's study with optuna-dashboard",
}

START = """To start: budgetnas search --max-params 5e6 --trials 100
What can run here: budgetnas doctor. Options of a command: budgetnas COMMAND --help"""


def make_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of the command line, with the options of one command or of all."""
    parser = Parser(
        prog="budgetnas",
        description="Find the most accurate residual network under a hard cap on parameters.",
        allow_abbrev=False,
    )
    parser.commands = COMMANDS
    parser.add_argument("--version", action="version", version=f"budgetnas {__version__}")
    text = f"print a script that completes words in your shell: {', '.join(SHELLS)}"
    parser.add_argument("--print-completion", action=PrintCompletion, make=make_parser, help=text)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for name, summary in COMMANDS.items():
        inner = commands.add_parser(name, help=summary, allow_abbrev=False, add_help=False)
        inner.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)  # who sees it knows it
        if command in (name, None):
            module = import_module(f"budgetnas.cli.{name}")
            inner.description, inner.epilog = module.DESCRIPTION, f"example: {module.EXAMPLE}"
            module.add_arguments(inner)
            inner.set_defaults(execute=module.run, level=USUAL)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    odd = [word for word in words if not is_text(word)]
    if odd:
        print(f"budgetnas: {odd[0]!a} is no text: give words in UTF-8, and rename such a file.", file=sys.stderr)
        return 2
    if not words:
        print(f"{make_parser('').format_help()}\n{START}", file=sys.stderr)
        return 2
    try:
        arguments = make_parser(words[0] if words[0] in COMMANDS else "").parse_args(words)
        with heard(arguments.level):
            return int(arguments.execute(arguments) or 0)
    except BudgetNASError as error:
        said = one_line(spell(str(error), arguments, argument=error.argument), most=None)
        print(f"budgetnas: {printable(said)}", file=sys.stderr)
        return error.exit_status
    except ModuleNotFoundError as error:  # installed without what budgetnas depends on, for `count` alone
        if error.name is None or error.name.startswith("budgetnas"):
            raise
        why = f"`{words[0]}` needs {error.name}, which is not installed"
        print(f"budgetnas: {why}: install budgetnas without `--no-deps`.", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        print("budgetnas: stopped", file=sys.stderr)
        return status_of(interrupt)
    except BrokenPipeError:  # the reader of our output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
