from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix

from budgetnas.evidence.accuracy import wilson
from budgetnas.reports.confusion import class_table, confusion_figure


@pytest.fixture(scope="module")
def digits():
    """The confusion matrix of a classifier that was trained on half of the digits."""
    images, classes = load_digits(return_X_y=True)
    trained = LogisticRegression(C=1e-4, max_iter=500).fit(images[:900] / 16, classes[:900])
    return confusion_matrix(classes[900:], trained.predict(images[900:] / 16)).tolist()


NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def test_right_is_blue_by_its_share_and_mistakes_are_orange_by_theirs(digits):
    (heat,) = confusion_figure(digits, NAMES).data
    for i, row in enumerate(digits):
        for j, count in enumerate(row):
            share = count / sum(row)
            if i == j:
                assert heat.z[i][j] == pytest.approx(-share, abs=1e-3)
            else:
                assert (heat.z[i][j] > 0) == (count > 0)
            assert heat.customdata[i][j] == (f"{count} of {sum(row)} ({share:.1%})" if count else "none")
            assert heat.text[i][j] == (f"{100 * share:.0f}" if count else "")
    assert max(map(max, heat.z)) == 1
    assert list(heat.x) == list(heat.y) == list(NAMES)


@pytest.mark.parametrize("classes", [2, 12, 13, 100])
def test_it_is_readable_for_two_to_a_hundred_classes(classes):
    matrix = np.random.default_rng(0).multinomial(50, [1 / classes] * classes, size=classes).tolist()
    figure = confusion_figure(matrix, ["a class with a long name " + str(i) for i in range(classes)])
    assert 340 <= figure.layout.height <= 760
    assert len(figure.layout.xaxis.ticktext) == len(figure.layout.yaxis.ticktext) <= 25
    assert all(len(text) <= 17 for text in figure.layout.xaxis.ticktext)
    assert (figure.data[0].text is not None) is (classes <= 12)
    assert len(figure.to_json()) < 300_000


def test_names_are_text_to_plotly_and_missing_ones_are_numbers():
    figure = confusion_figure([[1, 0], [0, 1]], ["<b>"])
    assert list(figure.data[0].x) == ["&lt;b&gt;", "1"]
    assert "<b>" not in figure.to_json()


def test_no_mistake_and_no_image_is_no_error():
    assert confusion_figure([[3, 0], [0, 0]], ()).data[0].z == ([-1, 0], [0, 0])


def test_the_table_has_every_class_worst_first_with_its_interval(digits):
    table = class_table(digits, NAMES, title="Every class")
    assert sorted(row[0] for row in table.rows) == sorted(NAMES)
    shares = []
    for name, images, correct, accuracy, taken in table.rows:
        row = digits[NAMES.index(name)]
        own = row[NAMES.index(name)]
        assert (int(images), int(correct)) == (sum(row), own)
        low, high = wilson(own, sum(row))
        assert accuracy.startswith(f"{100 * own / sum(row):.2f} [{100 * low:.1f}, {100 * high:.1f}]")
        mistakes = [count for i, count in enumerate(row) if NAMES[i] != name]
        assert taken == (f"{taken.split()[0]} ({max(mistakes)})" if max(mistakes) else "")
        shares.append(own / sum(row))
    assert all(one <= other for one, other in pairwise(shares))
    assert shares[0] < 1


def test_a_class_without_images_is_last():
    rows = class_table([[3, 1], [0, 0]], ("a", "b"), title="").rows
    assert rows == [("a", "4", "3", rows[0][3], "b (1)"), ("b", "0", "0", "no images", "")]
