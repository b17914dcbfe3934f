"""From finished proxies to a tested winner: who is promoted, who wins, and the looks at the test set."""

from __future__ import annotations

import numpy as np

from budgetnas.exceptions import BudgetNASError
from budgetnas.pipeline.prepare import Prepared
from budgetnas.promotion.select import finalists, promote
from budgetnas.records.trial import Trial, TrialState
from budgetnas.search.recommend import recommend
from budgetnas.storage.study import StudyStore


def trusted_scores(prepared: Prepared, proxies: StudyStore) -> dict[int, float]:
    """Return the score to trust for each COMPLETE trial, by number."""
    complete, space = _complete(proxies), prepared.space
    points = np.array([space.encode(trial.candidate.spec) for trial in complete], dtype=np.int64)
    means = recommend(space, points, np.array([trial.score for trial in complete], dtype=np.float64))
    return {trial.number: float(value) for trial, value in zip(complete, means, strict=True)}


def promoted(prepared: Prepared, proxies: StudyStore, fulls: StudyStore) -> list[Trial]:
    """Return the trials that get full training; what was decided once for these trials stays decided."""
    decided: list[int] | None = fulls.facts.get("promotions", {}).get(_decision(prepared, proxies))
    if decided is not None:
        return [proxies.trials[number] for number in decided]
    complete, trusted = _complete(proxies), trusted_scores(prepared, proxies)
    return promote(complete, [trusted[trial.number] for trial in complete], prepared.config.full.promote)


def decide_promotion(prepared: Prepared, proxies: StudyStore, fulls: StudyStore) -> list[Trial]:
    """Return the trials that get full training, and record them."""
    chosen = promoted(prepared, proxies, fulls)
    key, decisions = _decision(prepared, proxies), fulls.facts.get("promotions", {})
    if chosen and key not in decisions:
        fulls.record("promotions", {**decisions, key: [trial.number for trial in chosen]})
    return chosen


def _decision(prepared: Prepared, proxies: StudyStore) -> str:
    return f"{len(_complete(proxies))} trained, {prepared.config.full.promote} promoted"


def choose(fulls: StudyStore) -> None:
    """Record the winner, by validation alone, before the test set is read.

    Raises:
        BudgetNASError: full trainings were made and every one of them failed.
    """
    ranked = finalists(fulls.trials)
    failed = [trial for trial in fulls.trials if trial.state is TrialState.FAIL]
    if failed and not ranked:
        raise BudgetNASError(
            f"all {len(failed)} full trainings failed (the last: {failed[-1].attrs.get('reason')}): mend that, and the "
            "same command tries them again."
        )
    choices = list(fulls.facts.get("choices", []))
    if ranked:
        choice = {
            "winner": ranked[0].parent,
            "spec": ranked[0].candidate.spec.id,
            "score": ranked[0].score,
            "among": len(ranked),
        }
        if choice not in choices:
            fulls.record("choices", [*choices, choice])


def _complete(store: StudyStore) -> list[Trial]:
    return [trial for trial in store.trials if trial.state is TrialState.COMPLETE]
