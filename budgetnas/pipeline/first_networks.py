"""The networks that a search tries before its own proposals: models of Pei et al., and the study's own list."""

from __future__ import annotations

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape, ResNetSpec
from budgetnas.config.models import NamedModel, find_model, paper_models
from budgetnas.config.study import StudyConfig
from budgetnas.exceptions import UsageError
from budgetnas.space.resnet import SEARCHABLE, is_searchable
from budgetnas.trials.trial import Candidate


def seeds(config: StudyConfig, shape: DataShape) -> tuple[Candidate, ...]:
    """Return the models that are tried first, each once, whether they fit or not.

    Args:
        config: the study, `search.paper_models` decided.
        shape: images and classes.

    Raises:
        UsageError: one of `search.first_models` is no network that a search knows.
    """
    theirs = [model for model in paper_models() if model.seeded] if config.search.paper_models is True else []
    distinct: dict[ResNetSpec, str] = {}
    for model in (*theirs, *first_models(config)):
        distinct.setdefault(model.spec, model.name)
    return tuple(counted(spec, name, shape) for spec, name in distinct.items())


def first_models(config: StudyConfig) -> list[NamedModel]:
    """Return the networks of `search.first_models`.

    Raises:
        UsageError: one of them is no network that a search knows.
    """
    found = [find_model(name) for name in config.search.first_models]
    models = [model for model in found if model is not None]
    assert len(models) == len(found), "the study's names are not checked"
    for model in models:
        if not is_searchable(model.spec):
            raise UsageError(
                f"has {model.name}, but a search knows {SEARCHABLE}: leave it out.", argument="search.first_models"
            )
    return models


def counted(spec: ResNetSpec, origin: str, shape: DataShape) -> Candidate:
    """Count a network for images and classes of `shape`."""
    cost = count(spec, shape)
    return Candidate(spec=spec, params=cost.params, macs=cost.macs, origin=origin)
