"""The result of a finished search under other caps, without training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from budgetnas.amounts import parse_size, write_size
from budgetnas.budget import COSTS, SIZES, Budget, amount, share_of, write_cost
from budgetnas.config.models import read_cap
from budgetnas.evidence.scores import ACCURACY
from budgetnas.exceptions import UsageError
from budgetnas.runs.headline import tie
from budgetnas.runs.result import SearchResult
from budgetnas.text import Table, plural, write_macs
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
        cap: on a cost.
        cost: the one that it is on, "params", "bytes" or "memory".
        trained: networks of the first rung that fit.
        near: number of these with at least 0.8 of the cap.
        trusted: short training of the highest posterior mean; None where none fits.
        finalist: fully trained network of the best score; None where none fits.
    """

    cap: int
    cost: str
    trained: int
    near: int
    trusted: Trial | None
    finalist: Finalist | None

    @property
    def written(self) -> str:
        """The cap as text."""
        return f"{self.cap:,}" if self.cost == "params" else write_size(self.cap)

    @property
    def remark(self) -> str:
        """Why the choice is not to be trusted; "" if it may be."""
        if not self.trained:
            return "no trained network fits"
        if self.near < FEWEST:
            return f"too few to trust: {self.near} of {self.trained} trained have at least {NEAR:.0%} of this cap"
        if self.finalist is None:
            return "by short training only: search under this cap to train it fully"
        if self.trusted and amount(self.finalist.candidate, self.cost) < NEAR * self.cap:
            return f"no network with at least {NEAR:.0%} of this cap had full training"
        return ""


def best_under(result: SearchResult, **caps: Sequence[str | float] | None) -> list[CapResult]:
    """Return the results of a search under several caps, ascending.

    Args:
        result: of the search.
        caps: `max_params`, `max_bytes` or `max_memory`, as a user writes them; without any, the caps of the search.

    Raises:
        UsageError: a cap is malformed, or larger than that of the search, on a cost that the search did not cap, or
            there are caps on two costs.
    """
    setup = result.setup
    given = {name: some for name, some in caps.items() if some}
    if not given:
        return under_caps(result, [tier.cap for tier in setup.tiers])
    (name, some), *others = given.items()
    if others:
        raise UsageError(f"does not go with `{name}`: leave one of them out.", argument=others[0][0])
    cost = name.removeprefix("max_")
    limits = sorted({parse_size(cap, name=name) if cost in SIZES else read_cap(cap, setup.data.shape) for cap in some})
    most = setup.budget.caps().get(cost)
    if most is None and cost in SIZES:
        raise UsageError(f"is given, but `{setup.name}` has no cap on {COSTS[cost]}: leave it out.", argument=name)
    if most is not None and limits[-1] > most:
        raise UsageError(
            f"is {limits[-1]:,}, but `{setup.name}` searched up to {write_cost(most, cost)}: give caps up to that, or "
            "search under a larger one.",
            argument=name,
        )
    return under_caps(result, limits, cost)


def under_caps(result: SearchResult, caps: Sequence[int], cost: str | None = None) -> list[CapResult]:
    """Return the results of a search under caps on a cost, in their order; on that of its bands unless given."""
    return [_under(result, cap, cost or result.setup.cost) for cap in caps]


def _budget(result: SearchResult, cap: int, cost: str) -> Budget:
    limit: dict[str, Any] = {f"max_{cost}": cap}
    return replace(result.setup.budget, **limit)


def _under(result: SearchResult, cap: int, cost: str) -> CapResult:
    budget = _budget(result, cap, cost)
    fits = within(result.trials, budget)
    best = promote(fits, [result.trusted[trial.number] for trial in fits], 1)
    return CapResult(
        cap=cap,
        cost=cost,
        trained=len({trial.candidate.spec.id for trial in fits}),
        near=len({trial.candidate.spec.id for trial in fits if amount(trial.candidate, cost) >= NEAR * cap}),
        trusted=best[0] if best else None,
        finalist=next((one for one in result.finalists if budget.fits(one.candidate)), None),
    )


def tiers_table(result: SearchResult, results: Sequence[CapResult]) -> Table:
    """Return one row per cap: the best fully trained network, or the most trusted where none was fully trained."""
    score = result.setup.score
    return Table(
        title="The best under each cap",
        columns=(
            "cap",
            "network",
            "params",
            "of cap",
            "MACs",
            f"posterior mean{score.unit}",
            score.head("full val."),
            score.head("test"),
            "trained near the cap",
        ),
        rows=[_row(result, one) for one in results] if any(one.trained for one in results) else [],
        notes=[
            *([_CHOSEN, score.brackets] if any(one.trained for one in results) else []),
            *_fresh(result, results),
            *(f"{one.written}: {tied}" for one in results if (tied := _tie(result, one))),
            *(f"{one.written}: {one.remark}." for one in results if one.remark),
        ],
    )


def _fresh(result: SearchResult, results: Sequence[CapResult]) -> Iterator[str]:
    """Give the winner's accuracies with seeds that no choice has seen, if it has them and is the choice under a cap."""
    winner, fresh = result.winner, result.fresh
    if winner and fresh and any(one.finalist and one.finalist.parent == winner.parent for one in results):
        score = result.setup.score
        splits = ((score.of("validation"), fresh.validation), (score.of("test"), fresh.test))
        found = ", ".join(f"{split} {accuracy.write(' %')}" for split, accuracy in splits if accuracy)
        yield (
            f"{winner.candidate.spec.id} over {plural(len(fresh.seeds), 'fresh seed')}, which no choice has seen: "
            f"{found or 'not tested yet'}."
        )


def _tie(result: SearchResult, tier: CapResult) -> str:
    budget = _budget(result, tier.cap, tier.cost)
    fit = [one for one in result.finalists if budget.fits(one.candidate)]
    return tie(fit, result.setup.data.validation, score=result.setup.score)


def as_json(result: SearchResult, tier: CapResult) -> dict[str, Any]:
    """Return the result under one cap for programs; scores are shares in [0, 1], or losses."""
    is_other = result.setup.score is not ACCURACY
    finalist, trusted = tier.finalist, tier.trusted
    candidate = finalist.candidate if finalist else (trusted.candidate if trusted else None)
    full = result.accuracies_of(finalist).as_json() if finalist else {}
    return {
        f"max_{tier.cost}": tier.cap,
        "spec": candidate and candidate.spec.id,
        "params": candidate and candidate.params,
        "macs": candidate and candidate.macs,
        "trial": finalist.parent if finalist else (trusted.number if trusted else None),
        "full_score": full.get("score"),
        "full_score_interval": full.get("score_interval"),
        **{name: full.get(name) for name in (*(_OTHERS if is_other else ()), "test_accuracy", "test_interval")},
        "trained": tier.trained,
        "trained_near_the_cap": tier.near,
        "remark": tier.remark or None,
    }


_OTHERS = ("test_score", "test_score_interval")  # where the score is not the accuracy


def _row(result: SearchResult, tier: CapResult) -> tuple[str, ...]:
    finalist, cap = tier.finalist, tier.written
    candidate = finalist.candidate if finalist else (tier.trusted.candidate if tier.trusted else None)
    if candidate is None:
        return cap, "-", "", "", "", "", "", "", str(tier.near)
    number = finalist.parent if finalist else (tier.trusted.number if tier.trusted else -1)
    full = result.accuracies_of(finalist) if finalist else None
    return (
        cap,
        candidate.spec.id,
        f"{candidate.params:,}",
        f"{share_of(candidate, tier.cost, tier.cap):.2%}",
        write_macs(candidate.macs),
        result.setup.score.write(result.trusted[number]),
        str(full.validation) if full else "",
        str(full.test or "") if full else "",
        str(tier.near),
    )
