"""A finished search read again under other caps, without training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from budgetnas.outcome.result import SearchResult
from budgetnas.promotion.select import Finalist, promote, within
from budgetnas.records.numbers import write_macs, write_percent
from budgetnas.records.table import Table
from budgetnas.records.trial import Trial

NEAR = 0.8  # of the cap: networks below compete with a handicap
FEWEST = 10
_CHOSEN = (
    "Chosen by validation after full training, or by the posterior mean after short training where nothing "
    f"that fits had a full one. Near is at least {NEAR:.0%} of the cap; with fewer than {FEWEST} there, a tier "
    "is not to be trusted."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tier:
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


def under_caps(result: SearchResult, caps: Sequence[int]) -> list[Tier]:
    """Return what a search knows under each cap, in their order."""
    return [_under(result, cap) for cap in caps]


def _under(result: SearchResult, cap: int) -> Tier:
    caps = replace(result.setup.caps, max_params=cap)
    fits = within(result.trials, caps)
    best = promote(fits, [result.trusted[trial.number] for trial in fits], 1)
    return Tier(
        cap=cap,
        trained=len({trial.candidate.spec.id for trial in fits}),
        near=len({trial.candidate.spec.id for trial in fits if trial.candidate.params >= NEAR * cap}),
        trusted=best[0] if best else None,
        finalist=next((one for one in result.finalists if caps.fits(one.candidate)), None),
    )


def tiers_table(result: SearchResult, found: Sequence[Tier]) -> Table:
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
            *([_CHOSEN] if any(tier.trained for tier in found) else []),
            *(f"{tier.cap:,}: {tier.remark}." for tier in found if tier.remark),
        ],
    )


def as_json(result: SearchResult, tier: Tier) -> dict[str, Any]:
    """Return a tier for programs; accuracies are shares in [0, 1]."""
    finalist, trusted = tier.finalist, tier.trusted
    candidate = finalist.candidate if finalist else (trusted.candidate if trusted else None)
    return {
        "max_params": tier.cap,
        "spec": candidate and candidate.spec.id,
        "params": candidate and candidate.params,
        "macs": candidate and candidate.macs,
        "trial": finalist.parent if finalist else (trusted.number if trusted else None),
        "full_score": finalist.score if finalist else None,
        "test_accuracy": result.test_accuracy(finalist) if finalist else None,
        "trained": tier.trained,
        "trained_near_the_cap": tier.near,
        "remark": tier.remark or None,
    }


def _row(result: SearchResult, tier: Tier) -> tuple[str, ...]:
    finalist, cap = tier.finalist, f"{tier.cap:,}"
    candidate = finalist.candidate if finalist else (tier.trusted.candidate if tier.trusted else None)
    if candidate is None:
        return cap, "-", "", "", "", "", "", "", str(tier.near)
    number = finalist.parent if finalist else (tier.trusted.number if tier.trusted else -1)
    test = result.test_accuracy(finalist) if finalist else None
    return (
        cap,
        candidate.spec.id,
        f"{candidate.params:,}",
        f"{candidate.params / tier.cap:.2%}",
        write_macs(candidate.macs),
        write_percent(result.trusted[number]),
        write_percent(finalist.score, finalist.spread) if finalist else "",
        "" if test is None else write_percent(test),
        str(tier.near),
    )
