"""The trainings that each level of a search asks for: the promoted of the rung below, the winner and its controls.

Validation alone decides, before the test set is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from budgetnas.arrays import Stream, generator
from budgetnas.budget import Budget, cap_number
from budgetnas.exceptions import BudgetNASError
from budgetnas.pipeline.early import early, early_scores
from budgetnas.pipeline.ladder import Ladder
from budgetnas.pipeline.level import PlannedTraining
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.runs.trusted import expected_scores, ranked_finalists, spread, trusted_scores
from budgetnas.runs.verdict import recorded_controls
from budgetnas.storage.study import StudyStore
from budgetnas.trials.facts import Choice, Control, Promotion, RunFacts
from budgetnas.trials.selection import Finalist, finalists, promote, within
from budgetnas.trials.trial import BEST_RANDOM, FULL, WINNER, Candidate, Trial, TrialState, complete


def ranking(prepared: PreparedStudy, ladder: Ladder) -> list[Finalist]:
    """Return the fully trained networks that fit, the winner first."""
    rungs, fulls = [level.store.trials for level in ladder.rungs], (ladder.fulls.trials, ladder.fulls.facts)
    return ranked_finalists(prepared.config, prepared.space, prepared.rule, prepared.budget, rungs, fulls)


def choose(
    fulls: StudyStore, budgets: Sequence[Budget], *, ranked: Sequence[Finalist] | None = None
) -> Finalist | None:
    """Record the winner, and that of each smaller tier; return it, None before a fitting network is fully trained.

    Args:
        fulls: the study of the full trainings.
        budgets: of each tier, ascending.
        ranked: the fully trained networks that fit the last of these, the winner first; by mean score unless given.

    Raises:
        BudgetNASError: full trainings were made and every one of them failed.
    """
    ranked = finalists(within(fulls.trials, budgets[-1])) if ranked is None else ranked
    failed = [trial for trial in fulls.trials if trial.state is TrialState.FAIL]
    if failed and not complete(fulls.trials):
        raise BudgetNASError(
            f"all {len(failed)} full trainings failed (the last: {failed[-1].facts.reason}): fix the cause, "
            "then run the same command to retry them."
        )
    if not ranked:
        return None
    fitting = {tier: [one for one in ranked if tier.fits(one.candidate)] for tier in budgets}
    tiers = {str(tier.max_params): found[0].candidate.spec.id for tier, found in fitting.items() if found}
    choice = Choice(
        winner=ranked[0].parent,
        spec=ranked[0].candidate.spec.id,
        score=ranked[0].score,
        repeats=len(ranked[0].runs),
        among=len(ranked),
        tiers=tiers if len(budgets) > 1 else None,
        trainings=None if ranked[0].trusted is None else sum(len(one.runs) for one in ranked),
    )
    choices = fulls.facts.choices or ()
    if choice not in choices:
        fulls.record(RunFacts(choices=(*choices, choice)))
    return ranked[0]


FINALS = "finals"  # in place of a level: those of the fully trained that get all seeds
KEPT = 3  # one in so many is promoted from rung to rung


def promotion(prepared: PreparedStudy, ladder: Ladder, rung: int) -> Promotion:
    """Return the trials to promote from a rung; a decision for the same trials stays."""
    decided = (ladder.fulls.facts.promotions or {}).get(_decision(prepared, ladder, rung))
    if decided is not None:
        return decided
    rungs = [complete(level.store.trials) for level in ladder.rungs[: rung + 1]]
    found, trusted = rungs[-1], trusted_scores(prepared.space, prepared.rule, *rungs)
    already = early(ladder) if prepared.is_by_gain else []  # a rung that was added since tells more
    if already:
        trusted = expected_scores(prepared.space, prepared.rule, rungs[0], early_scores(ladder))
    best, named = list[Trial](), {model.spec for model in prepared.named}
    fitting = within(found, prepared.budget)
    for low, high in _tiers(prepared):
        inside = [trial for trial in fitting if low < trial.candidate.params <= high]
        number = prepared.finals().networks
        if rung < ladder.last:
            number = max(number, -(-len(inside) // KEPT))
        ranked = promote(inside, [trusted[trial.root] for trial in inside], len(inside))
        others = [trial for trial in ranked if trial.root not in already]
        number -= len(ranked) - len(others)
        chosen = {trial.root for trial in others[: max(0, number)]} | set(already)
        best += [trial for trial in ranked if trial.root in chosen]
    have = {trial.root for trial in found}
    return Promotion(
        to=ladder.levels[rung + 1].name,
        best=tuple(trial.root for trial in best),
        named=tuple(trial.root for trial in found if trial.candidate.spec in named),
        random=tuple(number for number in _random(prepared, ladder) if number in have),
    )


def decide(prepared: PreparedStudy, ladder: Ladder, rung: int) -> Promotion:
    """Return the trials to promote from a rung, and record them."""
    chosen, key = promotion(prepared, ladder, rung), _decision(prepared, ladder, rung)
    if key in (ladder.fulls.facts.promotions or {}):
        return chosen
    rungs = [level.store.trials for level in ladder.rungs[: rung + 1]]
    chosen = replace(chosen, spread=spread(prepared.space, prepared.rule, chosen.best, *rungs))
    _record(ladder, key, chosen)
    return chosen


def _record(ladder: Ladder, key: str, chosen: Promotion) -> None:
    decided = ladder.fulls.facts.promotions or {}
    if chosen.numbers and key not in decided:
        ladder.fulls.record(RunFacts(promotions={**decided, key: chosen}))


def finals(prepared: PreparedStudy, ladder: Ladder) -> Promotion:
    """Return the fully trained networks that get all seeds; a decision for the same networks stays."""
    decided = (ladder.fulls.facts.promotions or {}).get(_finals_decision(prepared, ladder))
    if decided is not None:
        return decided
    fits = within(ladder.fulls.trials, prepared.budget)
    trusted = trusted_scores(prepared.space, prepared.rule, *(level.store.trials for level in ladder.rungs), fits)
    nets = list({trial.root: trial for trial in reversed(fits)}.values())
    best, named = list[Trial](), {model.spec for model in prepared.named}
    for (low, high), number in zip(_tiers(prepared), finalists_of(prepared, ladder), strict=True):
        inside = [trial for trial in nets if low < trial.candidate.params <= high]
        best += promote(inside, [trusted[trial.root] for trial in inside], number)
    return Promotion(
        to=FINALS,
        best=tuple(trial.root for trial in best),
        named=tuple(sorted(trial.root for trial in nets if trial.candidate.spec in named)),
        random=(),
    )


def finalists_of(prepared: PreparedStudy, ladder: Ladder) -> list[int]:
    """Return how many of the networks that are promoted from the last rung get all seeds, by tier."""
    params = [ladder.first.trials[number].candidate.params for number in promotion(prepared, ladder, ladder.last).best]
    available = [sum(low < one <= high for one in params) for low, high in _tiers(prepared)]
    return [prepared.finals(number).finalists for number in available]


def decide_finals(prepared: PreparedStudy, ladder: Ladder) -> Promotion:
    """Return the fully trained networks that get all seeds, and record them."""
    chosen, key = finals(prepared, ladder), _finals_decision(prepared, ladder)
    _record(ladder, key, chosen)
    return chosen


def planned_finals(prepared: PreparedStudy, ladder: Ladder, chosen: Promotion) -> list[PlannedTraining]:
    """Return the full trainings of those that get all seeds, one repeat of all after the other."""
    return _planned(ladder, ladder.last, chosen.numbers, prepared.config.full.repeats)


def planned(prepared: PreparedStudy, ladder: Ladder, rung: int, chosen: Promotion) -> list[PlannedTraining]:
    """Return the trainings of the level above a rung, one repeat of all after the other.

    Where only the best of the fully trained get all seeds, that is one training of each.
    """
    full = prepared.config.full
    repeats = full.repeats if rung == ladder.last and not full.is_halving else 1
    numbers = list(chosen.numbers)
    if rung == ladder.last:  # who was fully trained before competes with as many seeds as the others
        numbers += sorted({trial.root for trial in within(ladder.fulls.trials, prepared.budget)} - set(numbers))
    return _planned(ladder, rung, numbers, repeats)


def _planned(ladder: Ladder, rung: int, numbers: Sequence[int], repeats: int) -> list[PlannedTraining]:
    return [
        PlannedTraining(
            candidate=ladder.first.trials[number].candidate,
            repeat=repeat,
            parent=number,
            lineage=_lineage(ladder, rung, number),
        )
        for repeat in range(repeats)
        for number in numbers
    ]


def _lineage(ladder: Ladder, rung: int, number: int) -> tuple[str, ...]:
    """Name the trials that a network was promoted through: `r8/5`, `r24/3`."""
    found = []
    for level in ladder.rungs[: rung + 1]:
        here = [trial for trial in complete(level.store.trials) if trial.root == number]
        found += [f"{level.name}/{trial.number}" for trial in here]
    return tuple(found)


def _tiers(prepared: PreparedStudy) -> list[tuple[int, int]]:
    """Return the params of each tier's own networks, above the first number and up to the second."""
    caps = [cap_number(budget.max_params) for budget in prepared.budgets]
    return list(zip([0, *caps[:-1]], caps, strict=True))


def _random(prepared: PreparedStudy, ladder: Ladder) -> list[int]:
    """Draw among all fitting networks of the first rung, each once."""
    fitting = within(ladder.first.trials, prepared.budget)
    found = list({trial.candidate.spec.id: trial.number for trial in reversed(fitting)}.values())
    seed, number = prepared.config.search.seed, prepared.config.evidence.control_promotions
    lots = {one: generator(seed, one, Stream.PROMOTION).random() for one in found}  # fixed, so more trials change few
    return sorted(found, key=lots.__getitem__)[:number]


def _decision(prepared: PreparedStudy, ladder: Ladder, rung: int) -> str:
    promoted, drawn = prepared.finals().networks, prepared.config.evidence.control_promotions
    trained = " and ".join(f"{len(complete(level.store.trials))} of {level.name}" for level in ladder.rungs[: rung + 1])
    above = "" if rung == ladder.last else f" to {ladder.rungs[rung + 1].name}"
    return f"{trained}{above}, {promoted} promoted, {drawn} at random"


def _finals_decision(prepared: PreparedStudy, ladder: Ladder) -> str:
    trained = len({trial.root for trial in within(ladder.fulls.trials, prepared.budget)})
    full = prepared.config.full
    return f"{trained} of {FULL} to {FINALS}, {full.promote} promoted with {full.repeats} seeds"


def planned_controls(
    prepared: PreparedStudy, winner: Finalist, rival: Candidate | None = None
) -> list[PlannedTraining]:
    """Return the trainings of the winner and of all controls with fresh seeds, one repeat of all after the other.

    Args:
        prepared: the study.
        winner: of the search.
        rival: the best random network, if it is asked for and known.
    """
    nets = [replace(winner.candidate, origin=WINNER), *prepared.controls, *([rival] if rival else [])]
    return [PlannedTraining(candidate=net, repeat=i) for i in range(prepared.control_repeats) for net in nets]


def record_controls(
    prepared: PreparedStudy, fulls: StudyStore, trained: Sequence[Trial], rival: Candidate | None = None
) -> None:
    """Record the controls; two of them, or one and the winner, may be the same network.

    An earlier control with a COMPLETE training stays, so that a change of controls cannot remove one from the verdict.

    Args:
        prepared: the study.
        fulls: the study of the full trainings.
        trained: trainings of the controls.
        rival: the best random network, if it is asked for and known.
    """
    nets = [*prepared.controls, *([rival] if rival else [])]
    found = [Control(name=net.origin, spec=net.spec.id, params=net.params, macs=net.macs) for net in nets]
    before, have = recorded_controls(fulls.facts), {trial.candidate.spec.id for trial in complete(trained)}
    if rival:  # another one was the best of fewer
        before = [
            replace(net, name=f"{net.name} before") if net.name == BEST_RANDOM and net.spec != rival.spec.id else net
            for net in before
        ]
    found += [net for net in before if net not in found and net.spec in have]
    if recorded_controls(fulls.facts) != found:
        fulls.record(RunFacts(controls=tuple(found)))
