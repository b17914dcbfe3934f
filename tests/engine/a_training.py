"""A training as the engine's work: importable, because a worker process imports it."""

from __future__ import annotations

import sys

from budgetnas.training.perform import perform


def late_imports(task, report):
    """Train, and return the modules that were not there before."""
    before = set(sys.modules)
    perform(task, report)
    return sorted(set(sys.modules) - before)
