"""The result of a finished search under other caps, without training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from budgetnas.config.models import read_cap
from budgetnas.evidence.accuracy import BRACKETS
from budgetnas.exceptions import UsageError
from budgetnas.runs.headline import tie
from budgetnas.runs.result import SearchResult
from budgetnas.text import Table, plural, write_macs, write_percent
from budgetnas.trials.selection import Finalist, promote, within
from budgetnas.trials.trial import Trial

NEAR = 0.8  # of the cap: networks below compete with a handicap
FEWEST = 10
_CHOSEN = (
    "Chosen by validation after full training, or by the posterior mean after short training where no network that "
    f"fits was fully trained. Near the cap means at least {NEAR:.0%} of it; with fewer than {FEWEST} networks there, "
    "do not trust the choice."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CapResult:
    """The result of a search under one cap.

    Attributes:
        cap: on params.
        trained: networks of the first rung that fit.
        near: number of these with at least 0.8 of the cap.
        trusted: short training of the highest posterior mean; None where none fits.
        finalist: fully trained network of the highest score; None where none fits.
    """

    cap: int
    trained: int
    near: int
    trusted: Trial | None
    finalist: Finalist | None

    @property
    def remark(self) -> str:
        """Why the choice is not to be trusted; "" if it may be."""
        if not self.trained:
            return "no trained network fits"
        if self.near < FEWEST:
            return f"too few to trust: {self.near} of {self.trained} trained have at least {NEAR:.0%} of this cap"
        if self.finalist is None:
            return "by short training only: search under this cap to train it fully"
        if self.trusted and self.finalist.candidate.params < NEAR * self.cap:
            return f"no network with at least {NEAR:.0%} of this cap had full training"
        return ""


def best_under(result: SearchResult, caps: Sequence[str | float] | None = None) -> list[CapResult]:
    """Return the results of a search under several caps, ascending.

    Args:
        result: of the search.
        caps: as a user writes them; those of the search unless given.

    Raises:
        UsageError: a cap is malformed, or larger than that of the search.
    """
    setup = result.setup
    limits = [tier.cap for tier in setup.tiers]
    if caps is not None:
        limits = sorted({read_cap(cap, setup.data.shape) for cap in caps})
    if limits and limits[-1] > setup.cap:
        raise UsageError(
            f"is {limits[-1]:,}, but `{setup.name}` searched up to {setup.cap:,} parameters: give caps up to that, or "
            "search under a larger one.",
            argument="max_params",
        )
    return under_caps(result, limits)


def under_caps(result: SearchResult, caps: Sequence[int]) -> list[CapResult]:
    """Return the results of a search under caps, in their order."""
    return [_under(result, cap) for cap in caps]


def _under(result: SearchResult, cap: int) -> CapResult:
    budget = replace(result.setup.budget, max_params=cap)
    fits = within(result.trials, budget)
    best = promote(fits, [result.trusted[trial.number] for trial in fits], 1)
    return CapResult(
        cap=cap,
        trained=len({trial.candidate.spec.id for trial in fits}),
        near=len({trial.candidate.spec.id for trial in fits if trial.candidate.params >= NEAR * cap}),
        trusted=best[0] if best else None,
        finalist=next((one for one in result.finalists if budget.fits(one.candidate)), None),
    )


def tiers_table(result: SearchResult, results: Sequence[CapResult]) -> Table:
    """Return one row per cap: the best fully trained network, or the most trusted where none was fully trained."""
    return Table(
        title="The best under each cap",
        columns=(
            "cap",
            "network",
            "params",
            "of cap",
            "MACs",
            "posterior mean %",
            "full val. %",
            "test %",
            "trained near the cap",
        ),
        rows=[_row(result, one) for one in results] if any(one.trained for one in results) else [],
        notes=[
            *([_CHOSEN, BRACKETS] if any(one.trained for one in results) else []),
            *_fresh(result, results),
            *(f"{one.cap:,}: {tied}" for one in results if (tied := _tie(result, one))),
            *(f"{one.cap:,}: {one.remark}." for one in results if one.remark),
        ],
    )


def _fresh(result: SearchResult, results: Sequence[CapResult]) -> Iterator[str]:
    """Give the winner's accuracies with seeds that no choice has seen, if it has them and is the choice under a cap."""
    winner, fresh = result.winner, result.fresh
    if winner and fresh and any(one.finalist and one.finalist.parent == winner.parent for one in results):
        splits = (("validation", fresh.validation), ("test", fresh.test))
        found = ", ".join(f"{split} {accuracy.write(' %')}" for split, accuracy in splits if accuracy)
        yield (
            f"{winner.candidate.spec.id} over {plural(len(fresh.seeds), 'fresh seed')}, which no choice has seen: "
            f"{found or 'not tested yet'}."
        )


def _tie(result: SearchResult, tier: CapResult) -> str:
    budget = replace(result.setup.budget, max_params=tier.cap)
    fit = [one for one in result.finalists if budget.fits(one.candidate)]
    return tie(fit, result.setup.data.validation)


def as_json(result: SearchResult, tier: CapResult) -> dict[str, Any]:
    """Return the result under one cap for programs; accuracies are shares in [0, 1]."""
    finalist, trusted = tier.finalist, tier.trusted
    candidate = finalist.candidate if finalist else (trusted.candidate if trusted else None)
    full = result.accuracies_of(finalist).as_json() if finalist else {}
    return {
        "max_params": tier.cap,
        "spec": candidate and candidate.spec.id,
        "params": candidate and candidate.params,
        "macs": candidate and candidate.macs,
        "trial": finalist.parent if finalist else (trusted.number if trusted else None),
        "full_score": full.get("score"),
        "full_score_interval": full.get("score_interval"),
        "test_accuracy": full.get("test_accuracy"),
        "test_interval": full.get("test_interval"),
        "trained": tier.trained,
        "trained_near_the_cap": tier.near,
        "remark": tier.remark or None,
    }


def _row(result: SearchResult, tier: CapResult) -> tuple[str, ...]:
    finalist, cap = tier.finalist, f"{tier.cap:,}"
    candidate = finalist.candidate if finalist else (tier.trusted.candidate if tier.trusted else None)
    if candidate is None:
        return cap, "-", "", "", "", "", "", "", str(tier.near)
    number = finalist.parent if finalist else (tier.trusted.number if tier.trusted else -1)
    full = result.accuracies_of(finalist) if finalist else None
    return (
        cap,
        candidate.spec.id,
        f"{candidate.params:,}",
        f"{candidate.params / tier.cap:.2%}",
        write_macs(candidate.macs),
        write_percent(result.trusted[number]),
        str(full.validation) if full else "",
        str(full.test or "") if full else "",
        str(tier.near),
    )
