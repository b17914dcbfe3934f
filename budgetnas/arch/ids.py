"""Ids, the unique names of networks: their grammar, which `ResNetSpec.id` describes, and one spelling for each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from budgetnas.arch.kinds import KINDS

if TYPE_CHECKING:
    from budgetnas.arch.spec import ResNetSpec

_LETTERS = {"mids": "m", "expansions": "t", "kernels": "k", "groups": "g"}  # of a stage, in an id
_OWN = r"(?:(?P<own>[A-Za-z][A-Za-z0-9_]{0,31})\.)?"
_PREFIX = r"(?:s(?P<stem_width>[0-9]{1,9})-)?(?:n(?P<neck>[0-9]{1,9})-)?(?P<pool>d-)?(?:e(?P<squeeze>[0-9]{1,9})-)?"
_STAGE = re.compile(
    r"(?P<blocks>[0-9]{1,9})x(?P<widths>[0-9]{1,9})"
    + "".join(rf"(?:{letter}(?P<{name}>[0-9]{{1,9}}))?" for name, letter in _LETTERS.items())
)
_ID = re.compile(_OWN + _PREFIX + r"(?P<stages>[0-9][0-9a-z]*(?:[-=][0-9][0-9a-z]*)*)")
_PLAIN = {"kernels": 3, "groups": 1}  # values that an id leaves out


def parse_id(text: str) -> dict[str, Any] | None:
    """Return the fields of a spec that an id names; None for text of another form. Numbers are not checked."""
    found = _ID.fullmatch(text)
    if found is None:
        return None
    stages = [_STAGE.fullmatch(word) for word in re.split("[-=]", found["stages"])]
    if None in stages:
        return None
    fields: dict[str, Any] = {}
    for name in ("blocks", "widths", *_LETTERS):
        given = [stage[name] for stage in stages if stage is not None]
        if any(given) and not all(given) and name not in _PLAIN:
            return None
        if any(given):
            fields[name] = tuple(_PLAIN.get(name, 0) if value is None else int(value) for value in given)
    return fields | {
        "stem_width": int(found["stem_width"] or 0),
        "kind": found["own"]
        or ("bottleneck" if "mids" in fields else "inverted" if "expansions" in fields else "basic"),
        "strides": (1, *(1 if joint == "=" else 2 for joint in re.findall("[-=]", found["stages"]))),
        "shortcut": "pool" if found["pool"] else "conv",
        "squeeze": int(found["squeeze"]) if found["squeeze"] else None,
        "neck": int(found["neck"]) if found["neck"] else None,
    }


def write_id(spec: ResNetSpec) -> str:
    """Return the id of a network."""
    text = "" if spec.kind in KINDS else f"{spec.kind}."
    text += "" if spec.stem_width == spec.widths[0] else f"s{spec.stem_width}-"
    text += f"n{spec.neck}-" if spec.neck is not None else ""
    text += "d-" if spec.shortcut == "pool" else ""
    text += f"e{spec.squeeze}-" if spec.squeeze is not None else ""
    for stage in range(spec.depth):
        text += ("=" if spec.strides[stage] == 1 else "-") if stage else ""
        text += f"{spec.blocks[stage]}x{spec.widths[stage]}"
        for name, letter in _LETTERS.items():
            values = getattr(spec, name)
            if values and values[stage] != _PLAIN.get(name):
                text += f"{letter}{values[stage]}"
    return text


def merged(spec: ResNetSpec) -> dict[str, tuple[int, ...]]:
    """Return the fields of a spec that have a value per stage, a stage joined to the one before where both are one.

    That is so where it neither halves the image nor differs in more than its number of blocks.
    """
    names = ("widths", *_LETTERS)
    kept: list[int] = []
    blocks: list[int] = []
    for stage in range(spec.depth):
        same = all(values[stage] == values[stage - 1] for name in names if (values := getattr(spec, name)))
        if stage and spec.strides[stage] == 1 and same:
            blocks[-1] += spec.blocks[stage]
        else:
            kept.append(stage)
            blocks.append(spec.blocks[stage])
    fields = {name: getattr(spec, name) for name in (*names, "strides")}
    others = {name: tuple(values[stage] for stage in kept) for name, values in fields.items() if values}
    return {"blocks": tuple(blocks), **others}


def least_reduction(spec: ResNetSpec) -> int:
    """Return the smallest reduction of squeeze-excitation that gives the network of a spec: sizes are rounded up."""
    assert spec.squeeze is not None
    channels = list(spec.widths)
    if spec.kind == "inverted":  # the hidden channels are weighed
        first = [e * before for e, before in zip(spec.expansions, (spec.stem_width, *spec.widths), strict=False)]
        later = zip(spec.blocks, spec.expansions, spec.widths, strict=True)
        channels = [*first, *(e * width for blocks, e, width in later if blocks > 1)]
    return max(-(-number // -(-number // spec.squeeze)) for number in channels)
