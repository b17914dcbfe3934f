"""The choice of the winner, by validation alone, recorded before the test set is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from budgetnas.budget.caps import Caps
from budgetnas.exceptions import BudgetNASError
from budgetnas.promotion.select import Finalist, finalists, within
from budgetnas.records.levels import complete
from budgetnas.records.trial import TrialState
from budgetnas.storage.study import StudyStore


def choose(fulls: StudyStore, caps: Sequence[Caps]) -> Finalist | None:
    """Record the winner, and each smaller tier's; return it, None before any full training of what fits ended.

    Args:
        fulls: the study of the full trainings.
        caps: of each tier, ascending.

    Raises:
        BudgetNASError: full trainings were made and every one of them failed.
    """
    ranked = finalists(within(fulls.trials, caps[-1]))
    failed = [trial for trial in fulls.trials if trial.state is TrialState.FAIL]
    if failed and not complete(fulls.trials):
        raise BudgetNASError(
            f"all {len(failed)} full trainings failed (the last: {failed[-1].attrs.get('reason')}): remove the cause, "
            "and the same command tries them again."
        )
    if not ranked:
        return None
    choice: dict[str, Any] = {
        "winner": ranked[0].parent,
        "spec": ranked[0].candidate.spec.id,
        "score": ranked[0].score,
        "repeats": len(ranked[0].runs),
        "among": len(ranked),
    }
    if len(caps) > 1:
        fitting = {tier: [one for one in ranked if tier.fits(one.candidate)] for tier in caps}
        choice["tiers"] = {str(tier.max_params): found[0].candidate.spec.id for tier, found in fitting.items() if found}
    choices = list(fulls.facts.get("choices", []))
    if choice not in choices:
        fulls.record("choices", [*choices, choice])
    return ranked[0]
