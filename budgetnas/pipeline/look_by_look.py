"""The fresh seeds of the winner and its controls, look by look: whoever is told apart from the winner gets no more."""

from __future__ import annotations

from collections.abc import Sequence

from budgetnas.evidence.looks import level_per_look
from budgetnas.pipeline.driver import Driver
from budgetnas.pipeline.ladder import Ladder
from budgetnas.pipeline.level import PlannedTraining
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.pipeline.promote import planned_controls
from budgetnas.pipeline.trial_source import ListedTrials
from budgetnas.runs.sequence import looks_of, standing
from budgetnas.trials.facts import LookRule, RunFacts
from budgetnas.trials.selection import Finalist
from budgetnas.trials.trial import Candidate, Looks, complete


def look_rule(prepared: PreparedStudy) -> LookRule | None:
    """Return the rule of the sequential looks that a study asks for; None where it asks for none."""
    looks = prepared.config.evidence.looks
    return None if looks is None else LookRule(seeds=looks, level=level_per_look(looks))


def next_trainings(
    prepared: PreparedStudy, ladder: Ladder, winner: Finalist, rival: Candidate | None, *, at_most: bool = False
) -> list[PlannedTraining]:
    """Return the trainings of the winner and its controls, finished ones too.

    Args:
        prepared: the study.
        ladder: its levels, with controls.
        winner: of the search.
        rival: the best random network, if it is asked for and known.
        at_most: whether to list those of all looks that may follow; only of the next one otherwise.
    """
    planned = planned_controls(prepared, winner, rival)
    if prepared.config.evidence.looks is None:
        return planned
    rivals = [*prepared.controls, *([rival] if rival else [])]
    seeds = _seeds(prepared, ladder, winner, rivals, at_most=at_most)
    return [one for one in planned if one.repeat < seeds[one.candidate.spec.id]]


def _seeds(
    prepared: PreparedStudy, ladder: Ladder, winner: Finalist, rivals: Sequence[Candidate], *, at_most: bool
) -> dict[str, int]:
    """Return how many seeds each network needs, by its id; the winner as many as any control."""
    assert ladder.controls is not None
    rule, own = look_rule(prepared), winner.candidate.spec.id
    assert rule is not None
    looks = looks_of(ladder.controls.store.trials, Looks(ladder.fulls.facts))
    needed: dict[str, int] = {}
    for rival in {net.spec.id for net in rivals} - {own}:
        now = standing(looks.get(own, {}), looks.get(rival, {}), rule)
        if now is not None and now.is_over:
            needed[rival] = now.seeds
        else:
            needed[rival] = rule.seeds[-1] if at_most else rule.seeds[now.look if now else 0]
    return {**needed, own: max(needed.values(), default=rule.seeds[0])}


def train_controls(
    prepared: PreparedStudy, ladder: Ladder, winner: Finalist, driver: Driver, rival: Candidate | None = None
) -> None:
    """Train the winner and its controls with fresh seeds, and test them after each look, as far as the hours allow.

    `rival` is the best random network, if it is asked for and known.
    """
    level, rule, refit = ladder.controls, look_rule(prepared), prepared.config.evidence.refit
    assert level is not None
    if bool(ladder.fulls.facts.refit) != refit:
        ladder.fulls.record(RunFacts(refit=refit))
    if rule is None:
        driver.train(ListedTrials(level, next_trainings(prepared, ladder, winner, rival)))
        return
    if ladder.fulls.facts.look_rule is None:
        ladder.fulls.record(RunFacts(look_rule=rule))
    before: list[PlannedTraining] = []
    while (asked := next_trainings(prepared, ladder, winner, rival)) != before:
        driver.train(ListedTrials(level, asked))
        if level.count_left(asked):
            return  # out of time, or one failed
        driver.test(level, complete(level.store.trials))
        before = asked
