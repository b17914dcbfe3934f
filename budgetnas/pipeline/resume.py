"""What a study was begun with, held against what is asked for now; and what is left to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from budgetnas.exceptions import StudyMismatchError
from budgetnas.outcome.ended import ALL_DONE, RAN_OUT
from budgetnas.outcome.levels import CONTROLS, FULL, complete, counted, in_words, look_key, rung_name
from budgetnas.outcome.setup import CALIBRATION, SEARCH
from budgetnas.pipeline.controls import controls, wanted_controls
from budgetnas.pipeline.identity import hold_identity
from budgetnas.pipeline.ladder import Ladder
from budgetnas.pipeline.prepare import Prepared
from budgetnas.pipeline.promotions import KEPT, rise, wanted
from budgetnas.pipeline.stages import Wanted, key_of, missing
from budgetnas.promotion.select import finalists
from budgetnas.records.trial import TrialState
from budgetnas.storage.study import StudyStore


def hold(prepared: Prepared, fulls: StudyStore, *, names: Sequence[str], kind: str = SEARCH) -> Prepared:
    """Hold a study to what it was begun with; a new one is marked with it. Its bands come back with it.

    Args:
        prepared: what is asked for now.
        fulls: the study of the full trainings, which keeps the facts.
        names: of all studies in the storage.
        kind: of the study.

    Raises:
        StudyMismatchError: something that proposals or scores depend on has changed.
    """
    identity, facts = {"kind": kind, **prepared.identity()}, fulls.facts
    if kind == CALIBRATION:
        del identity["proxy.rungs"]  # lengths are studies of their own, and another one changes none of them
    if "identity" not in facts:
        if fulls.trials or any(name.startswith(f"{prepared.name}/r") for name in names):
            raise StudyMismatchError(
                f"`{prepared.name}` holds trials of another program, or of another version of this one: give another "
                "--name."
            )
        fulls.record("bands", [[tier.band.low, tier.band.high] for tier in prepared.tiers])
        fulls.record("identity", identity)
        return prepared
    hold_identity(fulls, identity, what=prepared.name, kept_in=prepared.study_path)
    bands = [prepared.index.band(low, high) for low, high in facts["bands"]]
    return replace(
        prepared,
        tiers=tuple(replace(tier, band=band) for tier, band in zip(prepared.tiers, bands, strict=True)),
    )


def work_left(prepared: Prepared, ladder: Ladder) -> dict[str, int]:
    """Return how many trainings each level still asks for, by its name: expected numbers where the level below is open.

    Levels are in their order; that of the controls is there only if they were asked for.
    """
    left = {ladder.rungs[0].name: _first_left(prepared, ladder)}
    is_open = left[ladder.rungs[0].name] > 0
    for rung, level in enumerate([*ladder.rungs[1:], ladder.full]):
        store = ladder.fulls if level.name == FULL else ladder.rung_stores[rung + 1]
        if is_open:
            left[level.name] = max(0, _expected(prepared, rung) - len(complete(store.trials)))
        else:
            left[level.name] = _listed_left(store, wanted(prepared, ladder, rung, rise(prepared, ladder, rung)))
        is_open = is_open or left[level.name] > 0
    if prepared.config.evidence.controls:
        ranked = finalists(ladder.fulls.trials)
        if is_open:
            made = complete(ladder.controls.trials) if ladder.controls else []
            left[CONTROLS] = max(0, _expected_controls(prepared) - len(made))
        else:
            left[CONTROLS] = _listed_left(ladder.controls, wanted_controls(prepared, ranked[0])) if ranked else 0
    return left


def is_done(prepared: Prepared, ladder: Ladder) -> bool:
    """Tell whether every training and every look that the study asks for is there."""
    if any(work_left(prepared, ladder).values()):
        return False
    looks = ladder.fulls.facts.get("looks", {})
    return all(look_key(run, level) in looks for level, store in ladder.tested for run in complete(store.trials))


def why_stopped(prepared: Prepared, ladder: Ladder) -> str:
    """Say why a search ended, from what it left."""
    if is_done(prepared, ladder):
        return RAN_OUT if ladder.first.facts.get("exhausted") else ALL_DONE
    open_levels = [name for name, number in work_left(prepared, ladder).items() if number]
    stores = {store.name.rpartition("/")[2]: store for store in ladder.stores[1:]}
    if open_levels and open_levels[0] in stores:
        trials = stores[open_levels[0]].trials
        done = {key_of(trial) for trial in complete(trials)}
        failed = {key_of(trial) for trial in trials if trial.state is TrialState.FAIL} - done
        if len(failed) == work_left(prepared, ladder)[open_levels[0]]:
            return f"some {in_words(open_levels[0])} failed; the same command tries them again"
    return f"the {prepared.config.engine.max_hours} hours of --max-hours were over; the same command with more goes on"


def _first_left(prepared: Prepared, ladder: Ladder) -> int:
    trials, search = ladder.first.trials, prepared.config.search
    unfinished = sum(not trial.state.is_finished for trial in trials)
    if ladder.first.facts.get("exhausted"):
        return unfinished
    return max(unfinished, search.trials - counted(trials, over_budget=search.over_budget))


def _listed_left(store: StudyStore | None, listed: Sequence[Wanted]) -> int:
    begun = sum(not trial.state.is_finished for trial in store.trials) if store else 0
    return begun + len(missing(store, listed))


def expected(prepared: Prepared) -> dict[str, int]:
    """Return how many trainings each level of a new study will make, if every one ends well."""
    names = [*map(rung_name, prepared.rungs), FULL]
    numbers = {names[0]: prepared.config.search.trials}
    numbers |= {name: _expected(prepared, rung) for rung, name in enumerate(names[1:])}
    if prepared.config.evidence.controls:
        numbers[CONTROLS] = _expected_controls(prepared)
    return numbers


def _expected(prepared: Prepared, rung: int) -> int:
    """Return how many trainings the level above a rung will make."""
    config, number = prepared.config, prepared.config.search.trials
    best, drawn = config.full.promote * len(prepared.tiers), config.evidence.control_promotions
    for _ in range(min(rung + 1, len(prepared.rungs) - 1)):
        number = min(config.search.trials, max(best, -(-number // KEPT)) + drawn)
    if rung < len(prepared.rungs) - 1:
        return number
    return config.full.repeats * min(number, best + drawn)


def _expected_controls(prepared: Prepared) -> int:
    return (1 + len(controls(prepared))) * prepared.control_repeats
