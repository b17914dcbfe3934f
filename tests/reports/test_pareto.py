from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from budgetnas.reports.cost import pareto_front

POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)))


def dominates(a, b):
    return a[0] <= b[0] and a[1] >= b[1] and a != b


def test_the_front_is_cheapest_first():
    assert pareto_front([5, 1, 3, 3, 4], [9, 1, 5, 6, 6]) == [1, 3, 0]


@given(POINTS)
def test_nobody_dominates_the_front_and_somebody_on_it_is_as_good_as_any_other(points):
    front = [points[i] for i in pareto_front([cost for cost, _ in points], [score for _, score in points])]
    assert not any(dominates(point, member) for point in points for member in front)
    assert all(any(member == point or dominates(member, point) for member in front) for point in points)
    assert len(set(front)) == len(front)
