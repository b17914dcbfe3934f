"""The result of a search in tables, sentences and JSON, the same for terminal, page, dashboard and programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from budgetnas.budget import SIZES
from budgetnas.config.models import paper_models
from budgetnas.evidence.scores import Score
from budgetnas.runs.caps import as_json as tier_json
from budgetnas.runs.caps import tiers_table, under_caps
from budgetnas.runs.costs import cost_table, measured
from budgetnas.runs.fidelity import fidelity_table, judged, pairs
from budgetnas.runs.headline import by_rule, headline, level_warnings, recommended, remarks
from budgetnas.runs.result import SearchResult, drawn_at_random, of_classes
from budgetnas.runs.verdict import compare, controls_table, equal_cost, verdict
from budgetnas.text import Table, plural, write_macs
from budgetnas.trials.record import to_json
from budgetnas.trials.selection import Finalist, tied
from budgetnas.trials.trial import FULL, Candidate, Trial, is_left_out

Seed = tuple[Candidate, str | None]  # a network, and its excess over a cap in words, None if it fits


def tried_first(seeds: Sequence[Seed]) -> str:
    """Name the networks that are tried first, and those that exceed a cap; "" without any."""
    names = {model.name for model in paper_models() if model.seeded}
    models = [seed for seed in seeds if seed[0].origin in names]
    others = [seed for seed in seeds if seed[0].origin not in names]
    return "; ".join([*_paper_models(models), *_fitting(others, ""), *_over(others)])


def seeds_of(trials: Sequence[Trial]) -> list[Seed]:
    """Return the networks that were tried first, from the trials of the first rung."""
    return [
        (trial.candidate, str(trial.facts.reason) if is_left_out(trial) else None)
        for trial in trials
        if trial.facts.seeded
    ]


def _paper_models(seeds: Sequence[Seed]) -> list[str]:
    """Describe the models of Pei et al.; where all of several exceed a cap, only the smallest is named."""
    over = [(net, excess) for net, excess in seeds if excess is not None]
    if len(over) < max(2, len(seeds)):
        return [*_fitting(seeds, " (Pei et al.)"), *_over(seeds)]
    smallest, excess = min(over, key=lambda one: one[0].params)
    return [f"none of Pei et al.'s {len(over)} models: the smallest, {smallest.origin}, is {excess}"]


def _fitting(seeds: Sequence[Seed], owner: str) -> list[str]:
    names = [net.origin for net, excess in seeds if excess is None]
    return [f"{', '.join(names)}{owner}"] if names else []


def _over(seeds: Sequence[Seed]) -> list[str]:
    return [f"not {net.origin}, which is {excess}" for net, excess in seeds if excess is not None]


def tables(result: SearchResult) -> dict[str, Table]:
    """Return the tables that have rows to show, of "finalists", "tiers", "costs", "fidelity" and "controls"."""
    shown: dict[str, Table] = {}
    if result.finalists:
        shown["finalists"] = finalists_table(result)
    if len(result.setup.tiers) > 1:
        shown["tiers"] = tiers_table(result, under_caps(result, [tier.cap for tier in result.setup.tiers]))
    costs = [measured(level, trials) for level, trials in _in_order(result).items()]
    device = str(result.drivers[-1]["hardware"]["device"]) if result.drivers else "no device yet"
    shown["costs"] = cost_table(costs, title="What it cost", device=device)
    if result.finalists:
        shown["fidelity"] = fidelity_table(result)
    compared = compare(result)
    if len({one.spec for one in compared}) > 1:  # a winner that is its own control shows nothing
        shown["controls"] = controls_table(
            compared, result.facts.look_rule, equal_cost(result), score=result.setup.score
        )
    return shown


def finalists_table(result: SearchResult) -> Table:
    """Return one row per fully trained network, the winner first."""
    random, score = drawn_at_random(result.facts), result.setup.score
    scores = f"short{score.unit}", "seeds", score.head("full val."), score.head("test")
    return Table(
        title="Full trainings",
        columns=("trial", "network", "params", "of cap", "MACs", *scores),
        rows=[_finalist_row(result, finalist, is_random=finalist.parent in random) for finalist in result.finalists],
        notes=_halved(result),
    )


def _halved(result: SearchResult) -> list[str]:
    """Say how the winner was chosen, where only the best of the fully trained got all seeds."""
    winner = result.winner
    if winner is None or winner.trusted is None:
        return []
    return [
        f"Ranked{by_rule(result.finalists)}; networks with {plural(winner.seeds, 'seed')} are before those with fewer, "
        "which were not among the best after their first."
    ]


def _finalist_row(result: SearchResult, finalist: Finalist, *, is_random: bool) -> tuple[str, ...]:
    candidate, accuracies = finalist.candidate, result.accuracies_of(finalist)
    return (
        f"{finalist.parent}{' at random' if is_random else ''}",
        candidate.spec.id,
        f"{candidate.params:,}",
        f"{result.setup.utilisation(candidate):.2%}",
        write_macs(candidate.macs),
        result.setup.score.write(result.trials[finalist.parent].score or 0.0),
        str(len(finalist.runs)),
        str(accuracies.validation),
        str(accuracies.test or ""),
    )


def as_json(result: SearchResult) -> dict[str, Any]:
    """Return the result for programs; scores are shares in [0, 1] and gains points, or both are losses."""
    both, setup, compared = recommended(result), result.setup, compare(result)
    return {
        "run": str(result.folder),
        "dataset": setup.data.name,
        "notice": setup.data.notice or None,
        "scored_by": setup.score.name,
        **asdict(setup.budget),
        "stopped": result.stopped,
        **result.counts(),
        "recommended_trial": both[0].number if both else None,
        "best_observed_trial": both[1].number if both else None,
        "finalists": [_finalist(result, finalist) for finalist in result.finalists],
        "winner": _finalist(result, result.winner) if result.winner else None,
        "fresh": result.fresh.as_json() if result.fresh else None,
        "class_results": {split: of_classes(one, result.classes) for split, one in result.class_results.items()},
        "tied": [finalist.parent for finalist in tied(result.finalists)],
        "headline": headline(result),
        "remarks": remarks(result),
        "verdict": verdict(result, compared),
        "warnings": warnings(result),
        "controls": [one.as_json() for one in compared],
        **({"random_control": to_json(result.random_arm)} if result.random_arm else {}),
        "fidelity": {name: _fidelity(scores, setup.score) for name, scores in pairs(result).items()},
        "tiers": [tier_json(result, tier) for tier in under_caps(result, [tier.cap for tier in setup.tiers])],
        "costs": [asdict(measured(level, trials)) for level, trials in _in_order(result).items()],
        "test_looks": len(result.looks),
        "setup": setup.as_json(),
    }


def warnings(result: SearchResult) -> list[str]:
    """Name the trainings that ended at chance, in one line per level."""
    return level_warnings(_in_order(result), result.setup.data)


def _fidelity(scores: Mapping[int, tuple[float, float]], score: Score) -> dict[str, Any]:
    """Return the pairs of a rung by trial, and Kendall's tau with its interval where the pairs are enough to judge."""
    estimate = judged(list(scores.values()))
    return {
        "pairs": {str(number): list(map(score.shown, pair)) for number, pair in scores.items()},
        "n": len(scores),
        "tau": estimate.value if estimate else None,
        "low": estimate.low if estimate else None,
        "high": estimate.high if estimate else None,
    }


def _in_order(result: SearchResult) -> Mapping[str, Any]:
    """Return the levels from the first rung to the controls."""
    names = [*result.rungs, FULL, *(name for name in result.levels if name not in (*result.rungs, FULL))]
    return {name: result.levels[name] for name in names}


def _finalist(result: SearchResult, finalist: Finalist) -> dict[str, Any]:
    spec, random, score = finalist.candidate.spec, drawn_at_random(result.facts), result.setup.score
    return {
        "trial": finalist.parent,
        "spec": spec.id,
        **{name: list(values) for name, values in spec.per_stage.items()},
        "params": finalist.candidate.params,
        "utilisation": result.setup.utilisation(finalist.candidate),
        "macs": finalist.candidate.macs,
        **{cost: size for cost in SIZES if (size := getattr(finalist.candidate, cost)) is not None},
        **result.accuracies_of(finalist).as_json(),
        "scores": list(map(score.shown, finalist.scores)),
        "repeats": len(finalist.runs),
        **({} if finalist.trusted is None else {"posterior_mean": score.shown(finalist.trusted)}),
        "at_random": finalist.parent in random,
        "test_accuracies": result.looks.accuracies(finalist.runs, FULL),
    }
