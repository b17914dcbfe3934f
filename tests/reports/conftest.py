from __future__ import annotations

import sys
from pathlib import Path

import pytest

from budgetnas.reports.facts import ReportFacts

sys.path.insert(0, str(Path(__file__).parent))  # where `made` lies


@pytest.fixture(scope="session")
def facts() -> ReportFacts:
    """A search of 60 trials, 5 of them trained in full."""
    from made import made_facts

    return made_facts(60)


@pytest.fixture(scope="session")
def few() -> ReportFacts:
    """A search of 3 trials, one of them over the cap, none trained in full."""
    from made import made_facts

    return made_facts(3, finals=0, tested=False)
