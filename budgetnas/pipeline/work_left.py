"""The work that a search has left, the work that a new study will have, and the reason why a search stopped."""

from __future__ import annotations

from operator import mul

from budgetnas.pipeline.early import stops_hopeless
from budgetnas.pipeline.ladder import Ladder
from budgetnas.pipeline.level import PlannedTraining
from budgetnas.pipeline.look_by_look import next_trainings
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.pipeline.promote import KEPT, finalists_of, finals, planned, planned_finals, promotion, ranking
from budgetnas.pipeline.random_arm import best_random, planned_arm, random_arm
from budgetnas.runs.settings import ALL_DONE, HOPELESS, RAN_OUT
from budgetnas.trials.trial import (
    CONTROLS,
    FULL,
    RANDOM,
    Candidate,
    Looks,
    TrialState,
    complete,
    counted,
    in_words,
    key_of,
    rung_name,
)


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
            left[name] = level.count_left(_planned(prepared, ladder, name)) + _seeds_to_come(prepared, ladder, name)
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
        if stops_hopeless(prepared, ladder):
            return HOPELESS
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
        ranked = ranking(prepared, ladder)
        if not ranked:
            return []
        return next_trainings(prepared, ladder, ranked[0], rival(prepared, ladder), at_most=at_most)
    if level == RANDOM:
        return planned_arm(prepared, random_arm(prepared, ladder)) if complete(ladder.fulls.trials) else []
    rung = ladder.levels.index(ladder.level(level)) - 1
    listed = planned(prepared, ladder, rung, promotion(prepared, ladder, rung))
    if level == FULL and prepared.config.full.is_halving:
        listed += planned_finals(prepared, ladder, finals(prepared, ladder))
    return listed


def rival(prepared: PreparedStudy, ladder: Ladder) -> Candidate | None:
    """Return the best random network at equal cost; None without this control, or before it is known."""
    if ladder.random is None or not complete(ladder.fulls.trials):
        return None
    return best_random(prepared, ladder, random_arm(prepared, ladder))


def _seeds_to_come(prepared: PreparedStudy, ladder: Ladder, level: str) -> int:
    """Return how many further seeds finalists will get that are not known yet, while networks await their first."""
    if level != FULL or not prepared.config.full.is_halving:
        return 0
    once, done = planned(prepared, ladder, ladder.last, promotion(prepared, ladder, ladder.last)), ladder.fulls.trials
    if {one.key for one in once} <= {key_of(trial) for trial in complete(done)}:
        return 0
    unknown = sum(finalists_of(prepared, ladder)) - len(finals(prepared, ladder).best)
    return max(0, unknown) * (prepared.config.full.repeats - 1)


def _first_left(prepared: PreparedStudy, ladder: Ladder) -> int:
    trials, search = ladder.first.trials, prepared.config.search
    unfinished = sum(not trial.state.is_finished for trial in trials)
    if ladder.first.facts.exhausted or stops_hopeless(prepared, ladder):
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
    evidence = prepared.config.evidence
    if evidence.random_control:
        numbers[RANDOM] = max(1, round(sum(map(mul, numbers.values(), (*prepared.prices, 1)))))
    if evidence.compares:
        nets = 1 + len(prepared.controls) + evidence.random_control
        numbers[CONTROLS] = nets * prepared.control_repeats
    return numbers


def expected_networks(prepared: PreparedStudy, rung: int) -> int:
    """Return how many networks the level above a rung will train."""
    config, number = prepared.config, prepared.config.search.trials
    best = prepared.finals().networks * len(prepared.tiers)
    others = len(prepared.named) + config.evidence.control_promotions
    for _ in range(min(rung + 1, len(prepared.rungs) - 1)):
        number = min(config.search.trials, max(best, -(-number // KEPT)) + others)
    return number if rung < len(prepared.rungs) - 1 else min(number, best + others)


def expected_above(prepared: PreparedStudy, rung: int) -> int:
    """Return how many trainings the level above a rung will make."""
    networks, full = expected_networks(prepared, rung), prepared.config.full
    if rung < len(prepared.rungs) - 1:
        return networks
    if not full.is_halving:
        return networks * full.repeats
    tiers = len(prepared.tiers)
    finalists = prepared.finals(networks // tiers).finalists * tiers + len(prepared.named)
    return networks + min(networks, finalists) * (full.repeats - 1)
