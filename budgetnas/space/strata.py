"""The strata of the space of residual networks: combinations of the choices of which a network has one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from budgetnas.arch.kinds import KINDS
from budgetnas.arch.pools import Family
from budgetnas.space.keys import AS_STAGE_1, NONE, SLOTS, SpaceKeys, mid_channels
from budgetnas.space.parameters import kind_name
from budgetnas.text import plural

BASIC, BOTTLENECK, INVERTED = range(len(KINDS))


@dataclass(frozen=True, kw_only=True, slots=True)
class Stratum:
    """A combination of the choices that all networks of a stratum share.

    Attributes:
        stages: number of stages.
        unhalved: the transitions that do not halve the image: bit i stands for stage i + 2.
        kind: of the blocks, as an index of `KINDS`; above for an own kind.
        group_width: channels per group of bottlenecks; 0 for a single group.
        squeeze: reduction of squeeze-excitation; 0 for none.
        stem: channels of the stem; 0 for as many as stage 1.
        neck: channels of the neck; 0 for none.
        own: name of the own kind; "" for one of ours.
    """

    stages: int
    unhalved: int = 0
    kind: int = BASIC
    group_width: int = 0
    squeeze: int = 0
    stem: int = 0
    neck: int = 0
    own: str = ""

    @property
    def word(self) -> str:
        """The kind of blocks."""
        return self.own or KINDS[self.kind]

    @property
    def halves(self) -> tuple[int, ...]:
        """1 for each stage that halves the image, else 0."""
        return (0, *(1 - (self.unhalved >> i & 1) for i in range(self.stages - 1)))

    @property
    def can_pool(self) -> bool:
        """Whether some shortcut could pool."""
        return self.kind in (BASIC, BOTTLENECK) and any(self.halves)

    @property
    def family(self) -> Family:
        """The choices that its cost tables share."""
        return Family(kind=self.word, squeeze=self.squeeze or None, neck=self.neck or None)

    @property
    def kind_name(self) -> str:
        """The kind of blocks, with their groups."""
        grouped = f" in groups of {self.group_width}" if self.group_width > 1 else ""
        return f"{'depthwise ' if self.group_width == 1 else ''}{self.word}{grouped}"

    @property
    def name(self) -> str:
        """The stratum in words: "3 stages", and what differs from basic blocks behind a stem as wide as stage 1."""
        found = [plural(self.stages, "stage") + (f" ({joints(self.stages, self.unhalved)})" if self.unhalved else "")]
        if self.kind != BASIC:
            found.append(self.kind_name)
        found += [f"{word} {value}" for word in ("squeeze", "stem", "neck") if (value := getattr(self, word))]
        return ", ".join(found)


COLUMNS = ("stages", "unhalved", "kind", "group_width", "squeeze", "stem", "neck")  # of a point that give its stratum


def strata_of(keys: SpaceKeys, most_halvings: int) -> tuple[Stratum, ...]:
    """Return the strata of a space, those of few stages first.

    Args:
        keys: the choices of the space.
        most_halvings: how often the images may be halved.
    """
    kinds = [(i, word) for i, word in enumerate(keys.all_kinds) if word in keys.kinds]
    owns = {i: word for i, word in kinds if i >= len(KINDS)}
    return tuple(
        Stratum(
            stages=stages,
            unhalved=unhalved,
            kind=kind,
            group_width=group,
            squeeze=squeeze,
            stem=stem,
            neck=neck,
            own=owns.get(kind, ""),
        )
        for stages in range(keys.stages[0], keys.stages[1] + 1)
        for unhalved in keys.unhalved(stages, most_halvings)
        for kind, _ in kinds
        for group in (keys.group_widths if kind == BOTTLENECK else (0,))
        for squeeze in ((0,) if kind in owns else keys.numbers("squeeze"))
        for stem in keys.numbers("stems")
        if not (stem and 0 in keys.numbers("stems") and keys.grid.tolist() == [stem])  # no other stage 1 is left
        for neck in keys.numbers("necks")
    )


def other_ranges(keys: SpaceKeys, strata: Sequence[Stratum]) -> Iterator[tuple[str, int, int]]:
    """Yield name, lowest and highest value of the parameters that networks of basic blocks alone do not have."""
    low, high = int(keys.grid[0]), int(keys.grid[-1])
    sizes = sorted({one.group_width for one in strata if one.kind == BOTTLENECK})
    ends = [(low, keys.eighths[0]), (high, keys.eighths[-1])]
    mids = {size: [int(mid_channels(*end, size)) for end in ends] for size in sizes}
    groups = [mid // size if size else 1 for size, found in mids.items() for mid in found]
    inverted = keys.expansions if any(one.kind == INVERTED for one in strata) else ()
    for i in range(strata[-1].stages):
        strides = [1 + one.halves[i] for one in strata if i < one.stages] if i else []
        for name, values in (
            ("kernel", keys.kernels),
            ("mid", [mid for found in mids.values() for mid in found]),
            ("groups", groups),
            ("expansion", inverted),
            ("stride", strides),
        ):
            if values:
                yield f"{name}_{i + 1}", min(values), max(values)
    for i, kind in enumerate(keys.all_kinds):
        has = [int(one.kind == i) for one in strata]
        if kind not in KINDS:
            yield kind_name(kind), 0, 1
        elif i != BASIC:
            yield kind, min(has), max(has)
    yield "pooled_shortcut", int("conv" not in keys.shortcuts and all(one.can_pool for one in strata)), 1
    squeezes, necks = keys.numbers("squeeze"), keys.numbers("necks")
    yield "squeeze", min(1, squeezes[0]), squeezes[-1]  # a network has the least reduction of its sizes
    stems = [stem for stem in keys.numbers("stems") if stem] + ([low, high] if 0 in keys.numbers("stems") else [])
    yield "stem", min(stems), max(stems)
    yield "neck", necks[0], necks[-1]


def joints(stages: int, unhalved: int) -> str:
    """Write which transitions halve the image as an id does: "-" for those that do, "=" for those that do not."""
    return "".join("=" if unhalved >> i & 1 else "-" for i in range(stages - 1))


def unhalved_label(unhalved: int) -> str:
    """Name the transitions that do not halve, for networks of any number of stages."""
    stages = [str(i + 2) for i in range(SLOTS - 1) if unhalved >> i & 1]
    return f"all but {' and '.join(stages)}" if stages else "all"


def group_label(group_width: int) -> int | str:
    """Return how keys write the groups of bottlenecks."""
    return 1 if not group_width else "mid" if group_width == 1 else f"mid/{group_width}"


def word_label(value: int, *, is_stem: bool = False) -> int | str:
    """Return how keys write a number of channels, or a reduction, whose 0 has a word."""
    return value or (AS_STAGE_1 if is_stem else NONE)
