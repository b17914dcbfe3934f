"""The scores that a search trusts: posterior means, which discount luck; and the finalists that they rank."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from statistics import mean

import numpy as np

from budgetnas.arrays import FloatArray, IntArray
from budgetnas.budget import Budget
from budgetnas.config.study import StudyConfig
from budgetnas.runs.settings import Setup
from budgetnas.samplers.rules import Rule, rule_of
from budgetnas.samplers.surrogate import FEWEST
from budgetnas.space.resnet import ResNetSpace
from budgetnas.storage.record import Study
from budgetnas.trials.facts import Promotion
from budgetnas.trials.selection import Finalist, finalists, within
from budgetnas.trials.trial import Trial, complete


def rule_of_setup(setup: Setup) -> Rule:
    """Return how a search learned from scores, from its record."""
    return rule_of(setup.study.search, [(tier.high, tier.usual_macs or 0.0) for tier in setup.tiers])


def trusted_scores(space: ResNetSpace, rule: Rule, first: Sequence[Trial], *above: Sequence[Trial]) -> dict[int, float]:
    """Return the posterior mean of each network with a COMPLETE trial at the highest level given.

    Args:
        space: of the search.
        rule: how it learns from scores.
        first: trials of the first rung.
        above: trials of each higher rung, from the lowest to the highest, and of the full trainings if wanted.

    Returns:
        Means by number of the first-rung trial.
    """
    trained, levels = complete(first), [_scores(level) for level in (first, *above)]
    points, columns = _table(space, trained, levels)
    seeds = np.array([len(levels[-1].get(trial.number, [np.nan])) for trial in trained], dtype=np.float64)
    means = rule.recommend(space, points, *columns, seeds=seeds if above else None)
    return {
        trial.number: float(value) for trial, value in zip(trained, means, strict=True) if trial.number in levels[-1]
    }


def spread(
    space: ResNetSpace, rule: Rule, numbers: Collection[int], first: Sequence[Trial], *above: Sequence[Trial]
) -> float | None:
    """Return how much networks differ at the highest level given, in units of the luck of one training there.

    Args:
        space: of the search.
        rule: how it learns from scores.
        numbers: of these networks, by first-rung trial.
        first: trials of the first rung.
        above: trials of each higher rung.

    Returns:
        None for fewer than two of them, where there are too few trainings, and in older runs.
    """
    trained, levels = complete(first), [_scores(level) for level in (first, *above)]
    if rule.model != "joint" or len(levels[-1]) < FEWEST or len(numbers) < 2:
        return None
    points, columns = _table(space, trained, levels)
    among = np.flatnonzero([trial.number in numbers for trial in trained])
    return rule.spread(space, points, *columns, among=among)


def cannot_be_told_apart(promoted: Promotion) -> str:
    """Say that promoted networks cannot be told apart by the trainings below; "" where they can, or nobody knows."""
    if promoted.spread is None or promoted.spread >= 1:
        return ""
    return (
        f"the {len(promoted.best)} networks that were promoted for their scores cannot be told apart by their short "
        f"trainings: their posterior means spread {promoted.spread:.2f} times as much as the luck of one. More seeds "
        "(`full.repeats`) tell more about them than more networks."
    )


def _table(
    space: ResNetSpace, trained: Sequence[Trial], levels: Sequence[Mapping[int, Sequence[float]]]
) -> tuple[IntArray, list[FloatArray]]:
    """Return the points of networks, and their mean score at each level; NaN where there is none."""
    points = np.array([space.encode(trial.candidate.spec) for trial in trained], dtype=np.int64)
    return points, [
        np.array([mean(level.get(trial.number, [np.nan])) for trial in trained], dtype=np.float64) for level in levels
    ]


def expected_scores(
    space: ResNetSpace, rule: Rule, first: Sequence[Trial], full: Mapping[int, float]
) -> dict[int, float]:
    """Return the posterior mean of every network after full training, in standard scores.

    Args:
        space: of the search.
        rule: how it learns from scores: "joint".
        first: COMPLETE trials of the first rung, six or more.
        full: scores of full trainings by their numbers.
    """
    points, columns = _table(space, first, [_scores(first), {number: [score] for number, score in full.items()}])
    means = rule.expected(space, points, *columns)
    return {trial.number: float(value) for trial, value in zip(first, means, strict=True)}


def _scores(trials: Sequence[Trial]) -> dict[int, list[float]]:
    """Return the scores of all COMPLETE trials of a level, by number of the first-rung trial."""
    found: dict[int, list[float]] = {}
    for trial in complete(trials):
        found.setdefault(trial.root, []).append(trial.score or 0.0)
    return found


def ranked_finalists(
    study: StudyConfig,
    space: ResNetSpace,
    rule: Rule,
    budget: Budget,
    rungs: Sequence[Sequence[Trial]],
    fulls: Study,
) -> list[Finalist]:
    """Return the fully trained networks of a search that fit a budget, the winner first.

    Args:
        study: of the search.
        space: of the search.
        rule: how it learns from scores.
        budget: that the winner fits.
        rungs: trials of each rung, from the first.
        fulls: trials and facts of the full trainings. A choice by the posterior mean of all of these stays.
    """
    trials, facts = fulls
    fits = within(trials, budget)
    if not study.full.is_halving or not fits:
        return finalists(fits)
    ranked = finalists(fits, trusted=trusted_scores(space, rule, *rungs, fits), repeats=study.full.repeats)
    last = facts.choices[-1] if facts.choices else None
    decided = last.winner if last is not None and last.trainings == len(fits) else None
    return sorted(ranked, key=lambda one: one.parent != decided)
