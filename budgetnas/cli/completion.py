"""`budgetnas --print-completion SHELL`: a script that completes commands, options, names and paths in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

SHELLS = ("bash", "zsh", "tcsh")
_PATHS, _FOLDERS = ("FILE", "INPUT", "NAME|PATH", "STUDY.toml"), ("DIR", "RUN")  # metavars


class PrintCompletion(argparse.Action):
    """Prints the script of a shell and exits.

    Args:
        make: returns the parser with the options of all commands.
        words: as of `argparse.Action`.
    """

    def __init__(self, *, make: Callable[[], argparse.ArgumentParser], **words: Any) -> None:
        super().__init__(**words, choices=SHELLS, metavar="SHELL")
        self._make = make

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: Any = None) -> None:
        """Print the script for the shell `values`."""
        print(completion(self._make(), values))
        parser.exit()


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script of a shell; the parser must have the options of all commands."""
    import shtab

    names = dict(_names())
    for command in _commands(parser):
        for action in command._actions:
            if action.dest in names and action.choices is None:
                action.choices = names[action.dest]
            elif action.metavar in _PATHS:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif action.metavar in _FOLDERS:
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    return shtab.complete(parser, shell=shell)


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def _names() -> Iterator[tuple[str, Sequence[str]]]:
    """Yield arguments that take one of some names, and these."""
    from budgetnas.config.models import model_names
    from budgetnas.config.options import KEYS
    from budgetnas.config.study import StudyConfig
    from budgetnas.config.toml import shipped

    sections = get_type_hints(StudyConfig)
    for argument, key in KEYS.items():
        section, _, name = key.partition(".")
        hint = get_type_hints(sections[section]).get(name)
        if get_origin(hint) is Literal:
            yield argument, get_args(hint)
    yield "network", model_names()
    yield "recipe", sorted(path.stem for path in shipped("recipes").glob("*.toml"))
    yield "space", sorted(path.stem for path in shipped("spaces").glob("*.toml"))
