"""Scores against scikit-learn, and their intervals against simulation and the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score, log_loss

from budgetnas.evidence.outcome import MOST_CLASSES, outcome_of

NAMES = ("accuracy", "balanced_accuracy", "macro_f1", "loss")


def drawn(images=400, classes=5, seed=0, right=0.7):
    """Labels of uneven classes, predictions that are often right, and losses of probabilities."""
    rng = np.random.default_rng(seed)
    shares = 2.0 ** -np.arange(classes)
    labels = rng.choice(classes, size=images, p=shares / shares.sum())
    predictions = np.where(rng.random(images) < right, labels, rng.integers(classes, size=images))
    return labels, predictions, rng.exponential(0.3, images)


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_scikit_learn(seed):
    labels, predictions, losses = drawn(seed=seed)
    found = outcome_of(labels, predictions, losses, classes=5)
    assert found.score("accuracy") == (labels == predictions).mean()
    assert found.score("balanced_accuracy") == pytest.approx(balanced_accuracy_score(labels, predictions))
    assert found.score("macro_f1") == pytest.approx(f1_score(labels, predictions, average="macro"))
    assert found.score("loss") == -losses.mean()
    assert np.array_equal(found.confusion, confusion_matrix(labels, predictions, labels=range(5)))
    assert found.classes.correct == tuple(np.diagonal(found.confusion))
    assert sum(found.classes.images) == len(labels)


def test_a_loss_is_the_mean_cross_entropy():
    labels, shares = np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]])
    found = outcome_of(labels, shares.argmax(1), -np.log(shares[range(3), labels]), classes=2)
    assert -found.score("loss") == pytest.approx(log_loss(labels, shares))


def test_classes_without_images_count_as_scikit_learn_counts_them():
    labels, predictions = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 2])  # 2 is only predicted, 3 is neither
    found = outcome_of(labels, predictions, np.ones(4), classes=4)
    assert found.score("balanced_accuracy") == 0.5
    assert found.score("macro_f1") == pytest.approx(
        f1_score(labels, predictions, average="macro", labels=[0, 1, 2], zero_division=0)
    )
    for name in NAMES:
        low, high = found.interval(name)
        assert low <= found.score(name) <= high


def test_the_interval_of_accuracy_is_wilsons():
    labels, predictions, losses = drawn()
    found = outcome_of(labels, predictions, losses, classes=5)
    expected = binomtest(found.right, found.total).proportion_ci(method="wilson")
    assert found.interval("accuracy") == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("name", ["balanced_accuracy", "macro_f1"])
@pytest.mark.parametrize(("classes", "right"), [(2, 0.9), (5, 0.95), (10, 0.7)])
def test_intervals_hold_the_true_score_about_as_often_as_they_say(name, classes, right):
    rng, images, repeats = np.random.default_rng(1), 200, 400
    shares = 1.5 ** -np.arange(classes)
    confusion = np.full((classes, classes), (1 - right) / (classes - 1))
    np.fill_diagonal(confusion, right)
    cells = shares[:, None] / shares.sum() * confusion
    f1 = 2 * cells.diagonal() / (cells.sum(0) + cells.sum(1))
    truth, held = {"balanced_accuracy": right, "macro_f1": f1.mean()}[name], 0
    for _ in range(repeats):
        labels, predictions = np.divmod(rng.choice(classes**2, size=images, p=cells.ravel()), classes)
        low, high = outcome_of(labels, predictions, np.ones(images), classes=classes).interval(name)
        held += low <= truth <= high
    assert 0.91 < held / repeats < 0.995


def test_the_interval_of_a_loss_holds_the_true_one_about_as_often_as_it_says():
    rng, held = np.random.default_rng(1), 0
    for _ in range(400):
        losses = np.where(rng.random(500) < 0.1, rng.exponential(2.5, 500), rng.exponential(0.03, 500))
        low, high = outcome_of(np.zeros(500, int), np.zeros(500, int), losses, classes=2).interval("loss")
        held += low <= -(0.1 * 2.5 + 0.9 * 0.03) <= high
    assert 0.9 < held / 400 < 0.98


@pytest.mark.parametrize("name", NAMES)
def test_parts_of_images_have_the_score_as_mean_and_its_spread(name):
    labels, predictions, losses = drawn(images=600)
    parts = outcome_of(labels, predictions, losses, classes=5).parts(name, labels, predictions, losses)
    assert parts.mean() == pytest.approx(outcome_of(labels, predictions, losses, classes=5).score(name))

    def score(places):
        return outcome_of(labels[places], predictions[places], losses[places], classes=5).score(name)

    spread = bootstrap((np.arange(600),), score, n_resamples=500, vectorized=False, random_state=0, method="basic")
    assert parts.std() / np.sqrt(600) == pytest.approx(spread.standard_error, rel=0.12)


def test_no_interval_claims_certainty_where_every_image_is_right():
    labels = np.repeat([0, 1], [195, 5])
    found = outcome_of(labels, labels, np.full(200, 0.01), classes=2)
    assert found.interval("balanced_accuracy")[0] < 0.95  # five images say little of their class
    assert found.interval("macro_f1")[0] < 0.95
    assert found.interval("accuracy")[0] > 0.98


def test_with_very_many_classes_there_is_no_matrix_and_the_interval_is_no_narrower():
    labels, predictions, losses = drawn(images=2_000, classes=6, right=0.8)
    small, large = (outcome_of(labels, predictions, losses, classes=n) for n in (6, MOST_CLASSES + 1))
    assert large.confusion is None
    assert large.classes.confusion is None
    assert [large.score(name) for name in NAMES] == [small.score(name) for name in NAMES]
    (low, high), (lower, higher) = small.interval("macro_f1"), large.interval("macro_f1")
    assert lower <= low < high <= higher
