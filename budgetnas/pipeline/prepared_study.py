"""A study that is ready to run, all of its defaults decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from budgetnas.arch.kinds import codes
from budgetnas.arch.spec import ResNetSpec
from budgetnas.budget import Budget, share_of
from budgetnas.config.recipe import Recipe
from budgetnas.config.recorded import FILE
from budgetnas.config.study import FREE_KEYS, StudyConfig, flatten
from budgetnas.data.dataset import Dataset
from budgetnas.pipeline.reference_networks import counted, find_controls, first_models, seeds
from budgetnas.runs.settings import Kind
from budgetnas.samplers.macs_prior import usual_macs
from budgetnas.samplers.rules import Rule, rule_of
from budgetnas.space.members import Band, SpaceIndex
from budgetnas.space.parameters import Ranges
from budgetnas.space.resnet import ResNetSpace
from budgetnas.training.device import Hardware
from budgetnas.training.tasks import Setting
from budgetnas.trials.finals import Finals, equal, halving
from budgetnas.trials.trial import Candidate

RUNGS = "proxy.rungs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tier:
    """One budget of a study.

    Attributes:
        budget: its caps.
        band: the members that proposals for it come from.
        cap: its cap on the cost of the band; where neither params nor bytes are capped, params of the largest network
            that fits.
        fitting: number of members of the space within the budget, exact if the index is.
        excluded: number of members that a cap on MACs or memory alone keeps out, by that cost, likewise.
    """

    budget: Budget
    band: Band
    cap: int
    fitting: int
    excluded: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class PreparedStudy:
    """A study that is ready to run, all defaults decided.

    Attributes:
        kind: of the run.
        config: the study file, with data set, device, epochs, workers and name filled in.
        data: the data set.
        space: what may be proposed, budget aside.
        tiers: its budgets, by params ascending; usually one. Their other caps are the same.
        space_size: architectures of the space, caps aside.
        index: of the whole space.
        seeds: the models that are tried first.
        has_auto_models: whether the user did not set `search.paper_models`, so that a run keeps its first value.
        proxy: recipe of the short training, its precision decided.
        full: recipe of the full training, its precision decided.
        setting: shared by all tasks.
        hardware: what trainings run on.
    """

    kind: Kind
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
        """The largest cap on the cost of the bands."""
        return self.tiers[-1].cap

    @property
    def cost(self) -> str:
        """The cost that the bands are of, "params" or "bytes"."""
        return self.budget.band_cost

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
        """Lengths of the short trainings in epochs, ascending."""
        return self.config.proxy.rungs or (self.proxy.epochs,)

    @property
    def short_images(self) -> int:
        """Number of images that a short training learns from."""
        most, of_each = self.config.proxy.subset, np.bincount(self.data.train.labels)
        return int((of_each if most is None else np.minimum(of_each, most)).sum())

    @property
    def prices(self) -> tuple[float, ...]:
        """What a short training of each rung costs as a share of a full one of the same network: that of its images."""
        full = self.full_epochs * len(self.data.train)
        return tuple(epochs * self.short_images / full for epochs in self.rungs)

    @property
    def is_by_gain(self) -> bool:
        """Whether some networks are fully trained between the short trainings, and the sampler learns from them."""
        return self.config.full.start == "by_gain" and self.learns_jointly

    @property
    def learns_jointly(self) -> bool:
        """Whether the sampler can learn from short and full trainings together: with one length, cap and its model."""
        search = self.config.search
        is_ours = self.kind.promotes and (search.sampler, search.model) == ("thompson", "joint")
        return is_ours and len(self.rungs) == len(self.tiers) == 1

    @property
    def full_epochs(self) -> int:
        """Length of the full training."""
        return self.config.full.epochs or self.full.epochs

    @property
    def ranges(self) -> Ranges:
        """The ranges of every parameter, wide enough for the networks that are tried first."""
        return self.space.ranges.cover(*(candidate.spec for candidate in self.seeds))

    def finals(self, available: int | None = None) -> Finals:
        """Return how many networks of each cap are fully trained for their scores, and how many with all seeds.

        Args:
            available: networks that there are to promote, if known.
        """
        full = self.config.full
        if full.is_halving:
            return halving(full.promote, full.repeats, available)
        return equal(full.promote, available)

    @cached_property
    def controls(self) -> tuple[Candidate, ...]:
        """The networks that the winner is compared with; none where the study asks for none."""
        return tuple(find_controls(self)) if self.config.evidence.controls else ()

    @cached_property
    def rule(self) -> Rule:
        """How the study learns from scores."""
        return rule_of(self.config.search, [(tier.band.high, usual_macs(tier.band)) for tier in self.tiers])

    @property
    def looks(self) -> tuple[int, ...]:
        """Seeds of the winner and of each control at each comparison; one number without sequential looks."""
        evidence = self.config.evidence
        return evidence.looks or (evidence.control_repeats or self.config.full.repeats,)

    @property
    def control_repeats(self) -> int:
        """Seeds of the winner and of each control; with sequential looks the most that they may get."""
        return self.looks[-1]

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
        """Folder of the run."""
        return Path(self.config.output.dir) / self.name

    @property
    def study_path(self) -> Path:
        """The file in its folder that resumes it: the study with every default decided."""
        return self.folder / FILE

    def with_bands(self, bands: Sequence[Sequence[int]]) -> PreparedStudy:
        """Return the study with the bands that its run was started with: lowest and highest params, a tier each."""
        members = [self.index.band(low, high) for low, high in bands]
        tiers = tuple(replace(tier, band=band) for tier, band in zip(self.tiers, members, strict=True))
        return replace(self, tiers=tiers)

    def with_paper_models(self, *, tried: bool) -> PreparedStudy:
        """Return the study with the models of Pei et al. as the first trials, or without them."""
        config = replace(self.config, search=replace(self.config.search, paper_models=tried))
        return replace(self, config=config, seeds=seeds(config, self.data.shape))

    def utilisation(self, candidate: Candidate) -> float:
        """Return the share of the largest cap that a network uses."""
        return share_of(candidate, self.cost, self.cap)

    def candidate(self, spec: ResNetSpec, origin: str) -> Candidate:
        """Count an architecture for the study's data set."""
        return counted(spec, origin, self.data.shape, self.budget)

    def identity(self) -> dict[str, Any]:
        """Return everything that proposals or scores depend on, as JSON values: what a resumed study must share.

        Lengths are studies of their own, and another one changes none of them; but a search learns from its first one.
        """
        keys = {"kind": self.kind.value}
        keys |= {key: value for key, value in flatten(self.config).items() if key not in FREE_KEYS}
        for section, recipe in (("proxy", self.proxy), ("full", self.full)):
            keys |= {f"{section}.recipe.{key}": value for key, value in asdict(recipe).items() if key != "description"}
        if not self.kind.promotes:
            del keys[RUNGS]
        return {**keys, **codes(self.config.space.kinds), "data.fingerprint": self.data.fingerprint}
