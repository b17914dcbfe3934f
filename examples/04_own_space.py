"""
Your own space
==============

Perceptrons for the digits of scikit-learn, counted, searched under a cap in a plain Optuna study, and trained. A space
is its dimensions and the exact parameters of every point; everything that knows a cap works on it.
"""

import numpy as np
import optuna
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from budgetnas import BudgetSampler, Dimension, Space, make_index, suggest

CAP = 5_000
ACTIVATIONS = ("logistic", "tanh", "relu")


class Perceptrons(Space):
    """Two hidden layers between 64 pixels and 10 classes."""

    dimensions = (
        Dimension(name="first", values=range(8, 129, 4)),
        Dimension(name="second", values=range(8, 129, 4)),
        Dimension(name="activation", values=range(3), labels=ACTIVATIONS, ordered=False),
    )

    def params(self, points):
        """Count weights and biases."""
        first, second = points[:, 0], points[:, 1]
        return 65 * first + (first + 1) * second + (second + 1) * 10


def train(trial: optuna.Trial) -> float:
    """Train one network; return its validation accuracy."""
    point = suggest(trial, space)
    choice = space.decode(point)
    network = MLPClassifier((choice["first"], choice["second"]), activation=choice["activation"], random_state=0)
    for _ in range(15):
        network.partial_fit(images, labels, classes=range(10))
    weights = sum(part.size for part in (*network.coefs_, *network.intercepts_))
    assert weights == space.params(point[None])[0]
    return network.score(validation_images, validation_labels)


space = Perceptrons()
x, y = load_digits(return_X_y=True)
images, validation_images, labels, validation_labels = train_test_split(x / 16, y, test_size=0.3, random_state=0)

index = make_index(space, max_macs=None)
fitting = sum(int(counts[0]) for counts in index.counts(np.array([CAP])).values())
print(f"{index.size():,} networks, {fitting:,} of at most {CAP:,} parameters ({index.method})")

optuna.logging.set_verbosity(optuna.logging.WARNING)
sampler = BudgetSampler(space, max_params=CAP, seed=0)
study = optuna.create_study(direction="maximize", sampler=sampler)
study.optimize(train, n_trials=25)
trusted, observed = sampler.best(study)
print(f"recommended:   {trusted.params}, {trusted.value:.1%} in its training")
print(f"best observed: {observed.params}, {observed.value:.1%}")
