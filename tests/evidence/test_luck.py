from __future__ import annotations

import numpy as np
import pytest

from budgetnas.evidence.accuracy import RARE, is_luck


@pytest.mark.parametrize(
    ("right", "images", "chance", "expected"),
    [
        (500, 5_000, 0.1, True),
        (570, 5_000, 0.1, True),
        (580, 5_000, 0.1, False),
        (0, 5_000, 0.1, True),
        (180, 200, 0.9, True),  # one answer for all, where nine of ten images are of one class
        (199, 200, 0.9, False),
        (5, 5, 0.5, True),  # five images show nothing
        (20, 20, 0.5, False),
        (3, 3, 1.0, True),
    ],
)
def test_a_score_is_luck_where_guesses_reach_it_too(right, images, chance, expected):
    assert is_luck(right, images, chance=chance) is expected


def test_guesses_go_beyond_it_as_rarely_as_it_says():
    right = np.random.default_rng(0).binomial(300, 0.1, 20_000)
    values, counts = np.unique(right, return_counts=True)
    beyond = sum(count for value, count in zip(values, counts, strict=True) if not is_luck(int(value), 300, chance=0.1))
    assert beyond / 20_000 <= 2 * RARE
