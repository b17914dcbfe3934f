"""The work that a search has left, the work that a new study will have, and the reason why a search stopped."""

from __future__ import annotations

from budgetnas.pipeline.ladder import Ladder
from budgetnas.pipeline.level import PlannedTraining
from budgetnas.pipeline.look_by_look import next_trainings
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.pipeline.promote import KEPT, planned, promotion
from budgetnas.runs.settings import ALL_DONE, RAN_OUT
from budgetnas.trials.selection import finalists, within
from budgetnas.trials.trial import CONTROLS, FULL, Looks, TrialState, complete, counted, in_words, rung_name


def work_left(prepared: PreparedStudy, ladder: Ladder) -> dict[str, int]:
    """Return the number of trainings that each level has left, by its name; expected ones above an unfinished level.

    Levels are in their order; that of the controls is there only if they were asked for.
    """
    left = {ladder.rungs[0].name: _first_left(prepared, ladder)}
    for name, number in list(expected(prepared).items())[1:]:
        level = ladder.level(name)
        if any(left.values()):
            left[name] = max(0, number - len(complete(level.store.trials)))
        else:
            left[name] = level.count_left(_planned(prepared, ladder, name))
    return left


def is_done(prepared: PreparedStudy, ladder: Ladder) -> bool:
    """Return whether every training and every look of the study is finished."""
    if any(work_left(prepared, ladder).values()):
        return False
    looks = Looks(ladder.fulls.facts)
    return not any(looks.untested(complete(level.store.trials), level.name) for level in ladder.tested)


def why_stopped(prepared: PreparedStudy, ladder: Ladder) -> str:
    """Say why a search ended, from the work that is left."""
    if is_done(prepared, ladder):
        return RAN_OUT if ladder.first.facts.exhausted else ALL_DONE
    name = next((name for name, number in work_left(prepared, ladder).items() if number), None)
    if name is not None and name != ladder.rungs[0].name:
        level = ladder.level(name)
        failed = {level.key(trial) for trial in level.store.trials if trial.state is TrialState.FAIL}
        asked = _planned(prepared, ladder, name, at_most=False)
        again = [one for one in level.missing(asked) if one.key in failed]
        if again and len(again) == level.count_left(asked):
            return f"some {in_words(name)} failed; run the same command to retry them"
    hours = prepared.config.engine.max_hours
    if hours is None:
        return f"{in_words(name) if name else 'looks at the test set'} are left; run the same command to resume"
    return f"the {hours} hours of `engine.max_hours` were over; raise it and run the same command to resume"


def _planned(prepared: PreparedStudy, ladder: Ladder, level: str, *, at_most: bool = True) -> list[PlannedTraining]:
    """Return the trainings of a level above the first, once the level below is finished; of all looks, or the next."""
    if level == CONTROLS:
        ranked = finalists(within(ladder.fulls.trials, prepared.budget))
        return next_trainings(prepared, ladder, ranked[0], at_most=at_most) if ranked else []
    rung = ladder.levels.index(ladder.level(level)) - 1
    return planned(prepared, ladder, rung, promotion(prepared, ladder, rung))


def _first_left(prepared: PreparedStudy, ladder: Ladder) -> int:
    trials, search = ladder.first.trials, prepared.config.search
    unfinished = sum(not trial.state.is_finished for trial in trials)
    if ladder.first.facts.exhausted:
        return unfinished
    return max(unfinished, search.trials - counted(trials, over_budget=search.over_budget))


def expected(prepared: PreparedStudy, trials: int | None = None) -> dict[str, int]:
    """Return how many trainings each level of a new study will make, if every one ends well.

    Args:
        prepared: the study.
        trials: of the first level; those that the study asks for unless given.
    """
    names = [*map(rung_name, prepared.rungs), FULL]
    trials = trials or prepared.config.search.trials
    if not prepared.kind.promotes:
        return {**dict.fromkeys(names, trials), FULL: trials * prepared.config.full.repeats}
    numbers = {names[0]: trials}
    numbers |= {name: expected_above(prepared, rung) for rung, name in enumerate(names[1:])}
    if prepared.config.evidence.controls:
        numbers[CONTROLS] = (1 + len(prepared.controls)) * prepared.control_repeats
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
