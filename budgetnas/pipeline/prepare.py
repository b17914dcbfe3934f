"""The preparation of a study, with all checks before anything is written: device, data, space, budget, recipes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from budgetnas.arch.spec import DataShape
from budgetnas.budget import Budget
from budgetnas.config.macs_cap import AUTO
from budgetnas.config.recipe import load_recipe
from budgetnas.config.sections import SpaceConfig
from budgetnas.config.study import StudyConfig, run_name
from budgetnas.data.dataset import Dataset, normalisation
from budgetnas.data.load import SHAPES, is_known, load_dataset, resolve
from budgetnas.exceptions import MissingDataError, UsageError
from budgetnas.pipeline.can_show import can_show
from budgetnas.pipeline.prepared_study import PreparedStudy, Tier
from budgetnas.pipeline.reference_networks import seeds
from budgetnas.pipeline.stored_index import index_of
from budgetnas.runs.settings import Kind
from budgetnas.space.band import choose_band, fitting, over_memory
from budgetnas.space.members import SpaceIndex
from budgetnas.training.device import Hardware, find_hardware
from budgetnas.training.tasks import Setting

BAND_FACTOR = 10
FEWEST_IN_BAND = 1_000  # so that a study of few trials can be continued to 100 in the band that 100 would have


def prepare(
    config: StudyConfig,
    hardware: Hardware | None = None,
    *,
    kind: Kind = Kind.SEARCH,
    is_plan: bool = False,
    message: Callable[[str], None] = lambda line: None,
) -> PreparedStudy:
    """Decide every default and check every rule; nothing is written.

    Args:
        config: the study.
        hardware: what trainings run on; this machine's unless given.
        kind: of the run.
        is_plan: whether nothing will be trained, so that the shapes of a data set are enough where it cannot be had.
        message: receives how far the counting of a large space is.

    Raises:
        UsageError: a value of the study breaks a rule.
        DataError: the data set cannot be loaded.
        InfeasibleBudgetError: nothing of the space fits the budget.
    """
    config.space.check_keys()  # a wrong key or cap is reported before anything is loaded
    config.budgets(DataShape())
    for name in (config.proxy.recipe, config.full.recipe):
        load_recipe("proxy" if name == "auto" else name)  # a wrong name, too
    hardware = hardware or find_hardware(config.engine.device)
    precision = hardware.precision if config.engine.precision == "auto" else config.engine.precision
    workers = _workers(config, hardware)
    config = replace(config, data=resolve(config.data, has_gpu=hardware.device != "cpu"))
    config, data = _data(config, is_plan=is_plan)
    if config.proxy.recipe == "auto":
        config = replace(config, proxy=replace(config.proxy, recipe=data.traits.proxy_recipe))
    has_auto_models = config.search.paper_models == "auto"
    if has_auto_models:
        config = replace(config, search=replace(config.search, paper_models=is_known(config.data)))
    recipes = [load_recipe(name).at(precision) for name in (config.proxy.recipe, config.full.recipe)]
    for recipe in recipes:
        normalisation(data, recipe)  # a recipe for other images is refused before anything trains
    budgets = config.budgets(data.shape)
    largest = budgets[-1]
    config = replace(
        config,
        budget=replace(
            config.budget,
            **{name: getattr(largest, name) for name in ("max_params", "max_bytes", "max_memory")},
            tiers=config.budget.tiers and tuple(budget.max_params or 0 for budget in budgets),
        ),
        space=_with_macs_cap(config.space, largest),
        proxy=replace(config.proxy, rungs=config.proxy.rungs or (data.traits.proxy_epochs or recipes[0].epochs,)),
        full=replace(config.full, epochs=config.full.epochs or data.traits.full_epochs or recipes[1].epochs),
        engine=replace(config.engine, device=hardware.device, precision=precision, workers=workers),
        output=replace(
            config.output,
            name=config.output.name
            or run_name(data.name, config.budget, data.shape, config.search.seed, suffix=kind.suffix),
        ),
    )
    space = config.space.space(data.shape)
    index = index_of(
        space,
        Path(config.output.dir) / str(config.output.name),
        budget=largest,
        seed=config.search.seed,
        message=message,
    )
    prepared = PreparedStudy(
        kind=kind,
        config=config,
        data=data,
        space=space,
        tiers=tuple(_tier(config, index, budget) for budget in budgets),
        space_size=index.size(),
        index=index,
        seeds=seeds(config, data.shape),
        has_auto_models=has_auto_models,
        proxy=recipes[0],
        full=recipes[1],
        setting=Setting(
            data=config.data, fingerprint=data.fingerprint, device=hardware.device, threads=config.engine.threads
        ),
        hardware=hardware,
    )
    _check_stop(prepared)
    return prepared


def _check_stop(prepared: PreparedStudy) -> None:
    """Refuse a rule for stopping that has nothing to go by."""
    if prepared.config.search.stop != "hopeless" or not prepared.kind.promotes:
        return
    if not prepared.learns_jointly:
        raise UsageError(
            "is 'hopeless', but only the default sampler and model can tell, with one cap and one length of "
            "`proxy.rungs`: leave it out.",
            argument="search.stop",
        )
    if can_show(prepared) is None:
        raise UsageError(
            "is 'hopeless', but without fresh seeds nothing says which gain can be shown: add "
            "`evidence.controls=true` and `evidence.control_repeats=3`, or leave it out.",
            argument="search.stop",
        )


def _with_macs_cap(space: SpaceConfig, budget: Budget) -> SpaceConfig:
    """Return the space with the number of the default cap on MACs, which a record keeps."""
    return space if space.max_macs != AUTO or budget.max_macs is None else replace(space, max_macs=budget.max_macs)


def _data(config: StudyConfig, *, is_plan: bool) -> tuple[StudyConfig, Dataset]:
    if config.data.dataset.startswith(SHAPES):
        name = config.data.dataset.removeprefix(SHAPES)
        raise UsageError(
            f"is {config.data.dataset!r}, but only a plan has such a stand-in: give {name}.", argument="data.dataset"
        )
    try:
        return config, load_dataset(config.data)
    except MissingDataError:
        if not is_plan:
            raise
    config = replace(config, data=replace(config.data, dataset=SHAPES + config.data.dataset))
    return config, load_dataset(config.data)


def _workers(config: StudyConfig, hardware: Hardware) -> int:
    engine = config.engine
    slots = hardware.slots(threads=engine.threads, gpus_per_trial=engine.gpus_per_trial)
    workers = engine.workers or slots
    if hardware.gpus and workers > slots:
        share = engine.gpus_per_trial
        raise UsageError(
            f"is {workers}, but at `engine.gpus_per_trial` = {share:g} the GPUs have room for {slots}: give fewer, or "
            f"`engine.gpus_per_trial={1000 * hardware.gpus // workers / 1000:g}`.",
            argument="engine.workers",
        )
    return workers


def _tier(config: StudyConfig, index: SpaceIndex, budget: Budget) -> Tier:
    wanted = max(FEWEST_IN_BAND, BAND_FACTOR * config.search.trials)
    band = choose_band(index, budget, min_utilisation=config.budget.min_utilisation, wanted=wanted)
    fit = fitting(index, budget)
    excluded = {}
    if budget.max_macs is not None:
        excluded["macs"] = fitting(index, budget, ignore_macs=True) - fit
    if budget.max_memory is not None:
        excluded["memory"] = over_memory(index, budget)
    return Tier(
        budget=budget,
        band=band,
        cap=band.high if budget.band_cap is None else budget.band_cap,
        fitting=fit,
        excluded=excluded,
    )
