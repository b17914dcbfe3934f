"""A network on the command line: by its name, by its id, or by its blocks and widths."""

from __future__ import annotations

import argparse
import re

from budgetnas.cli.numbers import parse_list
from budgetnas.cli.shape import read_whole
from budgetnas.config.models import NamedModel, find_model, model_names, squeezed
from budgetnas.exceptions import UsageError


def add_network_arguments(parser: argparse.ArgumentParser, *, named: str, has_stem: bool = True) -> None:
    """Declare name, blocks, widths and stem.

    Args:
        parser: of the command.
        named: what a name may be.
        has_stem: whether the stem may have a width of its own.
    """
    parser.add_argument("network", nargs="?", metavar="NAME", help=named)
    parser.add_argument("--blocks", metavar="B,B,..", help="basic blocks per stage; 0 for an empty stage")
    parser.add_argument("--widths", metavar="W,W,..", help="channels, one per stage or one per non-empty stage")
    if has_stem:
        parser.add_argument("--stem-width", metavar="W", help="channels of the stem (default: those of stage 1)")
    else:
        parser.set_defaults(stem_width=None)


def is_named(arguments: argparse.Namespace) -> bool:
    """Tell whether the network is given by a name, and not by its numbers.

    Raises:
        UsageError: it is given by both, or by neither.
    """
    if arguments.network is None:
        if arguments.blocks is None or arguments.widths is None:
            raise UsageError("`--blocks` and `--widths` are both needed: give them, or a name like resnet18.")
        return False
    if any(word is not None for word in (arguments.blocks, arguments.widths, arguments.stem_width)):
        raise UsageError("blocks and widths do not go with a name: give one or the other.")
    return True


def typed_network(arguments: argparse.Namespace) -> NamedModel:
    """Read a network that is given by its numbers; it has no name.

    Raises:
        UsageError: a number is malformed.
    """
    blocks, widths = parse_list(arguments.blocks, "--blocks"), parse_list(arguments.widths, "--widths")
    stem = 0 if arguments.stem_width is None else read_whole("--stem-width", arguments.stem_width)
    return NamedModel(name="", blocks=blocks, widths=widths, stem_width=stem)


def read_network(arguments: argparse.Namespace) -> NamedModel:
    """Read a network, given either way.

    Raises:
        UsageError: there is none of its name, or a number is malformed.
    """
    return named_network(arguments.network) if is_named(arguments) else typed_network(arguments)


def named_network(name: str, *, others: tuple[str, ...] = (), hint: str = "an id like 4x64-5x128-3x256") -> NamedModel:
    """Find a network by its name or id.

    Args:
        name: as it was typed.
        others: further names that could have been typed, for the error.
        hint: what else could have been typed, for the error.

    Raises:
        UsageError: there is none of this name.
    """
    model = find_model(name)
    if model is None:
        known = [*model_names(), *others]
        close = _close(name[:80], known)
        meant = "give" if close is None else f"did you mean `{close}`? Or give"
        raise UsageError(f"`{name[:80]}` is no shipped network: {meant} one of {', '.join(known)}, or {hint}.")
    return model


def _close(name: str, known: list[str]) -> str | None:
    """Return the known name that a name has in it, as `resnet20.pytorch` has, or else the most similar one."""
    import difflib

    inside = [one for one in known if re.search(rf"{re.escape(squeezed(one))}(?!\d)", squeezed(name))]
    found = sorted(inside, key=len, reverse=True) or difflib.get_close_matches(name, known, n=1)
    return found[0] if found else None
