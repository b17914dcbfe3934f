"""A plan in words, for the terminal and the dashboard, with shorter alternatives where it takes too long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape
from budgetnas.budget import COSTS, write_cost
from budgetnas.config.evidence import FOUND_CONTROLS
from budgetnas.config.known_networks import definition, is_mistakable
from budgetnas.config.macs_cap import macs_rule
from budgetnas.config.models import find_model
from budgetnas.pipeline.can_show import can_show
from budgetnas.pipeline.limits import study_limits
from budgetnas.pipeline.loop import end_of_level
from budgetnas.pipeline.plan import Plan, expected_costs
from budgetnas.pipeline.prepared_study import PreparedStudy
from budgetnas.pipeline.work_left import expected
from budgetnas.runs.summary import tried_first
from budgetnas.samplers.outlook import early_quota
from budgetnas.text import plural, write_macs, write_time
from budgetnas.trials.trial import BEST_RANDOM, RANDOM, WINNER, in_words

LONGEST_SECONDS = 48 * 3600
_EPOCHS, _PROMOTED, _TRIALS, _SUBSETS = 30, 3, (40, 20), (1000, 200, 50)
_HOURS = 24


def bought(plan: Plan) -> list[tuple[str, int, int]]:
    """Return what `engine.max_hours` buys: each level by its name, its trainings that will start, and all of them."""
    hours = plan.prepared.config.engine.max_hours
    assert hours is not None
    elapsed, found = 0.0, []
    for cost in plan.costs:
        end = end_of_level(3600 * hours, elapsed=elapsed, after=plan.seconds_after(cost.level))
        each = plan.training_seconds(cost)
        started = min(cost.trainings, ceil((end - elapsed) / each) * plan.prepared.workers)
        elapsed += min(end - elapsed, each * ceil(started / plan.prepared.workers))
        found.append((cost.level, started, cost.trainings))
    return found


def shorter(plan: Plan) -> tuple[dict[str, int], float]:
    """Return keys with values that bring a plan below 48 hours, and the seconds that it then takes.

    A started study keeps the settings that its results depend on, so only its hours can be reduced.
    """
    keys = dict[str, int]()
    if not plan.is_resumed:
        for key, value, changed, share in _fewer(plan):
            keys[key] = value
            seconds = _seconds(plan, changed, share)
            if seconds <= LONGEST_SECONDS:
                return keys, seconds
    return {**keys, "engine.max_hours": _HOURS}, 3600.0 * _HOURS


def _fewer(plan: Plan) -> Iterator[tuple[str, int, PreparedStudy, float]]:
    """Yield keys with values, each on top of those before, with the study and its share of the images."""
    prepared = plan.prepared
    if prepared.full_epochs > max(_EPOCHS, prepared.rungs[-1]):
        config = prepared.config
        prepared = replace(prepared, config=replace(config, full=replace(config.full, epochs=_EPOCHS)))
        yield "full.epochs", _EPOCHS, prepared, 1.0
    if prepared.config.full.promote > _PROMOTED and prepared.kind.promotes:
        config = prepared.config
        prepared = replace(prepared, config=replace(config, full=replace(config.full, promote=_PROMOTED)))
        yield "full.promote", _PROMOTED, prepared, 1.0
    for trials in _TRIALS:
        config = prepared.config
        if config.search.trials > trials:
            prepared = replace(prepared, config=replace(config, search=replace(config.search, trials=trials)))
            yield "search.trials", trials, prepared, 1.0
    data = prepared.data
    images = len(data.train) + len(data.validation)
    for subset in _SUBSETS:
        if subset * len(data.classes) < images:
            yield "data.subset", subset, prepared, subset * len(data.classes) / images


def _seconds(plan: Plan, changed: PreparedStudy, share: float) -> float:
    costs = expected_costs(changed, expected(changed), usual=plan.usual, large=plan.large, share=share)
    return replace(plan, prepared=changed, costs=costs).seconds


LONG_SECONDS = 2 * 3600


def plan_lines(plan: Plan) -> list[tuple[str, str]]:
    """Return the plan as (name, value) lines."""
    prepared = plan.prepared
    config, data, shape = prepared.config, prepared.data, prepared.data.shape
    return [
        ("run", f"{config.output.dir}/{prepared.name}"),
        (
            "data",
            f"{data.name}: {len(data.train):,} training, {len(data.validation):,} validation, {len(data.test):,} test "
            f"images of {shape.channels}x{shape.height}x{shape.width}, {shape.classes} classes; "
            f"shift {data.traits.shift}, {'mirrored' if data.traits.flip else 'not mirrored'}",
        ),
        *([("read", "; ".join(data.notes))] if data.notes else []),
        ("space", f"{prepared.space_size:,} networks: {prepared.space.in_words}"),
        *_budget_lines(prepared),
        *training_lines(prepared, plan.networks, plan.seed_sd),
        (
            "device",
            f"{prepared.hardware.name}, {plural(prepared.workers, 'worker')}; networks "
            f"of the band train at {1 / plan.usual.step:,.0f} images/s each",
        ),
        ("time", _time(plan)),
    ]


def too_long(plan: Plan) -> tuple[dict[str, int], str] | None:
    """Return keys with values that bring a plan below two days, and how long it then takes; None for a shorter plan."""
    if not is_too_long(plan):
        return None
    keys, seconds = shorter(plan)
    return keys, write_time(seconds)


def is_too_long(plan: Plan) -> bool:
    """Return whether a plan takes more than two days."""
    return min(plan.seconds, 3600 * (plan.prepared.config.engine.max_hours or float("inf"))) > LONGEST_SECONDS


def training_lines(prepared: PreparedStudy, networks: int = 0, seed_sd: float | None = None) -> list[tuple[str, str]]:
    """Say what a study will train and what it will leave open, as (name, value) lines.

    Args:
        prepared: the study.
        networks: that a calibration has drawn.
        seed_sd: standard deviation of an accuracy over seeds in points, where the run has it.
    """
    return [
        *(_search_lines(prepared, seed_sd) if prepared.kind.promotes else _calibration_lines(prepared, networks)),
        *((limit.name, limit.text) for limit in study_limits(prepared, networks)),
        *_mistakable(prepared),
    ]


def _search_lines(prepared: PreparedStudy, seed_sd: float | None) -> tuple[tuple[str, str], ...]:
    """Say what a search will train, as (name, value) lines."""
    config = prepared.config
    shown = can_show(prepared, seed_sd)
    run, first = config.proxy.from_run, tried_first([(seed, prepared.budget.reason(seed)) for seed in prepared.seeds])
    return (
        *([("taken over", f"the finished short trainings of {run}")] if run else []),
        *([("tried first", first)] if first else []),
        ("trials", f"{config.search.trials} {_rungs(prepared)}, {config.search.sampler}"),
        ("price", _price(prepared)),
        ("promotion", _promotion(prepared)),
        *([("early", _early(prepared))] if prepared.is_by_gain and prepared.finals().networks > 2 else []),
        *([("equal cost", _equal_cost(prepared))] if config.evidence.random_control else []),
        *([("controls", _controls(prepared))] if config.evidence.compares else []),
        *([("can show", shown.write())] if shown else []),
    )


def _calibration_lines(prepared: PreparedStudy, networks: int) -> tuple[tuple[str, str], ...]:
    """Say what a calibration of so many networks will train, as (name, value) lines."""
    config = prepared.config
    lengths = ", ".join(plural(epochs, "epoch") for epochs in prepared.rungs)
    full = f"{plural(prepared.full_epochs, 'epoch')}, {plural(config.full.repeats, 'seed')}"
    return (
        ("networks", f"{networks} at random from the band"),
        ("short", f"each from scratch for {lengths}{_on_fewer_images(prepared)}, recipe {config.proxy.recipe}"),
        ("full", f"each for {full}, recipe {config.full.recipe}"),
    )


def seed_lines(prepared: PreparedStudy) -> list[str]:
    """Return a line per model that is tried first: its count at CIFAR-10's channels and classes, and here."""
    return [
        f"{seed.origin}  {seed.spec.id:<28} {count(seed.spec, DataShape()).params:>10,}  {seed.params:>10,}"
        for seed in prepared.seeds
        if prepared.budget.fits(seed)
    ]


def _mistakable(prepared: PreparedStudy) -> list[tuple[str, str]]:
    """Say how networks that the study names differ from others of the same name that a user may mean."""
    config, shape = prepared.config, prepared.data.shape
    controls = config.evidence.control_networks if config.evidence.controls else None
    models = [
        find_model(name) for name in (*config.search.first_models, *(controls or ())) if name not in FOUND_CONTROLS
    ]
    found = [model for model in models if model is not None and is_mistakable(model.namesake, shape)]
    names = ", ".join(dict.fromkeys(model.name for model in found))
    return [("note", f"{names}: {definition(found[0].namesake)}.")] if found else []


def _time(plan: Plan) -> str:
    text = f"about {write_time(plan.seconds)} for {'what is left' if plan.is_resumed else 'all of it'}"
    hours = plan.prepared.config.engine.max_hours
    if plan.is_cut_off:
        parts = [f"{started:,} of {number:,} {in_words(level)}" for level, started, number in bought(plan) if number]
        return f"{text}; `engine.max_hours={hours:g}` buys about {', '.join(parts)}"
    if plan.seconds > LONG_SECONDS:
        fewer = "`search.trials`, `full.promote`" if plan.prepared.kind.promotes else "`search.trials`"
        text += f"; shorter with a smaller {fewer}, `full.epochs` or `data.subset`"
        text += ", stopped by `engine.max_hours`"
    return text


def _budget_lines(prepared: PreparedStudy) -> list[tuple[str, str]]:
    about = "" if prepared.index.is_exact else "about "  # too fine a grid to be counted exactly
    unit = COSTS[prepared.cost]
    lines = []
    for tier in prepared.tiers:
        band = tier.band
        parts: dict[str, int] = {}
        for one, size in band.counts.items():
            part = prepared.space.part_of(one)
            parts[part] = parts.get(part, 0) + size
        strata = ", ".join(f"{size:,} of {part}" for part, size in parts.items())
        lines += [
            ("budget", f"{tier.budget.in_words}: {about}{plural(tier.fitting, 'network')} fit"),
            ("band", f"{band.low:,} to {band.high:,} {unit}: {about}{plural(len(band), 'network')} ({strata})"),
        ]
    return [*lines, *_excluded_lines(prepared)]


def _excluded_lines(prepared: PreparedStudy) -> list[tuple[str, str]]:
    """Say what the caps on MACs and memory exclude, and what the first is where it is the default."""
    budget, excluded = prepared.budget, prepared.tiers[-1].excluded
    about = "" if prepared.index.is_exact else "about "
    within = "" if budget.band_cap is None else f" within the cap on {COSTS[prepared.cost]}"
    rule = macs_rule(budget, prepared.space)
    default = "" if rule is None else f", the default: {rule} (`space.max_macs`)"
    lines = []
    for cost, number in excluded.items():
        cap = budget.caps()[cost]
        written, after = (write_macs(cap), default) if cost == "macs" else (write_cost(cap, cost), "")
        name = "MACs" if cost == "macs" else cost
        lines.append((name, f"{about}{plural(number, 'network')}{within} need more than {written}{after}"))
    return lines


def _on_fewer_images(prepared: PreparedStudy) -> str:
    fewer = prepared.short_images < len(prepared.data.train)
    return f" on {prepared.short_images:,} images" if fewer else ""


def _rungs(prepared: PreparedStudy) -> str:
    first, *others = prepared.rungs
    text = f"short trainings of {plural(first, 'epoch')}{_on_fewer_images(prepared)}"
    for epochs in others:
        text += f", the best third again from scratch for {epochs}"
    return text + (f", shared by {len(prepared.tiers)} caps" if len(prepared.tiers) > 1 else "")


def _price(prepared: PreparedStudy) -> str:
    prices = [f"{100 * price:.1f}".removesuffix(".0") for price in prepared.prices]
    costs = " and ".join([", ".join(prices[:-1]), prices[-1]] if prices[1:] else prices)
    return f"{'short trainings cost' if prices[1:] else 'a short training costs'} {costs} % of a full one, in images"


def _promotion(prepared: PreparedStudy) -> str:
    config, each = prepared.config, " of each cap" if len(prepared.tiers) > 1 else ""
    networks, finalists = prepared.finals()
    named = "".join(f", {model.origin}" for model in prepared.named)
    text = f"best {networks}{each}{named}"
    if config.evidence.control_promotions:
        text += f" and {config.evidence.control_promotions} at random"
    fewer = " (fewer than the short trainings have)" if prepared.full_epochs < prepared.rungs[-1] else ""
    text += f", {plural(prepared.full_epochs, 'epoch')}{fewer}"
    if config.full.is_halving:
        best = "best" if finalists == 1 else f"best {finalists}"
        return f"{text}, once; then the {best}{each}{named} with {config.full.repeats} seeds"
    return f"{text}, {plural(config.full.repeats, 'seed')} each"


def _early(prepared: PreparedStudy) -> str:
    most = early_quota(prepared.config.search.trials, prepared.config.search.trials, prepared.finals().networks)
    return f"up to {most} of these between the short trainings, where that tells more per cost"


def _equal_cost(prepared: PreparedStudy) -> str:
    networks = plural(expected(prepared)[RANDOM], "random network")
    return f"about {networks}, fully trained once each until they cost as much as the search, in images and MACs"


def _controls(prepared: PreparedStudy) -> str:
    *looks, last = prepared.looks
    seeds = f"{', '.join(map(str, looks))} or {plural(last, 'fresh seed')}" if looks else plural(last, "fresh seed")
    names = [control.origin for control in prepared.controls]
    evidence = prepared.config.evidence
    asked = evidence.control_networks or () if evidence.controls else ()
    absent = [name for name in asked if name not in (*FOUND_CONTROLS, *names)]
    names += [BEST_RANDOM] if evidence.random_control else []
    text = f"{', '.join([WINNER, *names])}: {plural(prepared.full_epochs, 'epoch')}, {seeds} each"
    text += ", until told apart" if looks else ""
    text += ", on training and validation images together" if evidence.refit else ""
    return text + (f"; without {', '.join(absent)}: over a cap, or the images are halved too often" if absent else "")
