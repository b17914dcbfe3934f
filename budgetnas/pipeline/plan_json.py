"""A plan as JSON: every number of its lines, under its own key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape
from budgetnas.config.macs_cap import macs_rule
from budgetnas.config.study import flatten
from budgetnas.data.load import doubts
from budgetnas.pipeline.can_show import can_show
from budgetnas.pipeline.describe import public
from budgetnas.pipeline.limits import study_limits
from budgetnas.pipeline.plan import Plan
from budgetnas.pipeline.plan_lines import bought, is_too_long, plan_lines, shorter
from budgetnas.pipeline.prepared_study import PreparedStudy, Tier
from budgetnas.pipeline.work_left import expected
from budgetnas.space.resnet import ResNetSpace
from budgetnas.trials.trial import RANDOM, Candidate


def as_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON values, the study with every default decided.

    Seconds are of wall-clock time, those of `costs` of training, summed over workers. `lines` holds the words.
    """
    prepared = plan.prepared
    return {
        "run": f"{prepared.config.output.dir}/{prepared.name}",
        "kind": prepared.kind.value,
        "is_resumed": plan.is_resumed,
        "notice": prepared.data.traits.notice or None,
        "doubts": list(doubts(prepared.data)),
        "data": _data(prepared),
        "space": {"size": prepared.space_size, "exact": prepared.index.is_exact, **prepared.space.to_json()},
        "caps": [_tier(prepared, tier) for tier in prepared.tiers],
        "first_models": [_first(prepared, net) for net in prepared.seeds],
        "networks": plan.networks or None,
        "short": {"epochs": prepared.rungs, "images": prepared.short_images, "price_percent": _prices(prepared)},
        "full": {"epochs": prepared.full_epochs, "seeds": prepared.config.full.repeats, **_finals(prepared)},
        "controls": _controls(plan),
        "limits": [{"name": limit.name, **limit.numbers} for limit in study_limits(prepared, plan.networks)],
        "device": prepared.hardware.name,
        "workers": prepared.workers,
        "images_per_second": 1 / plan.usual.step,
        "seconds": plan.seconds,
        "max_hours_buy": _bought(plan),
        "shorter": _shorter(plan),
        "costs": [asdict(cost) for cost in plan.costs],
        "lines": dict(plan_lines(plan)),
        "notes": plan.notes,
        "study": flatten(public(prepared.config)),
    }


def _data(prepared: PreparedStudy) -> dict[str, Any]:
    data = prepared.data
    return {
        "name": data.name,
        "train": len(data.train),
        "validation": len(data.validation),
        "test": len(data.test),
        **asdict(data.shape),
        "shift": data.traits.shift,
        "flip": data.traits.flip,
        "notes": list(data.notes),
    }


def _finals(prepared: PreparedStudy) -> dict[str, int]:
    """Return how many networks of each cap a search trains fully for their scores, and how many with all seeds."""
    return prepared.finals()._asdict() if prepared.kind.promotes else {}


def _prices(prepared: PreparedStudy) -> list[float]:
    """Return what a short training of each rung costs, in % of a full one of the same network."""
    return [round(100 * price, 1) for price in prepared.prices]


def _tier(prepared: PreparedStudy, tier: Tier) -> dict[str, Any]:
    band = tier.band
    return {
        **asdict(tier.budget),
        "max_macs_rule": macs_rule(prepared.budget, prepared.space),
        "fitting": tier.fitting,
        **{f"over_max_{cost}": number for cost, number in tier.excluded.items()},
        "band": {
            "of": prepared.cost,
            "low": band.low,
            "high": band.high,
            "size": len(band),
            **_by_stratum(prepared.space, band.counts),
        },
    }


def _by_stratum(space: ResNetSpace, counts: Mapping[int, int]) -> dict[str, Any]:
    if space.is_plain:
        return {"by_stages": counts}
    return {"by_stratum": {space.name_stratum(stratum): count for stratum, count in counts.items()}}


def _first(prepared: PreparedStudy, net: Candidate) -> dict[str, Any]:
    on_cifar10 = count(net.spec, DataShape()).params
    return {**_network(net), "params_on_cifar10": on_cifar10, "over": prepared.budget.excess(net)}


def _network(net: Candidate) -> dict[str, Any]:
    return {"name": net.origin, "id": net.spec.id, "params": net.params, "macs": net.macs}


def _controls(plan: Plan) -> dict[str, Any] | None:
    """Return the networks that the winner is compared with, and what this can show; None without controls."""
    prepared = plan.prepared
    evidence, shown = prepared.config.evidence, can_show(prepared, plan.seed_sd)
    if not evidence.compares:
        return None
    random = {"random_networks": expected(prepared)[RANDOM]} if evidence.random_control else {}
    return {
        "networks": [_network(net) for net in prepared.controls],
        **random,
        "epochs": prepared.full_epochs,
        "seeds": prepared.control_repeats,
        "refit": prepared.config.evidence.refit,
        "looks": prepared.config.evidence.looks,
        "can_show": shown and shown.as_json(),
    }


def _bought(plan: Plan) -> list[dict[str, Any]] | None:
    """Return what `engine.max_hours` buys of each level; None where it is long enough, or not given."""
    if not plan.is_cut_off:
        return None
    return [{"level": level, "trainings": started, "of": number} for level, started, number in bought(plan) if number]


def _shorter(plan: Plan) -> dict[str, Any] | None:
    """Return keys of the study that bring a plan below two days, with their values; None for a shorter plan."""
    if not is_too_long(plan):
        return None
    keys, seconds = shorter(plan)
    return {"keys": keys, "seconds": seconds}
