from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import binomtest

from budgetnas.evidence.accuracy import RARE, Accuracy, is_luck, over_seeds, over_seeds_and_images, wilson
from budgetnas.exceptions import BudgetNASError


# Newcombe, "Two-sided confidence intervals for the single proportion" (Statistics in Medicine 17, 1998), table I.
@pytest.mark.parametrize(
    ("correct", "images", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_the_one_that_newcombe_prints(correct, images, low, high):
    assert wilson(correct, images) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 60_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_scipys_and_holds_the_share(counts):
    correct, images = counts
    low, high = wilson(correct, images)
    exact = binomtest(correct, images).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx((exact.low, exact.high), abs=1e-12)
    assert 0 <= low <= correct / images <= high <= 1
    assert low < high


@pytest.mark.parametrize("images", [1, 2, 10, 287, 10_000])
def test_none_and_all_right_are_open_to_one_side_only(images):
    assert wilson(0, images)[0] == 0
    assert wilson(images, images)[1] == 1
    assert wilson(0, images)[1] == pytest.approx(1 - wilson(images, images)[0])
    assert wilson(images, images)[0] < 1


@pytest.mark.parametrize(("correct", "images"), [(0, 0), (-1, 10), (11, 10), (float("nan"), 10)])
def test_a_share_that_cannot_be_is_refused(correct, images):
    with pytest.raises(BudgetNASError, match=f"of {images} `images`, but must be from 0 to all of them"):
        wilson(correct, images)


def test_an_accuracy_is_written_with_its_interval():
    assert str(Accuracy(shares=[283 / 287], images=287)) == "98.61 [96.5, 99.5]"
    assert Accuracy(shares=[1.0], images=10).write(" %") == "100.00 % [72.2, 100.0]"
    assert str(Accuracy(shares=[0.0], images=287)) == "0.00 [0.0, 1.3]"
    assert Accuracy(shares=[0.97, 0.98], images=287).write(" %") == "97.50 +- 0.71 % [95.0, 98.8]"


def test_more_seeds_on_the_same_images_do_not_narrow_the_interval():
    one, many = (Accuracy(shares=[0.97] * seeds, images=287) for seeds in (1, 9))
    assert many.interval == one.interval
    assert (one.spread, many.spread) == (None, 0)


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


def test_the_interval_over_seeds_is_students():
    shares = [0.953, 0.956, 0.955]
    low, high = over_seeds(shares)
    reference = stats.t.interval(0.95, 2, loc=np.mean(shares), scale=stats.sem(shares))
    assert (low, high) == pytest.approx(reference)
    assert over_seeds([0.9]) is None
    assert over_seeds([0.9, 0.9]) is None
    assert over_seeds([0.0, 1.0]) == (0.0, 1.0)


def test_images_widen_the_interval_over_seeds_and_more_images_less_so():
    rng = np.random.default_rng(0)
    widths = []
    for images in (500, 50_000):
        right = rng.random((5, images)) < rng.beta(9, 1, images)
        low, high = over_seeds_and_images(right)
        narrow = over_seeds(right.mean(axis=1).tolist())
        assert low < narrow[0] < narrow[1] < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 3
    assert over_seeds_and_images([[True, False]]) is None
