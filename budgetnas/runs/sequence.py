"""Sequential looks: how far the winner and a control are told apart by the fresh seeds that both have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from budgetnas.arrays import BoolArray, unpacked
from budgetnas.evidence.estimate import LEVEL, Estimate, welch, welch_on_images
from budgetnas.text import plural
from budgetnas.trials.facts import Look, LookRule
from budgetnas.trials.trial import CONTROLS, Looks, Trial, complete

Seeds = Mapping[int, Look]  # the look at each training of a network, by the number of its seed


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where two networks stand after their last look.

    Attributes:
        look: its number, from 1.
        seeds: of each network.
        gain: of the first network over the second, over seeds, in points.
        wider: the same over seeds and test images; None where the images are not known.
        is_over: whether no further look follows.
    """

    look: int
    seeds: int
    gain: Estimate
    wider: Estimate | None
    is_over: bool


def looks_of(trials: Iterable[Trial], looks: Looks) -> dict[str, dict[int, Look]]:
    """Return the looks at winner and controls: by id of the network, then by seed."""
    found: dict[str, dict[int, Look]] = {}
    for trial in complete(trials):
        if (look := looks.of(trial, CONTROLS)) is not None:
            found.setdefault(trial.candidate.spec.id, {})[trial.repeat] = look
    return found


def standing(own: Seeds, rival: Seeds, rule: LookRule) -> Standing | None:
    """Return where two networks stand; None before the first look.

    Each look compares the seeds that it was planned for, also where more are there by now, so that every reader of the
    same trainings sees what the driver saw.
    """
    found = None
    for number, seeds in enumerate(rule.seeds, 1):
        if any(seed not in side for seed in range(seeds) for side in (own, rival)):
            break
        gain, wider = gains(*([side[seed] for seed in range(seeds)] for side in (own, rival)), level=rule.level)
        is_over = gain.is_above_zero or gain.is_below_zero or seeds == rule.seeds[-1]
        found = Standing(look=number, seeds=seeds, gain=gain, wider=wider, is_over=is_over)
        if is_over:
            break
    return found


def gains(own: Sequence[Look], rival: Sequence[Look], *, level: float = LEVEL) -> tuple[Estimate, Estimate | None]:
    """Return the gain over seeds, and over seeds and test images where all looks name these; in points."""
    gain = welch(*([100 * look.accuracy for look in side] for side in (own, rival)), level=level)
    one, other = images_of(own), images_of(rival)
    if one is None or other is None or one.shape[1] != other.shape[1]:
        return gain, None
    found = welch_on_images(one, other, level=level)
    low, high = (None if end is None else 100 * end for end in (found.low, found.high))
    return gain, replace(found, value=100 * found.value, low=low, high=high)


def images_of(looks: Sequence[Look]) -> BoolArray | None:
    """Return whether each image is correct at each look: [looks, images]; None where some look does not say."""
    rows = [None if look.right is None else unpacked(look.right, look.images) for look in looks]
    known = [row for row, look in zip(rows, looks, strict=True) if row is not None and row.sum() == look.correct]
    return np.stack(known) if len(known) == len(looks) and len({len(row) for row in known}) == 1 else None


WITH_IMAGES = (
    "With images: the interval over seeds and test images. A gain or a loss that it does not show is one on this test "
    "set."
)


def interval_words(rule: LookRule | None) -> str:
    """Name the interval of a gain, and how often it errs."""
    if rule is None:
        return "95 % interval over seeds, uncorrected for multiple comparisons"
    *seeds, last = rule.seeds
    numbers = f"{', '.join(map(str, seeds))} and {last}" if seeds else str(last)
    return (
        f"{100 * rule.level:.4g} % interval over seeds, after {numbers} seeds of each, until it leaves zero out: "
        f"95 % in all, over up to {plural(len(rule.seeds), 'look')}, for each control"
    )


def write_gain(gain: Estimate, wider: Estimate | None = None, now: Standing | None = None) -> str:
    """Write a gain in points with its intervals and, with sequential looks, its seeds."""
    text = f"{gain.value:+.2f} {write_interval(gain)}".rstrip()
    if wider is not None and wider.low is not None:
        text += f" over seeds, {write_interval(wider)} over seeds and images"
    return text if now is None else f"{text}, {plural(now.seeds, 'seed')} of each, {plural(now.look, 'look')}"


def write_interval(gain: Estimate) -> str:
    """Write the interval of a gain; "" where it has none."""
    return "" if gain.low is None else f"[{gain.low:+.2f}, {gain.high:+.2f}]"
