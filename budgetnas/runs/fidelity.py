"""How well the short trainings of a search rank networks, by those that were also fully trained."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from budgetnas.evidence.estimate import Estimate
from budgetnas.evidence.fidelity import FEWEST_PAIRS, tau
from budgetnas.runs.result import SearchResult, drawn_at_random, promoted_for_scores
from budgetnas.text import Table, plural
from budgetnas.trials.trial import complete, in_words, length_in_words


def pairs(result: SearchResult) -> dict[str, dict[int, tuple[float, float]]]:
    """Return, for every rung, (score at the rung, mean full score) of each network that has both, by trial number."""
    finals = {finalist.parent: finalist.score for finalist in result.finalists}
    return {
        name: {
            number: (trial.score or 0.0, finals[number])
            for trial in complete(trials)
            if (number := trial.root) in finals
        }
        for name, trials in result.rungs.items()
    }


def fidelity_table(result: SearchResult) -> Table:
    """Return Kendall's tau between the scores of each rung and full scores, with its interval, or why there is none."""
    random = drawn_at_random(result.facts)
    rows = []
    for name, scores in pairs(result).items():
        drawn = [number for number in scores if number in random]
        at_random = str(len(drawn)) if random else ""
        rows.append((in_words(name), str(len(scores)), at_random, _tau(list(scores.values()))))
    most = max((len(scores) for scores in pairs(result).values()), default=0)
    notes = [
        "Kendall's tau of the score after a short training and the mean score after full training, over promoted "
        "and random networks together, with a 95 % interval by bootstrap over networks."
    ]
    if most < FEWEST_PAIRS:
        rows = []
        notes = [
            f"Too few pairs to judge: {plural(most, 'network')} had both trainings, and {FEWEST_PAIRS} are needed. "
            "`evidence.control_promotions` trains more networks fully."
        ]
    elif not random:
        notes.append(
            "None of these networks was drawn at random, so this says little about the others: "
            "`evidence.control_promotions` also trains random ones fully."
        )
    if missed := _missed(result):
        notes.append(missed)
    return Table(
        title="Do short trainings rank as full ones do?",
        columns=("short training", "networks with both", "of them at random", "tau"),
        rows=rows,
        notes=notes,
    )


def _missed(result: SearchResult) -> str | None:
    """Say where short trainings ranked a winner that was not promoted for its scores; None where it was."""
    winner = result.winner
    if winner is None or winner.parent in promoted_for_scores(result.facts):
        return None
    places = []
    for name, trials in result.rungs.items():
        scores = {trial.root: trial.score or 0.0 for trial in complete(trials)}
        if winner.parent in scores:
            better = sum(score > scores[winner.parent] for score in scores.values())
            places.append(f"place {better + 1} of {len(scores)} after {length_in_words(name)}")
    return (
        f"{winner.candidate.spec.id} is best after full training, but was not promoted for its scores: "
        f"{', '.join(places)}. These trainings were too short to show it, or it was unlucky: add a "
        "longer rung (`proxy.rungs`)."
    )


def judged(scores: Sequence[tuple[float, float]]) -> Estimate | None:
    """Estimate Kendall's tau of (short, full) scores; None where the pairs are too few, or all alike."""
    if len(scores) < FEWEST_PAIRS:
        return None
    estimate = tau([short for short, _ in scores], [full for _, full in scores])
    return None if isnan(estimate.value) else estimate


def _tau(scores: Sequence[tuple[float, float]]) -> str:
    estimate = judged(scores)
    if estimate is not None:
        return str(estimate)
    return "too few pairs to judge" if len(scores) < FEWEST_PAIRS else "all scores are alike"
