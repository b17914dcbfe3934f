"""Models declared by name in study files: Pei et al.'s in `studies/paper.toml`, the classics in other files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from budgetnas.amounts import parse_cap
from budgetnas.arch.counter import Complexity, count
from budgetnas.arch.ids import parse_id
from budgetnas.arch.spec import FIELDS, NEEDED, DataShape, ResNetSpec
from budgetnas.config.known_networks import Namesake, about
from budgetnas.config.toml import Table, check_keys, convert, read_toml, shipped, shorten
from budgetnas.exceptions import UsageError

SHIPPED = ("paper", "classics")
CIFAR10 = "cifar10"  # the data set of Pei et al.
ID_RULE = "stages like 4x64, 4x64m16k5g4 or 4x64t6, joined by - or =, after s32-, n512-, d- and e16- where they apply"
_LIKE_ID = re.compile(r"(?:[a-z]{1,2}[0-9]*[-=])*[0-9]+x[0-9]+[0-9a-z]*(?:[-=][0-9a-z]*)*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedModel:
    """One `[[models]]` entry.

    Attributes:
        name: its name.
        spec: its architecture; in the file, the `id` or each field of a spec is a key of the entry.
        seeded: whether searches try it before their own proposals.
        reported_params: parameters as its source reports them.
        reported_accuracy: test accuracy in percent as its source reports it.
        reported_epoch: the epoch of the reported accuracy.
        phases: (epochs, period of the schedule) of each part of its training, as in its source.
        note: a caveat to show with it; "" for none.
        namesake: source of another network of the same name: "torchvision" or "he" (He et al.'s for CIFAR).
    """

    name: str
    spec: ResNetSpec
    seeded: bool = False
    reported_params: int | None = None
    reported_accuracy: float | None = None
    reported_epoch: int | None = None
    phases: tuple[tuple[int, int], ...] = ((200, 200),)
    note: str = ""
    namesake: Namesake = ""


def load_models(path: Path) -> tuple[NamedModel, ...]:
    """Read the `[[models]]` of a study file.

    Raises:
        UsageError: the file declares no models, or one of them is malformed.
    """
    entries = read_toml(path).get("models")
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"`{path}` declares no [[models]]: give a file that does, such as the shipped `paper`.")
    for i, entry in enumerate(entries):
        if not isinstance(entry, dict) or "name" not in entry or not ("id" in entry or set(NEEDED) <= set(entry)):
            needed = " and ".join(NEEDED)
            raise UsageError(f"`{path}` has a [[models]] entry, number {i + 1}, without a name and an id or {needed}.")
    return tuple(_model(entry, f"models[{i}]") for i, entry in enumerate(entries))


def _model(entry: Table, where: str) -> NamedModel:
    own = [one.name for one in fields(NamedModel) if one.name != "spec"]
    check_keys(entry, [*own[:1], "id", *FIELDS, *own[1:]], where)
    numbers = convert(ResNetSpec, {key: value for key, value in entry.items() if key in FIELDS}, where)
    others = convert(NamedModel, {key: value for key, value in entry.items() if key in own}, where)
    if "id" not in entry:
        return NamedModel(spec=ResNetSpec.from_stages(**numbers), **others)
    if numbers:
        raise UsageError(f"does not go with {', '.join(numbers)}: give one or the other.", argument=f"{where}.id")
    text = entry["id"]
    spec = ResNetSpec.from_id(text) if isinstance(text, str) else None
    if spec is None:
        rule = _right(text) if isinstance(text, str) else ID_RULE
        raise UsageError(f"is {shorten(text)}, but must be an id: {rule}.", argument=f"{where}.id")
    return NamedModel(spec=spec, **others)


@cache
def _shipped(study: str) -> tuple[NamedModel, ...]:
    return load_models(shipped(f"{study}.toml"))


def paper_models() -> tuple[NamedModel, ...]:
    """Return the models of Pei et al., as `studies/paper.toml` declares them."""
    return _shipped("paper")


def reported_models(words: Sequence[str]) -> list[NamedModel]:
    """Return those of the models of Pei et al. that have reported numbers, by number or name.

    Raises:
        UsageError: a word names none of them, or two name the same.
    """
    known = {model.name: model for model in paper_models() if model.reported_params}
    names = [word if word in known else f"model{word}" for word in map(squeezed, words)]
    if not names or not set(names) <= set(known) or len(set(names)) < len(names):
        raise UsageError(
            f"is {','.join(words)[:80]!r}, but must be different ones of 1, 2, 3, 4, 5 and resnet18, like 1,5.",
            argument="models",
        )
    return [known[name] for name in names]


def shipped_models() -> list[NamedModel]:
    """Return all shipped models."""
    return [model for study in SHIPPED for model in _shipped(study)]


def model_names() -> list[str]:
    """Return the names of all shipped models."""
    return [model.name for model in shipped_models()]


def find_model(name: str) -> NamedModel | None:
    """Return the network of a name (shipped) or id (any); None where there is none.

    Case, spaces, hyphens and underscores do not matter.

    Raises:
        UsageError: a number of an id is out of range, the name looks like an id and is none, or the name is well-known
            but not available here.
    """
    models = shipped_models()
    found = next((model for model in models if squeezed(model.name) == squeezed(name)), None)
    if found is not None:
        return found
    spec = ResNetSpec.from_id(name)
    if spec is not None:
        return NamedModel(name=spec.id, spec=spec)
    mistaken = about(name, {model.spec: model.name for model in models})
    if mistaken is not None:
        raise UsageError(mistaken)
    if _LIKE_ID.fullmatch(name):
        raise UsageError(f"`{name[:80]}` is no id that this version reads: {_right(name)}.")
    return None


def _right(text: str) -> str:
    """Say how an id is spelt: the right one of the network that a text means, or else the rule."""
    numbers = parse_id(text)
    return ID_RULE if numbers is None else f"the id of this network is `{ResNetSpec(**numbers).id}`"


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


def squeezed(name: str) -> str:
    """Normalise a name to its letters and digits: `ResNet-18` to `resnet18`."""
    return re.sub(r"[\s_-]+", "", name.casefold())


def cost_of(name: str, shape: DataShape) -> Complexity:
    """Count a network by name or id, as for a cap like `45%resnet18`.

    Raises:
        UsageError: there is no such network.
    """
    try:
        model = find_model(name)
    except UsageError as error:
        raise UsageError(f"`{name}` is no network that a cap can be a share of: {error}") from error
    if model is None:
        raise UsageError(f"`{name}` is no shipped network: take one of {', '.join(model_names())}, or an id.")
    return count(model.spec, shape)


def read_cap(value: str | float, shape: DataShape, *, name: str = "max_params") -> int:
    """Parse a cap to an integer; a share of a shipped network is counted for `shape`.

    Raises:
        UsageError: the cap is malformed, or its network is unknown.
    """
    return parse_cap(value, name=name, reference=lambda known: cost_of(known, shape).params)


def read_names(key: str, names: tuple[str, ...], *, others: tuple[str, ...]) -> tuple[str, ...]:
    """Return network names in canonical form; names in `others` are unchanged.

    Args:
        key: of the study file that has them, for errors.
        names: of networks, or ids.
        others: words that may stand beside them.

    Raises:
        UsageError: a name is unknown, or two names mean the same network.
    """
    try:
        found = [name if name in others else find_model(name) for name in names]
    except UsageError as error:
        raise UsageError(f"is {list(names)}: {error}", argument=key) from error
    specs = [one.spec if isinstance(one, NamedModel) else one for one in found]
    if not specs or None in specs or len(set(specs)) < len(specs):
        raise UsageError(
            f"is {list(names)}, but must be different ones of {', '.join([*others, *model_names()])}, "
            "or ids like 4x64-5x128-3x256.",
            argument=key,
        )
    return tuple(one.name if isinstance(one, NamedModel) else str(one) for one in found)
