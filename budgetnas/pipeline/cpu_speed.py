"""The warning that kinds other than basic blocks train slowly on a CPU, with the factor that was measured."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from budgetnas.arch.spec import ResNetSpec
from budgetnas.text import listed

# Time of a training step per image, in times that of basic blocks with as many parameters: its range over the rounds of
# `studies/results/block_speed.txt`.
MEASURED = {
    "inverted blocks": (3.10, 4.89),
    "depthwise convolutions": (2.08, 3.16),
    "grouped convolutions": (2.15, 3.29),
    "bottlenecks": (1.77, 2.14),
}


def slow_on_cpu(kinds: Collection[str], group_widths: Collection[int | None]) -> str | None:
    """Say how many times slower than basic blocks the slow ones of some choices train on a CPU; None if none is slow.

    >>> slow_on_cpu({"basic", "bottleneck"}, {4})
    'grouped convolutions train slowly on a CPU: 2 to 3 times as long per image as basic blocks of as many parameters.'

    Args:
        kinds: of blocks, as in a spec.
        group_widths: channels of a group in the middle convolutions of bottlenecks: 1 in depthwise ones, None for one
            group of all channels.
    """
    widths = [width for width in group_widths if width is not None] if "bottleneck" in kinds else []
    slow = {
        "inverted blocks": "inverted" in kinds,
        "depthwise convolutions": 1 in widths,
        "grouped convolutions": any(width > 1 for width in widths),
        "bottlenecks": "bottleneck" in kinds and None in group_widths,
    }
    names = [name for name, is_here in slow.items() if is_here]
    if not names:
        return None
    low, high = min(MEASURED[name][0] for name in names), max(MEASURED[name][1] for name in names)
    times = f"{low:.0f} to {high:.0f} times" if round(low) < round(high) else f"about {low:.0f} times"
    return f"{listed(names)} train slowly on a CPU: {times} as long per image as basic blocks of as many parameters."


def slow_networks(specs: Iterable[ResNetSpec]) -> str | None:
    """Say it of the choices that some networks make; None if none is slow."""
    specs = list(specs)
    stages = [stage for spec in specs for stage in zip(spec.mids, spec.groups, strict=True)]
    return slow_on_cpu({spec.kind for spec in specs}, {mid // groups if groups > 1 else None for mid, groups in stages})
