from __future__ import annotations

import doctest
from importlib import import_module

import pytest

SHOWN = (
    "arch.spec",
    "budget",
    "arch.counter",
    "cli.options",
    "evidence.accuracy",
    "evidence.fidelity",
    "evidence.estimate",
    "samplers.budget_sampler",
    "space.band",
    "space.parameters",
    "space.repair",
    "space.resnet",
    "space.widths",
)


@pytest.mark.parametrize("name", SHOWN)
def test_what_docstrings_show_is_so(name):
    done = doctest.testmod(import_module(f"budgetnas.{name}"))
    assert done.attempted
    assert not done.failed
