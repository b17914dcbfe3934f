from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from budgetnas.evidence.fidelity import kendall, tau

TABLE = Path(__file__).parents[3] / "shared" / "bench" / "nb201_c10_12v200_1000.csv.gz"
DRAWS = 2_000


@pytest.fixture(scope="module")
def trainings():
    """Test accuracies of 1,000 NAS-Bench-201 cells after complete schedules of 12 and of 200 epochs."""
    if not TABLE.exists():
        pytest.skip("the table of 12 against 200 epochs, which is not part of this repository, is not beside it")
    table = np.genfromtxt(TABLE, delimiter=",", names=True, usecols=("test12", "test200"))
    return table["test12"], table["test200"]


def test_twelve_epochs_rank_all_cells_but_hardly_the_best(trainings):
    short, full = trainings
    assert len(full) == 1_000
    assert round(kendall(short, full), 2) == 0.73
    best = full >= np.sort(full)[-100]
    assert round(kendall(short[best], full[best]), 2) == 0.36
    found = tau(short, full)
    assert found.high - found.low < 0.06
    assert found.low < kendall(short, full) < found.high


def test_how_often_promotion_by_twelve_epochs_keeps_the_truly_best(trainings):
    short, full = trainings
    rng = np.random.default_rng(0)
    draws = [rng.choice(len(full), size=100, replace=False) for _ in range(DRAWS)]
    places = [np.argsort(-short[rows], kind="stable").tolist().index(full[rows].argmax()) for rows in draws]
    kept = [np.mean(np.array(places) < k) for k in (1, 5, 10)]
    assert kept == pytest.approx([0.53, 0.87, 0.92], abs=0.03)
