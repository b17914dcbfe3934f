"""The limits of a study of this size, stated before it starts: what its result will not be able to show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil

from budgetnas.evidence.estimate import FEWEST_REPEATS
from budgetnas.evidence.fidelity import FEWEST_PAIRS
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.pipeline.work_left import expected_networks
from budgetnas.reports.importance import FEWEST as FEWEST_IMPORTANT
from budgetnas.runs.caps import FEWEST as FEWEST_NEAR
from budgetnas.samplers.history import starts
from budgetnas.samplers.surrogate import FEWEST as FEWEST_SCORES
from budgetnas.text import plural

_LEARNING = ("thompson", "evolution")  # samplers that start with spread networks
DEAR = 0.1  # of the cost of a full training
_SEEDS = 3  # to advise: two show large gains only (docs/evidence.md)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """A conclusion that a study is too small for.

    Attributes:
        name: of it, in two words.
        text: what is missing, and the key that changes it.
        numbers: of the text, by what they count.
    """

    name: str
    text: str
    numbers: Mapping[str, float]


def study_limits(prepared: PreparedStudy, networks: int = 0) -> list[Limit]:
    """Return what a study will leave open.

    Args:
        prepared: the study.
        networks: that a calibration has drawn.
    """
    if prepared.kind.promotes:
        return [*_few_trials(prepared), *_dear(prepared), *_few_trainings(prepared), *_no_verdict(prepared)]
    return list(_calibration_limits(prepared, networks))


def _dear(prepared: PreparedStudy) -> Iterator[Limit]:
    """Yield that the trainings that every network gets are too dear; a later rung's are few."""
    price, first = prepared.prices[0], prepared.rungs[0]
    if price <= DEAR:
        return
    shorter = int(first * DEAR / price)
    advice = f"`proxy.rungs=[{shorter}]` or " if shorter else ""
    percent = round(100 * price, 1)
    yield Limit(
        name="costly trials",
        text=f"a short training costs {percent:g} % of a full one, and a search pays best below {DEAR:.0%}: "
        f"{advice}`full.epochs={ceil(prepared.full_epochs * price / DEAR)}`",
        numbers={"percent": percent, "most": round(100 * DEAR)},
    )


def _few_trainings(prepared: PreparedStudy) -> Iterator[Limit]:
    """Yield what so few full trainings do not show."""
    config = prepared.config
    pairs = expected_networks(prepared, len(prepared.rungs) - 1)
    if pairs < FEWEST_PAIRS:
        few = f"{plural(pairs, 'network')} {'gets' if pairs == 1 else 'get'} full training"
        text = f"{few}, and {FEWEST_PAIRS} are needed to say how well short trainings rank"
        more = f"`search.trials={FEWEST_PAIRS}` or more, " if config.search.trials < FEWEST_PAIRS else ""
        yield Limit(
            name="no fidelity",
            text=f"{text}: {more}`evidence.control_promotions={FEWEST_PAIRS}`",
            numbers={"networks": pairs, "needed": FEWEST_PAIRS},
        )
    if config.full.repeats < FEWEST_REPEATS:
        text = "with one full training each, luck of the seed cannot be separated from skill"
        yield Limit(
            name="no spread",
            text=f"{text}: `full.repeats={_SEEDS}`",
            numbers={"seeds": config.full.repeats, "needed": FEWEST_REPEATS},
        )


def _no_verdict(prepared: PreparedStudy) -> Iterator[Limit]:
    """Yield why the winner will not be compared with anything, or not with an interval."""
    if not prepared.config.evidence.compares:
        text = "without controls nothing shows whether the search helped: `evidence.controls=true`"
        yield Limit(name="no verdict", text=text, numbers={"controls": 0})
    elif not (prepared.controls or prepared.config.evidence.random_control):
        text = "no control fits the caps: name others in `evidence.control_networks`"
        yield Limit(name="no verdict", text=text, numbers={"controls": 0})
    elif prepared.control_repeats < FEWEST_REPEATS:
        text = f"one seed of the winner and each control, and {FEWEST_REPEATS} are needed for an interval"
        yield Limit(
            name="no interval",
            text=f"{text}: `evidence.control_repeats={_SEEDS}`",
            numbers={"seeds": prepared.control_repeats, "needed": FEWEST_REPEATS},
        )


def _calibration_limits(prepared: PreparedStudy, networks: int) -> Iterator[Limit]:
    """Yield what a calibration of so many networks will not show."""
    if networks < FEWEST_PAIRS:
        is_all = networks < prepared.config.search.trials
        advice = (
            "the band has no more: raise the cap or widen the space"
            if is_all
            else f"`search.trials={FEWEST_PAIRS}` or more"
        )
        text = f"fidelity needs {FEWEST_PAIRS} networks; with {networks}, no interval and no recommendation"
        numbers = {"networks": networks, "needed": FEWEST_PAIRS}
        yield Limit(name="few networks", text=f"{text}: {advice}", numbers=numbers)
    if len(prepared.rungs) == 1:
        (only,), full = prepared.rungs, prepared.full_epochs
        others = f"{only},{2 * only}" if 2 * only <= full else f"{only // 2},{only}"
        advice = f": `proxy.rungs=[{others}]`" if full > 1 else ""
        text = f"nothing shows whether a shorter or a longer training would do{advice}"
        yield Limit(name="one length", text=text, numbers={"lengths": 1})


def _few_trials(prepared: PreparedStudy) -> Iterator[Limit]:
    """Yield what so few short trainings do not show; the band may have fewer networks than a search asks for."""
    search = prepared.config.search
    seeded = sum(map(prepared.budget.fits, prepared.seeds))
    trained = min(search.trials, seeded + sum(len(tier.band) for tier in prepared.tiers))
    proposed = max(0, trained - seeded)
    start = (
        max(starts(prepared.space, tier.band, prepared.rule.start) for tier in prepared.tiers)
        if search.sampler in _LEARNING
        else 0
    )
    reasons, numbers = [], {"trials": trained}
    for key, name, needed in (
        ("posterior_mean_needs", "posterior mean", FEWEST_SCORES),
        ("importance_needs", "estimate of which dimensions matter", FEWEST_IMPORTANT),
    ):
        if trained < needed:
            reasons.append(f"no {name} ({needed} are needed)")
            numbers[key] = needed
    if start and proposed <= start:
        reasons.append(f"{search.sampler} learns from scores only after its first {start} proposals")
        numbers |= {"proposals": proposed, "sampler_needs": start}
    if reasons:
        yield Limit(name="few trials", text=f"with {plural(trained, 'trial')}, {'; '.join(reasons)}", numbers=numbers)
    each = proposed // len(prepared.tiers)
    if len(prepared.tiers) > 1 and each < FEWEST_NEAR:
        text = f"about {plural(each, 'network')} for each cap, and {FEWEST_NEAR} near it are needed to trust its best"
        yield Limit(name="few a cap", text=text, numbers={"networks": each, "needed": FEWEST_NEAR})
