"""The networks of a study that no sampler proposes: those tried first, and the controls of its winner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from budgetnas.arch import kinds
from budgetnas.arch.costs import costs_of
from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.arrays import Stream, generator
from budgetnas.budget import SIZES, Budget
from budgetnas.config.evidence import FOUND_CONTROLS
from budgetnas.config.models import NamedModel, find_model, paper_models
from budgetnas.config.study import StudyConfig
from budgetnas.data.load import is_known
from budgetnas.exceptions import InfeasibleBudgetError, UsageError
from budgetnas.space.widths import fit
from budgetnas.trials.trial import Candidate

if TYPE_CHECKING:
    from budgetnas.pipeline.prepared_study import PreparedStudy


def seeds(config: StudyConfig, shape: DataShape) -> tuple[Candidate, ...]:
    """Return the models that are tried first, each once, whether they fit or not.

    Args:
        config: the study, `search.paper_models` decided.
        shape: images and classes.

    Raises:
        UsageError: one of `search.first_models` is no network that a search knows.
    """
    theirs = [model for model in paper_models() if model.seeded] if config.search.paper_models is True else []
    space = config.space.space(shape)
    distinct: dict[ResNetSpec, str] = {}
    for model in first_models(config):
        if kinds.is_name(model.spec.kind):
            kinds.required(model.spec.kind, argument="search.first_models")
        if not space.has_point(model.spec):
            raise UsageError(
                f"has {model.name}, but a search knows {space.known}: leave it out.", argument="search.first_models"
            )
    for model in (*theirs, *first_models(config)):
        distinct.setdefault(model.spec, model.name)
    budget = config.budgets(shape)[-1]
    return tuple(counted(spec, name, shape, budget) for spec, name in distinct.items())


def first_models(config: StudyConfig) -> list[NamedModel]:
    """Return the networks of `search.first_models`."""
    found = [find_model(name) for name in config.search.first_models]
    models = [model for model in found if model is not None]
    assert len(models) == len(found), "the study's names are not checked"
    return models


def counted(spec: ResNetSpec, origin: str, shape: DataShape, budget: Budget | None = None) -> Candidate:
    """Count a network for images and classes of `shape`; bytes and memory only where a budget caps them."""
    cost = count(spec, shape)
    candidate = Candidate(spec=spec, params=cost.params, macs=cost.macs, origin=origin)
    capped = set() if budget is None else budget.caps().keys() & set(SIZES)
    if budget is None or not capped:
        return candidate
    sizes = costs_of(spec, shape, budget.weights)
    return replace(candidate, **{cost: getattr(sizes, cost) for cost in capped})


THEIRS = "report"  # the stored word for the best model of Pei et al. that fits


def find_controls(prepared: PreparedStudy) -> list[Candidate]:
    """Return the controls of a study's largest cap, each under its name.

    The model of Pei et al. with the highest reported accuracy among those that fit; ResNet-18 with all widths scaled to
    fill the caps, without the stages that the images leave no room for; the network of most MACs in the band; a random
    network of the band; or those that the study names. What does not exist under the caps is left out, and on a
    person's own data the first, unless the study asks for it.
    """
    config = prepared.config
    names = config.evidence.control_networks
    if names is None:
        has_theirs = is_known(config.data) or config.search.paper_models is True
        names = FOUND_CONTROLS if has_theirs else tuple(name for name in FOUND_CONTROLS if name != THEIRS)
    return [candidate for name in names for candidate in _find(prepared, name)]


def _find(prepared: PreparedStudy, name: str) -> Iterator[Candidate]:
    finders: dict[str, Callable[[PreparedStudy], Iterator[Candidate]]]
    finders = {THEIRS: _reported, "scaled": _scaled, "most_macs": _most_macs, "random": _random}
    return finders[name](prepared) if name in FOUND_CONTROLS else _shipped(prepared, name)


def _shipped(prepared: PreparedStudy, name: str) -> Iterator[Candidate]:
    model = find_model(name)
    assert model is not None
    candidate = prepared.candidate(model.spec, name)
    if _has_room(prepared, model.spec) and prepared.budget.fits(candidate):
        yield candidate


def _reported(prepared: PreparedStudy) -> Iterator[Candidate]:
    models = [model for model in paper_models() if model.seeded and model.reported_accuracy is not None]
    for model in sorted(models, key=lambda model: -(model.reported_accuracy or 0)):
        for candidate in _shipped(prepared, model.name):
            yield replace(candidate, origin=f"{model.name} of Pei et al.")
            return


def _scaled(prepared: PreparedStudy) -> Iterator[Candidate]:
    model = find_model("resnet18")
    assert model is not None
    given = model.spec.first(_most_stages(prepared))
    cut = "" if given == model.spec else f" of {given.depth} stages"
    try:
        spec = fit(given, prepared.data.shape, prepared.budget)
    except InfeasibleBudgetError:
        return
    yield prepared.candidate(spec, f"scaled ResNet-18{cut}")


def _most_macs(prepared: PreparedStudy) -> Iterator[Candidate]:
    band = prepared.tiers[-1].band
    member = prepared.index.most_macs(band.low, band.high)
    if member is not None:
        yield prepared.candidate(prepared.space.decode(member.point), "the most-MACs network")


def _random(prepared: PreparedStudy) -> Iterator[Candidate]:
    rng = generator(prepared.config.search.seed, 0, Stream.CONTROL)
    member = prepared.tiers[-1].band.draw(1, rng=rng).at(0)
    yield prepared.candidate(prepared.space.decode(member.point), "a random network")


def _has_room(prepared: PreparedStudy, spec: ResNetSpec) -> bool:
    """Return whether the images can be halved as often as the network does."""
    return spec.strides.count(2) < _most_stages(prepared)


def _most_stages(prepared: PreparedStudy) -> int:
    """Return the most stages of networks in which each but the first halves the images."""
    return min(prepared.space.depth_range[1], prepared.space.most_halvings + 1)
