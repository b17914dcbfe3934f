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
    "Chosen by validation after full training, or by the posterior mean after short training where nothing "
    f"that fits had a full one. Near is at least {NEAR:.0%} of the cap; with fewer than {FEWEST} there, a tier "
    "is not to be trusted."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CapResult:
    """What a search knows under one cap.

    Attributes:
        cap: on params.
        trained: networks of the first rung that fit.
        near: how many of them have at least 0.8 of the cap.
        trusted: the one of the highest posterior mean after short training; None where none fits.
        finalist: the fully trained one of the highest score; None where none fits.
    """

    cap: int
    trained: int
    near: int
    trusted: Trial | None
    finalist: Finalist | None

    @property
    def remark(self) -> str:
        """Whether there is enough to trust, in words."""
        if not self.trained:
            return "nothing that was trained fits"
        if self.near < FEWEST:
            return f"too few to trust: {self.near} of {self.trained} trained have at least {NEAR:.0%} of this cap"
        if self.finalist is None:
            return "by short training only: search under this cap for a full one"
        if self.trusted and self.finalist.candidate.params < NEAR * self.cap:
            return f"no network with at least {NEAR:.0%} of this cap had full training"
        return ""


def best_under(result: SearchResult, caps: Sequence[str | float] | None = None) -> list[CapResult]:
    """Return what a search knows under each of several caps, ascending.

    Args:
        result: of the search.
        caps: as people write them; those of the search unless given.

    Raises:
        UsageError: one is malformed, or larger than the search's own.
    """
    setup = result.setup
    found = [tier.cap for tier in setup.tiers]
    if caps is not None:
        found = sorted({read_cap(cap, setup.data.shape) for cap in caps})
    if found and found[-1] > setup.cap:
        raise UsageError(
            f"is {found[-1]:,}, but `{setup.name}` searched up to {setup.cap:,} parameters: give caps up to that, or "
            "search under a larger one.",
            argument="max_params",
        )
    return under_caps(result, found)


def under_caps(result: SearchResult, caps: Sequence[int]) -> list[CapResult]:
    """Return what a search knows under each cap, in their order."""
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


def tiers_table(result: SearchResult, found: Sequence[CapResult]) -> Table:
    """Return a row a cap: the fully trained network to take, or the one to trust where none was fully trained."""
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
        rows=[_row(result, tier) for tier in found] if any(tier.trained for tier in found) else [],
        notes=[
            *([_CHOSEN, BRACKETS] if any(tier.trained for tier in found) else []),
            *_fresh(result, found),
            *(f"{tier.cap:,}: {told}" for tier in found if (told := _tie(result, tier))),
            *(f"{tier.cap:,}: {tier.remark}." for tier in found if tier.remark),
        ],
    )


def _fresh(result: SearchResult, found: Sequence[CapResult]) -> Iterator[str]:
    """Say what the winner reached with seeds that no choice has seen, where it was trained again and is in a row."""
    winner, fresh = result.winner, result.fresh
    if winner and fresh and any(tier.finalist and tier.finalist.parent == winner.parent for tier in found):
        test = f", test {fresh.test.write(' %')}" if fresh.test else ""
        yield (
            f"{winner.candidate.spec.id} over {plural(len(fresh.seeds), 'fresh seed')}, which no choice has seen: "
            f"validation {fresh.validation.write(' %')}{test}."
        )


def _tie(result: SearchResult, tier: CapResult) -> str:
    budget = replace(result.setup.budget, max_params=tier.cap)
    fit = [one for one in result.finalists if budget.fits(one.candidate)]
    return tie(fit, result.setup.data.validation)


def as_json(result: SearchResult, tier: CapResult) -> dict[str, Any]:
    """Return a tier for programs; accuracies are shares in [0, 1]."""
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
