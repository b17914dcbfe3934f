"""Sequential looks: how far the winner and a control are told apart by the fresh seeds that both have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from budgetnas.arrays import Array, unpacked, unpacked_numbers
from budgetnas.evidence.estimate import LEVEL, Estimate, welch, welch_on_images
from budgetnas.evidence.scores import ACCURACY, Score
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


def standing(own: Seeds, rival: Seeds, rule: LookRule, *, score: Score = ACCURACY) -> Standing | None:
    """Return where two networks stand; None before the first look.

    Each look compares the seeds that it was planned for, also where more are there by now, so that every reader of the
    same trainings sees what the driver saw.
    """
    found = None
    for number, seeds in enumerate(rule.seeds, 1):
        if any(seed not in side for seed in range(seeds) for side in (own, rival)):
            break
        sides = ([side[seed] for seed in range(seeds)] for side in (own, rival))
        gain, wider = gains(*sides, level=rule.level, score=score)
        is_over = gain.is_above_zero or gain.is_below_zero or seeds == rule.seeds[-1]
        found = Standing(look=number, seeds=seeds, gain=gain, wider=wider, is_over=is_over)
        if is_over:
            break
    return found


def gains(
    own: Sequence[Look], rival: Sequence[Look], *, level: float = LEVEL, score: Score = ACCURACY
) -> tuple[Estimate, Estimate | None]:
    """Return the gain over seeds, and over seeds and test images where all looks name these; in points, or in loss."""
    factor = score.factor
    gain = welch(*([factor * look.scored for look in side] for side in (own, rival)), level=level)
    one, other = images_of(own), images_of(rival)
    if one is None or other is None or one.shape[1] != other.shape[1]:
        return gain, None
    found = welch_on_images(one, other, level=level)
    low, high = (None if end is None else factor * end for end in (found.low, found.high))
    return gain, replace(found, value=factor * found.value, low=low, high=high)


def images_of(looks: Sequence[Look]) -> Array | None:
    """Return whether each image is correct at each look, or its part in another score: [looks, images].

    None where some look does not say.
    """
    if looks[0].score is not None:
        parts = [None if look.parts is None else unpacked_numbers(look.parts, look.images) for look in looks]
        found = [part for part in parts if part is not None]
        return np.stack(found) if len(found) == len(looks) and len({len(part) for part in found}) == 1 else None
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


def write_gain(
    gain: Estimate, wider: Estimate | None = None, now: Standing | None = None, *, score: Score = ACCURACY
) -> str:
    """Write a gain in points, or in loss, with its intervals and, with sequential looks, its seeds."""
    text = f"{gain.value:+.{_places(score)}f} {write_interval(gain, score=score)}".rstrip()
    if wider is not None and wider.low is not None:
        text += f" over seeds, {write_interval(wider, score=score)} over seeds and images"
    return text if now is None else f"{text}, {plural(now.seeds, 'seed')} of each, {plural(now.look, 'look')}"


def write_interval(gain: Estimate, *, score: Score = ACCURACY) -> str:
    """Write the interval of a gain; "" where it has none."""
    places = _places(score)
    return "" if gain.low is None else f"[{gain.low:+.{places}f}, {gain.high:+.{places}f}]"


def _places(score: Score) -> int:
    return 2 if score.is_share else 4
