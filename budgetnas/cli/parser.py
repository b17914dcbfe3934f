"""An argparse parser whose errors are one line that names what is wrong, what was meant, and the next step."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Collection, Sequence
from typing import Any, NoReturn

from budgetnas.text import one_line, printable

_ALIKE = 0.7  # least difflib ratio: "epochs" and "full-epochs" have 0.71, "trials" and "strides" 0.62


class Unlisted(str):
    """The help of an option for which `--help` has no room; completion and the reference in the docs have it."""

    __slots__ = ()


class _Formatter(argparse.HelpFormatter):
    def add_argument(self, action: argparse.Action) -> None:
        if not isinstance(action.help, Unlisted):
            super().add_argument(action)


class Parser(argparse.ArgumentParser):
    """An argparse parser with errors in one line.

    Attributes:
        commands: the commands that it knows; none in the parser of a command.
    """

    commands: Collection[str] = ()

    def __init__(self, **words: Any) -> None:
        super().__init__(formatter_class=_Formatter, **words)

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with 2."""
        said = printable(one_line(message, most=None))
        see = " See" if said.endswith("?") else "; see"
        self.exit(2, f"{self.prog}: {said}{see} `{self.prog} --help`\n")

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse words; what is left over is an error of this parser, which knows its options."""
        words = sys.argv[1:] if args is None else list(args)
        self._refuse_misspelt(words)
        found, rest = super().parse_known_args(words, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest

    def _refuse_misspelt(self, words: Sequence[str]) -> None:
        """Name the option or command that a misspelt one is close to."""
        for word in words:
            if word == "--" or word in self.commands:
                return
            if word.startswith("-"):
                self._refuse("option", word.partition("=")[0], self._option_string_actions)
            elif self.commands:
                self._refuse("command", word, self.commands)

    def _refuse(self, kind: str, word: str, known: Collection[str]) -> None:
        near = [] if word in known or " " in word else meant(word, known)
        if near:
            self.error(f"`{word}` is no {kind}: did you mean {' or '.join(f'`{name}`' for name in near)}?")


def meant(word: str, known: Collection[str]) -> list[str]:
    """Return the known words that a misspelt one may stand for, best first: at most two.

    Dashes in front, underscores and capitals do not matter.

    >>> meant("--max-parms", ["--max-params", "--trials"])
    ['--max-params']
    >>> meant("--max", ["--max-params", "--max-hours", "--trials"])
    ['--max-params', '--max-hours']
    """
    plain, names = _plain(word), {_plain(name): name for name in known}
    if len(plain) < 2:  # a short option, or nothing
        return []
    longer = [name for name in names if name.startswith(plain)]
    return [names[name] for name in longer[:2] or difflib.get_close_matches(plain, names, n=1, cutoff=_ALIKE)]


def _plain(word: str) -> str:
    return word.lstrip("-").replace("_", "-").casefold()
