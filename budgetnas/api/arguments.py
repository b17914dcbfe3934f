"""Arguments of the functions: as keys of a study, as networks and shapes, and their names in errors."""

from __future__ import annotations

import functools
import inspect
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypedDict, TypeVar, Unpack

from budgetnas.arch.rules import MAX_SIDE
from budgetnas.arch.spec import FIELDS, DataShape, ResNetSpec
from budgetnas.config.models import named_network
from budgetnas.config.options import CALIBRATION_KEYS, DATA_KEYS, KEYS, keys_of, read_data
from budgetnas.exceptions import BudgetNASError, UsageError

if TYPE_CHECKING:
    from budgetnas.pipeline.progress import Listener

Words = ParamSpec("Words")
Result = TypeVar("Result")
_KEYS = {**KEYS, "paper_models": "search.paper_models", "refit": "evidence.refit"}
_DATA_KEYS = {**DATA_KEYS, "validation": "data.validation"}
_NAMES = {**_KEYS, **CALIBRATION_KEYS, **_DATA_KEYS}


def in_python(text: str, names: Mapping[str, str] | None = None) -> str:
    """Return a message that names arguments instead of the keys that they set; `names` are arguments by key."""
    for key, name in ({key: name for name, key in _KEYS.items()} if names is None else names).items():
        text = text.replace(f"`{key}`", f"`{name}`")
    return text


def spelled(function: Callable[Words, Result]) -> Callable[Words, Result]:
    """Make the errors of a function name its arguments instead of keys of a study file."""
    known = {name: key for name, key in _NAMES.items() if name in inspect.signature(function).parameters}

    @functools.wraps(function)
    def call(*args: Words.args, **words: Words.kwargs) -> Result:
        try:
            return function(*args, **words)
        except BudgetNASError as error:
            named: Mapping[str, Any] = words
            settings = named.get("settings") or {}
            names = {
                key: name
                for name, key in known.items()
                if named.get(name) is not None or not (named.get("study") is not None or key in settings)
            }
            error.args = (in_python(str(error), names), *error.args[1:])
            error.argument = names.get(error.argument or "", error.argument)
            raise

    return call


def study_keys(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments as dotted keys of a study, with values as in a study file.

    Args:
        arguments: arguments of a function, by name; `settings`, which has keys and values itself, takes precedence.

    Raises:
        UsageError: a key of `settings` is no `section.key`.
    """
    settings = arguments["settings"] or {}
    for key in settings:
        if key.count(".") != 1:
            raise UsageError(f"`settings` has the key {key!r}, but must have section.key, for example 'full.epochs'.")
    named = keys_of(arguments, _KEYS) | dict(settings)
    return {key: plain(value) for key, value in named.items() if value is not None}


def data_keys(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments as keys of `[data]`, without the section, each checked by its rule.

    Raises:
        UsageError: a value breaks its rule.
    """
    return read_data({key: plain(value) for key, value in keys_of(arguments, _DATA_KEYS).items()})


def plain(value: Any) -> Any:
    """Return a value as TOML has it: sequences as lists, paths as strings, NumPy's numbers as Python's."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(one) for one in value]
    return value.tolist() if hasattr(value, "tolist") else value


def command(name: str, arguments: Mapping[str, Any]) -> list[str]:
    """Return the words of a shell command that makes the same call, for the manifest of a run."""
    named = {key: plain(value) for key, value in arguments.items() if value is not None and key != "listener"}
    words = ", ".join(f"{key}={_literal(value)}" for key, value in named.items())
    return ["python", "-c", f"import budgetnas; budgetnas.{name}({words})"]


def _literal(value: Any) -> str:
    """Write a value for Python, strings in double quotes, since the shell uses single ones."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_literal(key)}: {_literal(plain(one))}' for key, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


class OtherFields(TypedDict, total=False):
    """The fields of a `ResNetSpec` that only networks of other than plain basic blocks need, as it describes them."""

    kind: str
    mids: Sequence[int]
    expansions: Sequence[int]
    kernels: Sequence[int]
    groups: Sequence[int]
    strides: Sequence[int]
    shortcut: str
    squeeze: int | None
    neck: int | None


def network_of(
    network: str | ResNetSpec | None,
    blocks: Sequence[int] | None = None,
    widths: Sequence[int] | None = None,
    stem_width: int | None = None,
    **others: Unpack[OtherFields],
) -> ResNetSpec:
    """Return the network given by a name, an id, a spec, or its fields.

    Raises:
        UsageError: it is given twice or not at all, its name is unknown, or a value is out of range.
        TypeError: a spec has no field of a name.
    """
    given = {name: plain(value) for name, value in others.items() if value is not None}
    unknown = sorted(others.keys() - FIELDS.keys())
    if unknown:
        raise TypeError(f"got an unexpected keyword argument {unknown[0]!r}")
    if network is None:
        if blocks is None or widths is None:
            raise UsageError("`network` is missing: give a name like resnet18, or `blocks` and `widths`.")
        return ResNetSpec.from_stages(plain(blocks), plain(widths), stem_width=stem_width or 0, **given)
    if given or any(numbers is not None for numbers in (blocks, widths, stem_width)):
        raise UsageError("`network` is given with `blocks`, `widths` or other fields of one: give one or the other.")
    if not isinstance(network, ResNetSpec | str):
        raise UsageError(f"is {network!r}, but must be a name, an id or a `ResNetSpec`.", argument="network")
    return network if isinstance(network, ResNetSpec) else named_network(network).spec


def shape_of(
    shape: DataShape | None, channels: int | None, image_size: int | tuple[int, int] | None, classes: int | None
) -> DataShape:
    """Return the shape of images and classes; a missing number is that of CIFAR-10.

    Raises:
        UsageError: a number is given twice or out of range.
    """
    named = {"channels": channels, "classes": classes}
    if image_size is not None:
        sides = [image_size] * 2 if isinstance(image_size, int) else plain(image_size)
        if (
            not isinstance(sides, list)
            or len(sides) != 2
            or not all(isinstance(s, int) and 1 <= s <= MAX_SIDE for s in sides)
        ):
            raise UsageError(
                f"is {image_size!r}, but must be one side in pixels or two, from 1 to {MAX_SIDE:,}.",
                argument="image_size",
            )
        named |= {"height": sides[0], "width": sides[1]}
    given = {name: value for name, value in named.items() if value is not None}
    if shape is not None and given:
        raise UsageError("`shape` is given with `channels`, `image_size` or `classes`: give one or the other.")
    return shape or DataShape(**given)


def driven(
    work: Callable[..., Result], words: Sequence[str], listener: Listener | None, *, notes: Iterable[str]
) -> Result:
    """Do the work and return its result.

    Args:
        work: trains; takes a listener and the `command` that is recorded with the run.
        words: that command.
        listener: receives notes, plan, progress and messages; None for nobody.
        notes: for the user, before anything trains.
    """
    from budgetnas.pipeline.progress import Check, Everyone, Listener
    from budgetnas.system import Interruptions

    interruptions = Interruptions()
    everyone = Everyone(Check(interruptions.tick), listener or Listener())
    for note in notes:
        everyone.message(in_python(note))
    with interruptions.listening():
        return work(everyone, command=words)
