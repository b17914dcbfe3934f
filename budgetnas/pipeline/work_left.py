"""The check of a study's settings at a resume, the work that is left, and the reason why a search stopped."""

from __future__ import annotations

from collections.abc import Sequence

from budgetnas.exceptions import StudyMismatchError
from budgetnas.pipeline.controls import controls, wanted_controls
from budgetnas.pipeline.identity import hold_identity, identity_of, with_recorded
from budgetnas.pipeline.ladder import Ladder
from budgetnas.pipeline.prepare import PreparedStudy
from budgetnas.pipeline.promote import KEPT, promotion, wanted
from budgetnas.pipeline.stages import PlannedTraining, count_left, missing
from budgetnas.runs.settings import ALL_DONE, RAN_OUT, SEARCH
from budgetnas.storage.study import StudyStore
from budgetnas.trials.facts import RunFacts, required
from budgetnas.trials.selection import finalists, within
from budgetnas.trials.trial import CONTROLS, FULL, Looks, TrialState, complete, counted, in_words, key_of, rung_name


def hold(prepared: PreparedStudy, fulls: StudyStore, *, names: Sequence[str], kind: str = SEARCH) -> PreparedStudy:
    """Hold a study to what it was started with; a new one is marked with it. Its recipes and bands come back with it.

    Args:
        prepared: what is asked for now.
        fulls: the study of the full trainings, which keeps the facts.
        names: of all studies in the storage.
        kind: of the study.

    Raises:
        StudyMismatchError: something that proposals or scores depend on has changed.
    """
    facts = fulls.facts
    if facts.identity is None:
        if fulls.trials or any(name.startswith(f"{prepared.name}/r") for name in names):
            raise StudyMismatchError(
                f"`{prepared.name}` holds trials of another program, or of another version of this one: give another "
                "`output.name`."
            )
        fulls.record(RunFacts(bands=tuple((tier.band.low, tier.band.high) for tier in prepared.tiers)))
        fulls.record(RunFacts(identity=identity_of(prepared, kind)))
        return prepared
    prepared = with_recorded(prepared, facts)
    hold_identity(
        facts.identity,
        identity_of(prepared, kind),
        what=prepared.name,
        kept_in=prepared.study_path,
        has_rungs=kind == SEARCH,
    )
    return prepared.with_bands(required(facts.bands, "bands"))


def work_left(prepared: PreparedStudy, ladder: Ladder) -> dict[str, int]:
    """Return how many trainings each level still asks for, by its name: expected numbers where the level below is open.

    Levels are in their order; that of the controls is there only if they were asked for.
    """
    left = {ladder.rungs[0].name: _first_left(prepared, ladder)}
    for name, number in list(expected(prepared).items())[1:]:
        store = ladder.level(name).store
        if any(left.values()):
            left[name] = max(0, number - len(complete(store.trials)))
        else:
            left[name] = count_left(store, _listed(prepared, ladder, name))
    return left


def is_done(prepared: PreparedStudy, ladder: Ladder) -> bool:
    """Tell whether every training and every look that the study asks for is there."""
    if any(work_left(prepared, ladder).values()):
        return False
    looks = Looks(ladder.fulls.facts)
    return not any(looks.lacking(complete(level.store.trials), level.name) for level in ladder.tested)


def why_stopped(prepared: PreparedStudy, ladder: Ladder) -> str:
    """Say why a search ended, from what it left."""
    if is_done(prepared, ladder):
        return RAN_OUT if ladder.first.facts.exhausted else ALL_DONE
    level, number = next(((name, number) for name, number in work_left(prepared, ladder).items() if number), (None, 0))
    if level is not None and level != ladder.rungs[0].name:
        store = ladder.level(level).store
        failed = {key_of(trial) for trial in store.trials if trial.state is TrialState.FAIL}
        again = [one for one in missing(store, _listed(prepared, ladder, level)) if one.key in failed]
        if len(again) == number:
            return f"some {in_words(level)} failed; the same command tries them again"
    hours = prepared.config.engine.max_hours
    if hours is None:
        return f"{in_words(level) if level else 'looks at the test set'} are left; the same command goes on"
    return f"the {hours} hours of `engine.max_hours` were over; the same command with more goes on"


def _listed(prepared: PreparedStudy, ladder: Ladder, level: str) -> list[PlannedTraining]:
    """Return the trainings that a level above the first asks for, now that the one below it is done."""
    if level == CONTROLS:
        ranked = finalists(within(ladder.fulls.trials, prepared.budget))
        return wanted_controls(prepared, ranked[0]) if ranked else []
    rung = ladder.levels.index(ladder.level(level)) - 1
    return wanted(prepared, ladder, rung, promotion(prepared, ladder, rung))


def _first_left(prepared: PreparedStudy, ladder: Ladder) -> int:
    trials, search = ladder.first.trials, prepared.config.search
    unfinished = sum(not trial.state.is_finished for trial in trials)
    if ladder.first.facts.exhausted:
        return unfinished
    return max(unfinished, search.trials - counted(trials, over_budget=search.over_budget))


def expected(prepared: PreparedStudy) -> dict[str, int]:
    """Return how many trainings each level of a new study will make, if every one ends well."""
    names = [*map(rung_name, prepared.rungs), FULL]
    numbers = {names[0]: prepared.config.search.trials}
    numbers |= {name: expected_above(prepared, rung) for rung, name in enumerate(names[1:])}
    if prepared.config.evidence.controls:
        numbers[CONTROLS] = _expected_controls(prepared)
    return numbers


def expected_above(prepared: PreparedStudy, rung: int) -> int:
    """Return how many trainings the level above a rung will make."""
    config, number = prepared.config, prepared.config.search.trials
    best = config.full.promote * len(prepared.tiers)
    others = len(prepared.named) + config.evidence.control_promotions
    for _ in range(min(rung + 1, len(prepared.rungs) - 1)):
        number = min(config.search.trials, max(best, -(-number // KEPT)) + others)
    if rung < len(prepared.rungs) - 1:
        return number
    return config.full.repeats * min(number, best + others)


def _expected_controls(prepared: PreparedStudy) -> int:
    return (1 + len(controls(prepared))) * prepared.control_repeats
