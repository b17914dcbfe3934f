"""The preparation of a study, with all checks before anything is written: device, data, space, budget, recipes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.budget import Budget
from budgetnas.config.recipe import Recipe, load_recipe
from budgetnas.config.recorded import FILE
from budgetnas.config.study import FREE_KEYS, StudyConfig, flatten, run_name
from budgetnas.data.dataset import Dataset, normalisation
from budgetnas.data.load import SHAPES, is_known, load_dataset, resolve
from budgetnas.exceptions import MissingDataError, UsageError
from budgetnas.pipeline.first_networks import counted, first_models, seeds
from budgetnas.space.band import choose_band, fitting
from budgetnas.space.index import make_index
from budgetnas.space.members import Band, SpaceIndex
from budgetnas.space.resnet import ResNetSpace
from budgetnas.training.device import Hardware, find_hardware
from budgetnas.training.tasks import Setting
from budgetnas.trials.trial import Candidate

BAND_FACTOR = 10
FEWEST_IN_BAND = 1_000  # so that a study of few trials can be continued to 100 in the band that 100 would have


@dataclass(frozen=True, kw_only=True, slots=True)
class Tier:
    """One budget of a study.

    Attributes:
        budget: its caps.
        band: the members that proposals for it come from.
        fitting: number of members of the space within the budget, exact if the index is.
    """

    budget: Budget
    band: Band
    fitting: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedStudy:
    """A study that is ready to run, all defaults decided.

    Attributes:
        config: the study file, with data set, device, epochs, workers and name filled in.
        data: the data set.
        space: what may be proposed, budget aside.
        tiers: its budgets, by params ascending; usually one. Their cap on MACs is the same.
        space_size: architectures of the space, caps aside.
        index: of the whole space.
        seeds: the models that are tried first.
        has_auto_models: whether nobody named `search.paper_models`, so that a run keeps what it was started with.
        proxy: recipe of the short training, its precision decided.
        full: recipe of the full training, its precision decided.
        setting: what all tasks share.
        hardware: what trainings run on.
    """

    config: StudyConfig
    data: Dataset
    space: ResNetSpace
    tiers: tuple[Tier, ...]
    space_size: int
    index: SpaceIndex
    seeds: tuple[Candidate, ...]
    has_auto_models: bool
    proxy: Recipe
    full: Recipe
    setting: Setting
    hardware: Hardware

    @property
    def cap(self) -> int:
        """The largest cap on params."""
        return self.budget.max_params

    @property
    def budget(self) -> Budget:
        """The budget that every network of the study fits: that of the largest tier."""
        return self.budgets[-1]

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """The budget of each tier, ascending."""
        return tuple(tier.budget for tier in self.tiers)

    @property
    def named(self) -> tuple[Candidate, ...]:
        """The `search.first_models` that fit the budget."""
        specs = {model.spec for model in first_models(self.config)}
        return tuple(model for model in self.seeds if model.spec in specs and self.budget.fits(model))

    @property
    def rungs(self) -> tuple[int, ...]:
        """Lengths of the short trainings in epochs, rising."""
        return self.config.proxy.rungs or (self.proxy.epochs,)

    @property
    def short_images(self) -> int:
        """Number of images that a short training learns from."""
        most, of_each = self.config.proxy.subset, np.bincount(self.data.train.labels)
        return int((of_each if most is None else np.minimum(of_each, most)).sum())

    @property
    def full_epochs(self) -> int:
        """Length of the full training."""
        return self.config.full.epochs or self.full.epochs

    @property
    def control_repeats(self) -> int:
        """Seeds of the winner and of each control."""
        return self.config.evidence.control_repeats or self.config.full.repeats

    @property
    def workers(self) -> int:
        """Trainings side by side."""
        return self.config.engine.workers or 1

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.config.output.name or ""

    @property
    def folder(self) -> Path:
        """Where the run lives."""
        return Path(self.config.output.dir) / self.name

    @property
    def study_path(self) -> Path:
        """The file in its folder that resumes it: the study with every default decided."""
        return self.folder / FILE

    def with_bands(self, bands: Sequence[Sequence[int]]) -> PreparedStudy:
        """Return it with the bands that a study was started with: lowest and highest params, a tier each."""
        members = [self.index.band(low, high) for low, high in bands]
        tiers = tuple(replace(tier, band=band) for tier, band in zip(self.tiers, members, strict=True))
        return replace(self, tiers=tiers)

    def with_paper_models(self, *, tried: bool) -> PreparedStudy:
        """Return it with the models of Pei et al. as the first trials, or without them."""
        config = replace(self.config, search=replace(self.config.search, paper_models=tried))
        return replace(self, config=config, seeds=seeds(config, self.data.shape))

    def candidate(self, spec: ResNetSpec, origin: str) -> Candidate:
        """Count an architecture for the data set at hand."""
        return counted(spec, origin, self.data.shape)

    def identity(self) -> dict[str, Any]:
        """Return everything that proposals or scores depend on, as JSON values: what a resumed study must share."""
        keys = {key: value for key, value in flatten(self.config).items() if key not in FREE_KEYS}
        for stage, recipe in (("proxy", self.proxy), ("full", self.full)):
            keys |= {f"{stage}.recipe.{key}": value for key, value in asdict(recipe).items() if key != "description"}
        return {**keys, "data.fingerprint": self.data.fingerprint}


def prepare(
    config: StudyConfig, hardware: Hardware | None = None, *, suffix: str = "", is_plan: bool = False
) -> PreparedStudy:
    """Decide every default and check every rule, writing nothing.

    Args:
        config: the study.
        hardware: what trainings run on; this machine's unless given.
        suffix: of the run's name where none is given.
        is_plan: whether nothing will be trained, so that the shapes of a data set are enough where it cannot be had.

    Raises:
        UsageError: a value of the study breaks a rule.
        DataError: the data set cannot be had.
        InfeasibleBudgetError: nothing of the space fits the budget.
    """
    config.budgets(DataShape())  # a wrong cap is reported before anything is loaded
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
        normalisation(data, recipe)  # a recipe for other images is told before anything trains
    budgets = config.budgets(data.shape)
    caps = tuple(budget.max_params for budget in budgets)
    config = replace(
        config,
        budget=replace(config.budget, max_params=caps[-1], tiers=config.budget.tiers and caps),
        proxy=replace(config.proxy, rungs=config.proxy.rungs or (data.traits.proxy_epochs or recipes[0].epochs,)),
        full=replace(config.full, epochs=config.full.epochs or data.traits.full_epochs or recipes[1].epochs),
        engine=replace(config.engine, device=hardware.device, precision=precision, workers=workers),
        output=replace(
            config.output,
            name=config.output.name or run_name(data.name, caps[-1], config.search.seed, suffix=suffix),
        ),
    )
    space = config.space.space(data.shape)
    index = make_index(space, max_macs=budgets[-1].max_macs)
    return PreparedStudy(
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
    cap = budget.max_params
    band = choose_band(index, cap, min_utilisation=config.budget.min_utilisation, wanted=wanted)
    return Tier(budget=budget, band=band, fitting=fitting(index, cap))
