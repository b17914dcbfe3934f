"""The limits of a study of this size, stated before it starts: what its result will not be able to show."""

from __future__ import annotations

from budgetnas.evidence.fidelity import FEWEST_PAIRS
from budgetnas.evidence.welch import FEWEST_REPEATS
from budgetnas.pipeline.controls import controls
from budgetnas.pipeline.prepare import Prepared
from budgetnas.pipeline.work_left import expected_above
from budgetnas.reports.importance import FEWEST as FEWEST_IMPORTANT
from budgetnas.runs.caps import FEWEST as FEWEST_NEAR
from budgetnas.samplers import evolution, thompson
from budgetnas.samplers.surrogate import FEWEST as FEWEST_SCORES
from budgetnas.text import plural

Lines = tuple[tuple[str, str], ...]
_START = {"thompson": thompson.START, "evolution": evolution.START}
_SEEDS = 3  # to advise: two show large gains only (docs/evidence.md)


def search_limits(prepared: Prepared) -> Lines:
    """Say what a search will leave open, as (name, value) lines with the option that changes it."""
    config, evidence = prepared.config, prepared.config.evidence
    lines = list(_few_trials(prepared))
    pairs = expected_above(prepared, len(prepared.rungs) - 1) // config.full.repeats
    if pairs < FEWEST_PAIRS:
        told = f"{plural(pairs, 'network')} get full training, and {FEWEST_PAIRS} are needed to say how short ones rank"
        more = f"--trials {FEWEST_PAIRS} or more, " if config.search.trials < FEWEST_PAIRS else ""
        lines.append(("no fidelity", f"{told}: {more}--set evidence.control_promotions={FEWEST_PAIRS}"))
    if config.full.repeats < FEWEST_REPEATS:
        lines.append(
            (
                "no spread",
                f"with one full training each, luck of the seed cannot be told from skill: --set full.repeats={_SEEDS}",
            )
        )
    if not evidence.controls:
        told = "without controls nothing says whether the search helped"
        lines.append(("no verdict", f"{told}: --set evidence.controls=true"))
    elif not controls(prepared):
        lines.append(("no verdict", "no control fits the caps: name others in evidence.control_networks"))
    elif prepared.control_repeats < FEWEST_REPEATS:
        told = f"one seed of the winner and each control, and {FEWEST_REPEATS} are needed for an interval"
        lines.append(("no interval", f"{told}: --set evidence.control_repeats={_SEEDS}"))
    return tuple(lines)


def calibration_limits(prepared: Prepared, networks: int) -> Lines:
    """Say what a calibration of so many networks will leave open, as (name, value) lines."""
    lines = []
    if networks < FEWEST_PAIRS:
        is_all = networks < prepared.config.search.trials
        advice = (
            "the band has no more: raise the cap or widen the space" if is_all else f"--networks {FEWEST_PAIRS} or more"
        )
        told = f"fidelity needs {FEWEST_PAIRS} networks; with {networks}, no interval and no recommendation"
        lines.append(("few networks", f"{told}: {advice}"))
    if len(prepared.rungs) == 1:
        (only,), full = prepared.rungs, prepared.full_epochs
        others = f"{only},{2 * only}" if 2 * only <= full else f"{only // 2},{only}"
        advice = f": --lengths {others}" if full > 1 else ""
        lines.append(("one length", f"nothing says whether a shorter or a longer one would do{advice}"))
    return tuple(lines)


def _few_trials(prepared: Prepared) -> Lines:
    """Say what so few short trainings do not show; the band may have fewer networks than a search asks for."""
    search = prepared.config.search
    seeded = sum(map(prepared.caps.fits, prepared.seeds))
    trained = min(search.trials, seeded + sum(len(tier.band) for tier in prepared.tiers))
    lines, proposed, start = [], max(0, trained - seeded), _START.get(search.sampler, 0)
    lacks = [("posterior mean", FEWEST_SCORES), ("estimate of which dimensions matter", FEWEST_IMPORTANT)]
    told = [f"no {name} ({number} are needed)" for name, number in lacks if trained < number]
    if start and proposed <= start:
        told.append(f"{search.sampler} learns from scores only after its first {start} proposals")
    if told:
        lines.append(("few trials", f"with {plural(trained, 'trial')}, {'; '.join(told)}"))
    if len(prepared.tiers) > 1 and proposed // len(prepared.tiers) < FEWEST_NEAR:
        each = plural(proposed // len(prepared.tiers), "network")
        lines.append(
            ("few a cap", f"about {each} for each cap, and {FEWEST_NEAR} near it are needed to trust its best")
        )
    return tuple(lines)
