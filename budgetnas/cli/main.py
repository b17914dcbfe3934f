"""`budgetnas`: parse the words, run the command, turn errors into one line and an exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from budgetnas import __version__
from budgetnas.cli import count, dashboard, fit, search, space
from budgetnas.exceptions import BudgetNASError

COMMANDS = (count, space, fit, search, dashboard)


class Parser(argparse.ArgumentParser):
    """argparse, with errors in one line that names the next step."""

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with 2."""
        self.exit(2, f"{self.prog}: {message}; see `{self.prog} --help`\n")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = Parser(
        prog="budgetnas",
        description="Find the most accurate residual network under a hard cap on parameters.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"budgetnas {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for module in COMMANDS:
        command = commands.add_parser(
            module.NAME,
            help=module.SUMMARY,
            description=module.DESCRIPTION,
            epilog=f"example: {module.EXAMPLE}",
            allow_abbrev=False,
        )
        module.add_arguments(command)
        command.set_defaults(execute=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = make_parser().parse_args(argv)
    try:
        return int(arguments.execute(arguments) or 0)
    except BudgetNASError as error:
        print(f"budgetnas: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("budgetnas: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
