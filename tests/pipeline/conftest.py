from __future__ import annotations

import pytest
from optuna.storages import InMemoryStorage


@pytest.fixture
def storage():
    """A storage of Optuna's that is gone with the test: what decides between trainings is alike on all of them."""
    return InMemoryStorage()
