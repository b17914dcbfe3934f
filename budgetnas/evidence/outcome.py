"""The outcome of a network on a split: counts by class, and from them each score with its interval over the images."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, sqrt
from statistics import NormalDist

import numpy as np

from budgetnas.arrays import FloatArray, IntArray, packed_counts
from budgetnas.config.sections import ScoreName
from budgetnas.evidence.accuracy import Interval, wilson
from budgetnas.evidence.estimate import LEVEL
from budgetnas.trials.facts import ClassResults

MOST_CLASSES = 200  # of a confusion matrix; with more classes there are only counts of each
_DRAWN = 4.0
_Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a network classified the images of a split, C classes.

    Every score is higher for a better network, so a loss counts negative.

    Attributes:
        correct: [C] correctly classified images of each class.
        images: [C] images of each class.
        predicted: [C] images that were taken for each class.
        confusion: [C, C] images by true class (row) and predicted class (column); None for more than 200 classes.
        loss: mean cross-entropy.
        loss_sd: standard deviation of the cross-entropy over the images.
    """

    correct: IntArray
    images: IntArray
    predicted: IntArray
    confusion: IntArray | None
    loss: float
    loss_sd: float

    @property
    def right(self) -> int:
        """Number of correctly classified images."""
        return int(self.correct.sum())

    @property
    def total(self) -> int:
        """Number of images."""
        return int(self.images.sum())

    @property
    def classes(self) -> ClassResults:
        """The counts as a study records them."""
        matrix = None if self.confusion is None else packed_counts(self.confusion)
        return ClassResults(correct=tuple(self.correct.tolist()), images=tuple(self.images.tolist()), confusion=matrix)

    def score(self, name: ScoreName) -> float:
        """Return a score."""
        if name == "accuracy":
            return self.right / self.total
        if name == "balanced_accuracy":
            return float(self._recalls().mean())
        return float(self._f1().mean()) if name == "macro_f1" else -self.loss

    def interval(self, name: ScoreName) -> Interval:
        """Return the interval of a score at `LEVEL` over images of the same kind.

        Of accuracy it is Wilson's. Of balanced accuracy and macro F1 it is Wilson's too, for as many images as give an
        accuracy the same variance (Franco, Little, Louis and Slud, "Comparative study of confidence intervals for
        proportions in complex sample surveys", Journal of Survey Statistics and Methodology 7, 2019). The variance of
        macro F1 is that of the delta method (Takahashi, Yamamoto, Kuchiba and Koyama, "Confidence interval for
        micro-averaged F1 and macro-averaged F1 scores", Applied Intelligence 52, 2022). The interval of the loss is
        normal on a log scale, since single losses are skewed.
        """
        if name == "accuracy":
            return wilson(self.right, self.total)
        if name == "loss":
            if self.loss <= 0:
                return -self.loss, -self.loss
            reach = exp(_Z * self.loss_sd / sqrt(self.total) / self.loss)
            return -self.loss * reach, -self.loss / reach
        if name == "balanced_accuracy":
            return self._balanced_interval()
        sums = self.images + self.predicted
        return _wilson_of_classes(self._f1(), sums[sums > 0], together=self._shared_errors(), weight=1)

    def parts(self, name: ScoreName, labels: IntArray, predictions: IntArray, losses: FloatArray) -> FloatArray:
        """Return the part of each image in a score: [N], whose mean is the score.

        Balanced accuracy and macro F1 are no means over images, so their parts are those of a linear approximation.

        Args:
            name: of the score.
            labels: [N] true classes.
            predictions: [N] predicted classes.
            losses: [N] cross-entropies.
        """
        is_right: FloatArray = (labels == predictions).astype(np.float64)
        if name == "accuracy":
            return is_right
        if name == "balanced_accuracy":
            of_each: IntArray = np.count_nonzero(self.images) * self.images[labels]
            recalls: FloatArray = self.correct / np.maximum(self.images, 1)
            return (is_right - recalls[labels]) * len(labels) / of_each + self.score(name)
        if name == "loss":
            return np.negative(losses)
        sums = np.maximum(self.images + self.predicted, 1)
        rates = 2 * self.correct / sums**2
        slopes: FloatArray = 2 * is_right / sums[labels] - rates[labels] - rates[predictions]
        return slopes * (len(labels) / len(self._f1())) + self.score(name)

    def _recalls(self) -> FloatArray:
        """Return the accuracy of each class that has images."""
        present = self.images > 0
        recalls: FloatArray = self.correct[present] / self.images[present]
        return recalls

    def _f1(self) -> FloatArray:
        """Return the F1 score of each class that has images or was predicted."""
        sums = self.images + self.predicted
        found: FloatArray = 2 * self.correct[sums > 0] / sums[sums > 0]
        return found

    def _balanced_interval(self) -> Interval:
        """Return the wider one of two intervals of balanced accuracy, low and high apart.

        The other one combines those of single classes, which errs less often where a large class alone has errors (Zou,
        Huang and Zhang, "A note on confidence interval estimation for a linear function of binomial proportions",
        Computational Statistics & Data Analysis 53, 2009).
        """
        present = self.images > 0
        recalls, images = self._recalls(), self.images[present]
        low, high = _wilson_of_classes(recalls, images, together=1)
        pairs = zip(self.correct[present].tolist(), images.tolist(), strict=True)
        ends = np.array([wilson(correct, number) for correct, number in pairs]).T
        down, up = (sqrt(float(((recalls - end) ** 2).sum())) / len(recalls) for end in ends)
        mean = float(recalls.mean())
        return max(0.0, min(low, mean - down)), min(1.0, max(high, mean + up))

    def _shared_errors(self) -> float:
        """Return the variance of the sum of all F1 scores as a multiple of the sum of their variances, from 1 to 2.

        An error counts in the F1 scores of two classes, which so vary together.
        """
        sums, f1 = self.images + self.predicted, self._f1()
        shown = sums > 0
        rates, alone = f1 / sums[shown], float((f1 * (1 - f1) * (2 - f1) / sums[shown]).sum())
        if self.confusion is None or alone <= 0:
            return 2.0
        errors = self.confusion[np.ix_(shown, shown)].astype(np.float64)
        np.fill_diagonal(errors, 0)
        return 1 + 2 * float(rates @ errors @ rates) / alone


def outcome_of(labels: IntArray, predictions: IntArray, losses: FloatArray, *, classes: int) -> Outcome:
    """Count an outcome from single images.

    Args:
        labels: [N] true classes.
        predictions: [N] predicted classes.
        losses: [N] cross-entropies.
        classes: C.
    """
    cells = None
    if classes <= MOST_CLASSES:
        cells = np.bincount(labels * classes + predictions, minlength=classes * classes).reshape(classes, classes)
    return Outcome(
        correct=np.bincount(labels[labels == predictions], minlength=classes),
        images=np.bincount(labels, minlength=classes),
        predicted=np.bincount(predictions, minlength=classes),
        confusion=cells,
        loss=float(losses.mean()),
        loss_sd=float(losses.std()),
    )


def _wilson_of_classes(values: FloatArray, sizes: IntArray, *, together: float, weight: float = 0.0) -> Interval:
    """Return Wilson's interval of the mean of shares [C] at the number of images that has its variance.

    Each share varies by value * (1 - value) * (1 + weight * (1 - value)) / size. There the values are drawn towards
    their mean as by four more images, so that a small class without an error has its luck counted too.

    Args:
        values: [C] in [0, 1].
        sizes: [C] images of each, at least 1.
        together: the variance of the sum as a multiple of the sum of the variances.
        weight: 0 for a share of images, 1 for F1.
    """
    mean = min(1.0, float(values.mean()))
    drawn = (values * sizes + _DRAWN * mean) / (sizes + _DRAWN) if 0 < mean < 1 else np.full(len(values), 0.5)
    spread = drawn * (1 - drawn) * (1 + weight * (1 - drawn))
    number = mean * (1 - mean) if 0 < mean < 1 else float(spread[0])
    images = max(1.0, number * len(values) ** 2 / (together * float((spread / sizes).sum())))
    return wilson(mean * images, images)
