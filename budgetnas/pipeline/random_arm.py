"""The control at equal cost: random networks, fully trained until they cost as much as the whole search.

Networks of the search's random start that it has fully trained count for both arms, and are not trained again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from budgetnas.arch.spec import ResNetSpec
from budgetnas.arrays import IntArray, Stream, derived_seed
from budgetnas.pipeline.ladder import Ladder
from budgetnas.pipeline.level import PlannedTraining
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.samplers.history import History, starts
from budgetnas.samplers.samplers import make_sampler
from budgetnas.trials.counted_cost import total_cost, training_cost
from budgetnas.trials.facts import RandomArm, RunFacts
from budgetnas.trials.record import required
from budgetnas.trials.selection import promote
from budgetnas.trials.trial import BEST_RANDOM, Candidate, Trial, complete


def random_arm(prepared: PreparedStudy, ladder: Ladder) -> RandomArm:
    """Return the random networks that cost as much as the search; a decision for the same cost stays.

    A network that exceeds the cost is the last, and only there if the sum is nearer with it; the first is always there.
    At least one full training of the search is COMPLETE.
    """
    trials, before = ladder.searched, ladder.fulls.facts.random_arms or ()
    cost = total_cost(trials)
    if before and before[-1].search_cost == cost:
        return before[-1]
    shared = _shared(prepared, ladder)
    images = max(required(trial.facts.images, "images") for trial in complete(ladder.fulls.trials))
    total, drawn = total_cost(shared), list[str]()
    known = {trial.candidate.spec.id for trial in shared}
    for net in _draws(prepared):
        if net.spec.id in known:
            continue
        after = total + training_cost(net, images)
        is_nearer = after - cost < cost - total
        if after <= cost or is_nearer or not (drawn or shared):
            total, drawn = after, [*drawn, net.spec.id]
        if after >= cost:
            break
    return RandomArm(
        search_cost=cost,
        cost=total,
        shared=tuple(trial.candidate.spec.id for trial in shared),
        drawn=tuple(drawn),
    )


def decide_arm(prepared: PreparedStudy, ladder: Ladder) -> RandomArm:
    """Return the random networks that cost as much as the search, and record them before the first is trained."""
    arm, before = random_arm(prepared, ladder), ladder.fulls.facts.random_arms or ()
    if arm not in before[-1:]:
        ladder.fulls.record(RunFacts(random_arms=(*before, arm)))
    return arm


def planned_arm(prepared: PreparedStudy, arm: RandomArm) -> list[PlannedTraining]:
    """Return the full trainings of the networks that were drawn, one each."""
    specs = [required(ResNetSpec.from_id(name), f"random_arms.drawn: {name}") for name in arm.drawn]
    return [PlannedTraining(candidate=prepared.candidate(spec, "random"), repeat=0) for spec in specs]


def best_random(prepared: PreparedStudy, ladder: Ladder, arm: RandomArm) -> Candidate | None:
    """Return the best of the random networks, chosen as the winner of the search is; None before all have ended.

    It has the highest posterior mean of its full scores where the winner has, else the highest score.
    """
    assert ladder.random is not None
    ended = [trial for trial in ladder.random.store.trials if trial.candidate.spec.id in arm.drawn]
    if {trial.candidate.spec.id for trial in ended if trial.state.is_finished} < set(arm.drawn):
        return None
    shared = [trial for trial in _shared(prepared, ladder) if trial.candidate.spec.id in arm.shared]
    trials = [*shared, *complete(ended)]
    scores = np.array([trial.score for trial in trials], dtype=np.float64)
    if prepared.config.full.is_halving:
        points = np.array([prepared.space.encode(trial.candidate.spec) for trial in trials], dtype=np.int64)
        scores = prepared.rule.recommend(prepared.space, points, scores)
    best = promote(trials, scores.tolist(), 1)
    return replace(best[0].candidate, origin=BEST_RANDOM) if best else None


def _shared(prepared: PreparedStudy, ladder: Ladder) -> list[Trial]:
    """Return the first full training of each network of the search's random start that fits the largest cap's band."""
    band = prepared.tiers[-1].band
    proposed = [trial for trial in ladder.first.trials if not trial.facts.seeded][
        : starts(prepared.space, band, prepared.rule.start)
    ]
    numbers = {
        trial.number
        for trial in proposed
        if getattr(trial.candidate, band.cost) >= band.low and prepared.budget.fits(trial.candidate)
    }
    fulls = sorted(complete(ladder.fulls.trials), key=lambda trial: (trial.root, trial.repeat))
    found: dict[str, Trial] = {}
    for trial in fulls:
        if trial.root in numbers:
            found.setdefault(trial.candidate.spec.id, trial)
    return list(found.values())


def _draws(prepared: PreparedStudy) -> Iterator[Candidate]:
    """Yield distinct networks of the largest cap's band, as the random sampler draws them, by a seed of their own."""
    space, band = prepared.space, prepared.tiers[-1].band
    seed = derived_seed(prepared.config.search.seed, 0, Stream.RANDOM_ARM)
    sampler, points = make_sampler("random", space, band, seed=seed), list[IntArray]()
    while True:
        number = len(points)
        view = History(
            number=number,
            points=np.array(points, dtype=np.int64).reshape(number, -1 if number else 0),
            scores=np.full(number, np.nan),
            pruned=np.zeros(number, dtype=bool),
        )
        point = sampler.propose(view)
        if point is None:
            return
        points.append(point)
        yield prepared.candidate(space.decode(point), "random")
