from __future__ import annotations

import pytest

from budgetnas.trials.finals import equal, halving


@pytest.mark.parametrize(
    ("case", "found"),
    [((8, 3), (16, 4)), ((5, 3), (9, 3)), ((4, 6), (14, 2)), ((3, 2), (4, 2)), ((1, 3), (1, 1)), ((5, 1), (5, 5))],
)
def test_halving_trains_more_networks_once_and_half_as_many_with_all_seeds(case, found):
    assert halving(*case) == found


@pytest.mark.parametrize("repeats", [2, 3, 6])
@pytest.mark.parametrize("promote", [1, 2, 5, 8])
def test_halving_makes_as_many_trainings_as_equal_finals(promote, repeats):
    networks, finalists = halving(promote, repeats)
    assert networks + finalists * (repeats - 1) == promote * repeats
    assert networks >= promote >= finalists >= 1


@pytest.mark.parametrize(
    ("available", "found"), [(20, (16, 4)), (15, (15, 4)), (12, (12, 6)), (8, (8, 8)), (3, (3, 3)), (0, (0, 0))]
)
def test_where_networks_are_few_more_of_them_have_all_seeds(available, found):
    assert halving(8, 3, available) == found
    assert found[0] + 2 * found[1] <= 24


def test_equal_finals_train_what_is_promoted_or_what_there_is():
    assert (equal(5), equal(5, 3)) == ((5, 5), (3, 3))
