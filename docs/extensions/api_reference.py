"""The reference of the Python API, from the names of `budgetnas` itself and their docstrings."""

from __future__ import annotations

import inspect

import budgetnas

# In the order of the page; a test holds it to `budgetnas.__all__`.
SUBJECTS = {
    "Searching": "search load_run best calibrate SearchResult Calibration Listener",
    "Training": "train reproduce TrainingsResult load_dataset Dataset",
    "Counting and fitting": "count costs ledger fit build_model ResNetSpec DataShape Complexity NetworkCosts",
    "Spaces": "ResNetSpace Space Dimension Budget make_index make_atlas repair",
    "A kind of blocks of your own": "BlockKind Stages Conv Norm Act AvgPool Residual squeeze_excitation",
    "Sampling in an Optuna study": "BudgetSampler suggest to_params",
    "Certificates": "load_certificate export verify predict",
    "Errors": (
        "BudgetNASError UsageError InfeasibleBudgetError BandExhaustedError DataError StorageError StudyMismatchError"
    ),
}
HIDDEN = {  # what Optuna, or the index of a space, calls
    "BudgetSampler": "infer_relative_search_space, sample_relative, sample_independent, after_trial",
    "ResNetSpace": "params, macs, canonical, strata, features, chains, dimensions",
}


def api_reference() -> str:
    """Return a section of Markdown for every subject."""
    return "\n\n".join(f"## {subject}\n\n{_section(names.split())}" for subject, names in SUBJECTS.items())


def _section(names: list[str]) -> str:
    return "\n".join(["```{eval-rst}", *(_directive(name) for name in names), "```"])


def _directive(name: str) -> str:
    found = getattr(budgetnas, name)
    if not inspect.isclass(found):
        return f".. autofunction:: budgetnas.{name}\n"
    if issubclass(found, Exception):
        return f".. autoexception:: budgetnas.{name}\n"
    hidden = f"   :exclude-members: {HIDDEN[name]}\n" if name in HIDDEN else ""
    return f".. autoclass:: budgetnas.{name}\n   :members:\n{hidden}"
