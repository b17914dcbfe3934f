"""Find the most accurate residual network under a hard cap on parameters."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from budgetnas.api.networks import costs, count, fit, ledger, load_dataset
    from budgetnas.api.results import best, export, predict, verify
    from budgetnas.api.studies import calibrate, search
    from budgetnas.api.trainings import reproduce, train
    from budgetnas.arch.costs import NetworkCosts
    from budgetnas.arch.counter import Complexity
    from budgetnas.arch.kinds import BlockKind
    from budgetnas.arch.layers import Act, AvgPool, Conv, Norm, Residual
    from budgetnas.arch.pools import Stages
    from budgetnas.arch.resnet import squeeze_excitation
    from budgetnas.arch.spec import DataShape, ResNetSpec
    from budgetnas.budget import Budget
    from budgetnas.certificates.certificate import load_certificate
    from budgetnas.data.dataset import Dataset
    from budgetnas.exceptions import (
        BudgetNASError,
        DataError,
        InfeasibleBudgetError,
        StorageError,
        StudyMismatchError,
        UsageError,
    )
    from budgetnas.models.build import build_model
    from budgetnas.pipeline.progress import Listener
    from budgetnas.runs.calibration import Calibration
    from budgetnas.runs.files import load_run
    from budgetnas.runs.result import SearchResult
    from budgetnas.runs.trainings import TrainingsResult
    from budgetnas.samplers.budget_sampler import BandExhaustedError, BudgetSampler, suggest
    from budgetnas.samplers.parameters import to_params
    from budgetnas.space.atlas import make_atlas
    from budgetnas.space.band import make_index
    from budgetnas.space.protocol import Dimension, Space
    from budgetnas.space.repair import repair
    from budgetnas.space.resnet import ResNetSpace

__version__ = "0.1.0"

__all__ = [
    "Act",
    "AvgPool",
    "BandExhaustedError",
    "BlockKind",
    "Budget",
    "BudgetNASError",
    "BudgetSampler",
    "Calibration",
    "Complexity",
    "Conv",
    "DataError",
    "DataShape",
    "Dataset",
    "Dimension",
    "InfeasibleBudgetError",
    "Listener",
    "NetworkCosts",
    "Norm",
    "ResNetSpace",
    "ResNetSpec",
    "Residual",
    "SearchResult",
    "Space",
    "Stages",
    "StorageError",
    "StudyMismatchError",
    "TrainingsResult",
    "UsageError",
    "best",
    "build_model",
    "calibrate",
    "costs",
    "count",
    "export",
    "fit",
    "ledger",
    "load_certificate",
    "load_dataset",
    "load_run",
    "make_atlas",
    "make_index",
    "predict",
    "repair",
    "reproduce",
    "search",
    "squeeze_excitation",
    "suggest",
    "to_params",
    "train",
    "verify",
]

_HOMES = {  # the module of each name, imported when the name is asked for
    "Act": "arch.layers",
    "AvgPool": "arch.layers",
    "BandExhaustedError": "samplers.budget_sampler",
    "BlockKind": "arch.kinds",
    "Budget": "budget",
    "BudgetNASError": "exceptions",
    "BudgetSampler": "samplers.budget_sampler",
    "Calibration": "runs.calibration",
    "Complexity": "arch.counter",
    "Conv": "arch.layers",
    "DataError": "exceptions",
    "DataShape": "arch.spec",
    "Dataset": "data.dataset",
    "Dimension": "space.protocol",
    "InfeasibleBudgetError": "exceptions",
    "Listener": "pipeline.progress",
    "NetworkCosts": "arch.costs",
    "Norm": "arch.layers",
    "ResNetSpace": "space.resnet",
    "ResNetSpec": "arch.spec",
    "Residual": "arch.layers",
    "SearchResult": "runs.result",
    "Space": "space.protocol",
    "Stages": "arch.pools",
    "StorageError": "exceptions",
    "StudyMismatchError": "exceptions",
    "TrainingsResult": "runs.trainings",
    "UsageError": "exceptions",
    "best": "api.results",
    "build_model": "models.build",
    "calibrate": "api.studies",
    "costs": "api.networks",
    "count": "api.networks",
    "export": "api.results",
    "fit": "api.networks",
    "ledger": "api.networks",
    "load_certificate": "certificates.certificate",
    "load_dataset": "api.networks",
    "load_run": "runs.files",
    "make_atlas": "space.atlas",
    "make_index": "space.band",
    "predict": "api.results",
    "repair": "space.repair",
    "reproduce": "api.trainings",
    "search": "api.studies",
    "squeeze_excitation": "arch.resnet",
    "suggest": "samplers.budget_sampler",
    "to_params": "samplers.parameters",
    "train": "api.trainings",
    "verify": "api.results",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
