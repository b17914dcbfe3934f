"""Options that several commands share: numbers, networks, keys of a study file, data sets, shapes."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from typing import Any

from budgetnas.arch.rules import MAX_SIDE
from budgetnas.arch.spec import FIELDS, NEEDED, OPTIONS, PER_STAGE, DataShape, ResNetSpec
from budgetnas.cli.caps import CAPS
from budgetnas.cli.parser import Unlisted
from budgetnas.config import options
from budgetnas.config.models import NamedModel, named_network
from budgetnas.config.options import CALIBRATION_KEYS, DATA_KEYS, KEYS
from budgetnas.exceptions import UsageError

_NUMBER = re.compile(r"-?[0-9]{1,18}")


def parse_list(text: str, name: str) -> tuple[int, ...]:
    """Parse integers separated by commas, such as `4,5,3,0`.

    Raises:
        UsageError: a part is no integer.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(_NUMBER.fullmatch(part) for part in parts):
        raise UsageError(f"`{name}` is {text[:80]!r}, but must be whole numbers with commas, like 4,5,3,0.")
    return tuple(map(int, parts))


def whole_number(text: str) -> int:
    """Parse an integer, also as 1e2 or 1_000."""
    try:
        value = float(text)
        if value != int(value):
            raise ValueError
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
    return int(value)


def number(text: str) -> float:
    """Parse a number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def add_network_arguments(parser: argparse.ArgumentParser, *, named: str, shows_all: bool = True) -> None:
    """Declare the name, and an option for each field of a spec.

    Args:
        parser: the command's parser.
        named: help on accepted names.
        shows_all: whether the help has all options, or only those that a network needs and a hint at the others.
    """
    hint = "" if shows_all else "; `budgetnas count --help` lists all options of a network"
    parser.add_argument("network", nargs="?", metavar="NAME", help=named + hint)
    for name, one in OPTIONS.items():
        is_shown = shows_all or name in NEEDED
        help = one.metadata["help"] if is_shown else argparse.SUPPRESS
        parser.add_argument(option(name), metavar=one.metadata["metavar"], help=help)


def option(name: str) -> str:
    """Return the option of an argument: `--stem-width` of `stem_width`."""
    return f"--{name.replace('_', '-')}"


def is_named(arguments: argparse.Namespace) -> bool:
    """Return whether the network is given by a name, not by its numbers.

    Raises:
        UsageError: it is given by both, or by neither.
    """
    typed = _typed(arguments)
    if arguments.network is None:
        if not typed.keys() >= set(NEEDED):
            needed = " and ".join(f"`{option(name)}`" for name in NEEDED)
            raise UsageError(f"{needed} are both needed: give them, or a name like resnet18.")
        return False
    if typed:
        given = " and ".join(f"`{option(name)}`" for name in typed)
        raise UsageError(f"`{arguments.network[:80]}` does not go with {given}: give one or the other.")
    return True


def typed_network(arguments: argparse.Namespace) -> NamedModel:
    """Read a network given by its numbers; it has no name, and a note where it has fewer stages than were typed.

    Raises:
        UsageError: a number is malformed.
    """
    typed = {name: _read_field(name, text) for name, text in _typed(arguments).items()}
    spec = ResNetSpec.from_stages(**typed)
    is_moved = any(typed[name][: spec.depth] != values for name, values in spec.per_stage.items() if name in typed)
    note = f"empty stages in the middle were removed: this is {spec.id}." if is_moved else ""
    return NamedModel(name="", spec=spec, note=note)


def _read_field(name: str, text: str) -> Any:
    """Read a field of a spec: a list, a word, or a number."""
    if name in PER_STAGE:
        return parse_list(text, option(name))
    return text if isinstance(FIELDS[name].default, str) else read_whole(option(name), text)


def typed_words(spec: ResNetSpec) -> str:
    """Return the options that mean a network.

    >>> typed_words(ResNetSpec(blocks=(4, 3), widths=(64, 250), neck=512))
    '--blocks 4,3 --widths 64,250 --neck 512'
    """
    values = {name: value for name, value in spec.to_json().items() if name in OPTIONS}
    if spec == replace(spec, stem_width=0):
        del values["stem_width"]
    words = {name: ",".join(map(str, value)) if isinstance(value, list) else value for name, value in values.items()}
    return " ".join(f"{option(name)} {word}" for name, word in words.items())


def _typed(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of a spec that were typed, as text."""
    given = vars(arguments)
    return {name: given[name] for name in OPTIONS if given.get(name) is not None}


def read_network(arguments: argparse.Namespace) -> NamedModel:
    """Read a network, given by name or by numbers.

    Raises:
        UsageError: the name is unknown, or a number is malformed.
    """
    return named_network(arguments.network) if is_named(arguments) else typed_network(arguments)


def add_data_arguments(parser: argparse.ArgumentParser, *, default: str | None = "auto") -> None:
    """Declare the options of `DATA_KEYS`; the help names the default data set, if there is one."""
    add = parser.add_argument
    names = [name for name in ("auto", "cifar10", "cifar100", "digits", "digits-hard") if name != default]
    names = names[1:] if default is None else [f"{default} (default)", *names]
    add("--dataset", metavar="NAME|PATH", help=f"{', '.join(names)}, .npz or folder")
    add("--data-dir", metavar="DIR", help="folder of downloaded data sets (default data)")
    add("--subset", type=whole_number, metavar="N", help="images of each class to keep in each split")
    add(
        "--image-size",
        type=whole_number,
        metavar="N",
        help="side of a folder's images; --test-share S: of them to test on",
    )
    share = "share of own images to test on, where they have no test split"
    add("--test-share", type=number, metavar="S", help=Unlisted(share))


def read_data(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the keys of `[data]` given to a command without a study, by its options and by `--set`.

    Raises:
        UsageError: a key is unknown, belongs to another section, or has a value that breaks its rule.
    """
    return options.read_data(options.keys_of(vars(arguments), DATA_KEYS), getattr(arguments, "set", ()))


def add_track_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `--track`."""
    parser.add_argument("--track", metavar="NAME,..", help="also write to tensorboard, wandb or mlflow")


CODE = "space_code"


def add_code_argument(parser: argparse.ArgumentParser, *, is_listed: bool = True) -> None:
    """Declare `--space-code`, listed by `--help` or not."""
    text = "MODULE:CLASS of your own kind of blocks, like ghost:Ghost of ghost.py"
    parser.add_argument(option(CODE), metavar="CODE", help=text if is_listed else Unlisted(text))


def load_code(arguments: argparse.Namespace) -> str | None:
    """Load the code that `--space-code` names; return the name of its kind, None without one.

    Raises:
        UsageError: the code cannot be loaded, or breaks a rule.
    """
    if arguments.space_code is None:
        return None
    from budgetnas.config.space_code import load_kind

    return load_kind(arguments.space_code)


# Options and what the rooms below call them: the key of a study file, or the argument of Python.
_NAMES = (
    *KEYS.items(),
    *CALIBRATION_KEYS.items(),
    ("set", "settings"),
)
_ARGUMENTS = {name: KEYS[name] for name in CAPS}  # of Python, that a study has as keys
_NAMED = re.compile(r"`([a-z_]+(?:\.[a-z_]+)?)(?:=([^`]*))?`")


def spell(text: str, arguments: argparse.Namespace, *, argument: str | None = None) -> str:
    """Return a message from the rooms below with the options of a command in place of the keys that they set.

    A key that has no option stays; with a value it becomes `--set KEY=VALUE`. The name that opens a message is what is
    wrong: it stays a key where the study file or `--set` gave its value.

    >>> typed = argparse.Namespace(max_params="5", set=[])
    >>> spell("`budget.max_params` is 5: raise it, or give `search.batch=3`.", typed)
    '`--max-params` is 5: raise it, or give --set search.batch=3.'

    Args:
        text: names keys and arguments as `exceptions` says.
        arguments: of the command.
        argument: the one that an error carries.
    """

    def spelled(match: re.Match[str]) -> str:
        name, value, opens = match[1], match[2], match.start() == 0
        is_argument = name == argument or {name, argument} <= set(FIELDS)
        key = _ARGUMENTS.get(name, name) if is_argument else name
        names = [option for option, named in _NAMES if named == key] or [name] * is_argument
        known = [option for option in names if hasattr(arguments, option)]
        if name in FIELDS and known and getattr(arguments, name) is None:
            known = []  # the id of a network has them too
        if ("." not in key and not is_argument) or not known or (opens and _is_elsewhere(known[0], key, arguments)):
            if value is None:
                return f"`{key}`"
            return f"--set {key}={value}" if "." in key and hasattr(arguments, "set") else match[0]
        word = option(known[0]) + ("" if value in (None, "true") else f" {value.strip('[]')}")
        return f"`{word}`" if opens else word

    return _NAMED.sub(spelled, text)


def _is_elsewhere(option: str, key: str, arguments: argparse.Namespace) -> bool:
    """Return whether a study file or `--set` may have given the value of a key, and its option did not."""
    named = [setting.partition("=")[0].strip() for setting in getattr(arguments, "set", ())]
    has_file = getattr(arguments, "study", None) is not None and option != CODE  # which no file can have
    return key in named or (has_file and getattr(arguments, option) is None)


def add_shape_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--classes`, `--channels` and `--image-size`."""
    parser.add_argument("--classes", default="10", metavar="N", help="number of classes (default 10)")
    parser.add_argument("--channels", default="3", metavar="N", help="channels of an image (default 3)")
    parser.add_argument("--image-size", default="32", metavar="N|HxW", help="pixels of an image (default 32)")


def read_shape(arguments: argparse.Namespace) -> DataShape:
    """Read the options of `add_shape_arguments`."""
    size = arguments.image_size
    sides = size.split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() and 0 < int(side[:9]) <= MAX_SIDE for side in sides):
        raise UsageError(f"`--image-size` is {size[:80]!r}, but must be N or HxW, each from 1 to {MAX_SIDE:,}.")
    return DataShape(
        channels=read_whole("--channels", arguments.channels),
        height=int(sides[0]),
        width=int(sides[-1]),
        classes=read_whole("--classes", arguments.classes),
    )


def read_whole(name: str, text: str) -> int:
    """Parse an integer above 0."""
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) == 0:
        raise UsageError(f"`{name}` is {text!r}, but must be a whole number above 0.")
    return int(text)
