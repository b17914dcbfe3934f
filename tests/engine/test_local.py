from __future__ import annotations

import pytest
from contract import Contract, collect
from workers import work

from budgetnas.engine.local import LocalEngine


class TestLocalEngine(Contract):
    dead = "its worker died 3 times (signal SIGKILL)"
    patience, processes = 3.0, 2

    @pytest.fixture
    def engine(self):
        engine = LocalEngine(work, workers=2)
        yield engine
        engine.close()

    @pytest.fixture
    def impatient(self):
        engine = LocalEngine(work, workers=2, timeout=self.patience)
        yield engine
        engine.close()


def test_gpus_are_shared_out_among_the_workers(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    several = LocalEngine(work, workers=3, gpus=2)
    try:
        for key in "abc":
            several.submit(key, ("environment", "CUDA_VISIBLE_DEVICES"))
        assert sorted(event.result for event in collect(several, 3)) == ["3", "3", "5"]
    finally:
        several.close()
