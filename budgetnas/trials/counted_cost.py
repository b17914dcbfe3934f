"""The cost of trainings, counted and never measured, so that it is the same on every machine.

A training costs the images that it trains on, summed over epochs, times the work for one image: the network's MACs, and
a constant for each parameter.
"""

from __future__ import annotations

from collections.abc import Iterable

from budgetnas.trials.record import required
from budgetnas.trials.trial import Candidate, Trial, complete

# MACs for each parameter and image. After a batch, the update of a parameter moves about 20 bytes: weight and momentum
# read and written, the gradient read. By the roofline model (Williams, Waterman and Patterson, 2009) a processor that
# has 10 to 25 MACs for a byte could do 200 to 500 MACs meanwhile, which 128 images of a batch share.
PER_PARAMETER = 4


def training_cost(candidate: Candidate, images: int) -> int:
    """Return the cost of a training of a network on so many images, summed over epochs, in MACs of a forward pass."""
    return images * (candidate.macs + PER_PARAMETER * candidate.params)


def total_cost(trials: Iterable[Trial]) -> int:
    """Return the cost of all COMPLETE trainings, each once, in MACs of a forward pass."""
    return sum(training_cost(trial.candidate, required(trial.facts.images, "images")) for trial in complete(trials))
