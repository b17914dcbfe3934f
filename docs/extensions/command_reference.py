"""The reference of the command line, from the parser that the commands use."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from budgetnas.cli.main import COMMANDS, make_parser


def command_reference() -> str:
    """Return a section of Markdown for every command."""
    parser = make_parser()
    [commands] = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return "\n\n".join("\n".join(_section(name, commands.choices[name])) for name in COMMANDS)


def _section(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"## {name}\n\n{parser.description}\n"
    if parser.epilog:
        yield f"```\n{parser.epilog.removeprefix('example: ')}\n```\n"
    shown = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    actions = [action for action in shown if not isinstance(action, argparse._HelpAction)]
    yield "| argument | what it is |\n|---|---|"
    for action in actions:
        yield f"| {_spelling(action)} | {_cell((action.help or '') % vars(action))} |"


def _spelling(action: argparse.Action) -> str:
    """Write an argument as its user types it: `--trials N`, `RUN`, `IMAGE ...`."""
    name = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    if not action.option_strings:
        return f"`{_cell(str(name))}`" + (" ..." if action.nargs == "+" else "")
    value = "" if action.nargs == 0 else f" {name}"
    names = ", ".join(option for option in action.option_strings if option.startswith("--"))
    return f"`{_cell(names + value)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
