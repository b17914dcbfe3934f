from __future__ import annotations

import pytest

from budgetnas.arch.counter import count
from budgetnas.arch.spec import DataShape
from budgetnas.config.models import find_model
from budgetnas.exceptions import StorageError
from budgetnas.trials.counted_cost import PER_PARAMETER, total_cost, training_cost
from budgetnas.trials.facts import TrialFacts
from budgetnas.trials.trial import Candidate, Trial, TrialState


def candidate(name="resnet20"):
    spec = find_model(name).spec
    cost = count(spec, DataShape())
    return Candidate(spec=spec, params=cost.params, macs=cost.macs, origin="")


def trial(state=TrialState.COMPLETE, **facts):
    return Trial(number=0, candidate=candidate(), state=state, score=0.5, facts=TrialFacts(**facts))


def test_a_training_costs_its_images_times_macs_and_a_little_for_each_parameter():
    net = candidate()
    assert training_cost(net, 10) == 10 * (net.macs + 4 * net.params)


@pytest.mark.parametrize("name", ["resnet20", "resnet18", "model5"])
def test_parameters_are_a_small_part_of_the_cost(name):
    net = candidate(name)
    assert 0 < PER_PARAMETER * net.params < 0.1 * net.macs


def test_only_trainings_that_ended_well_cost():
    trials = [trial(images=10), trial(images=30), trial(TrialState.FAIL, images=50), trial(TrialState.RUNNING)]
    assert total_cost(trials) == training_cost(candidate(), 40)
    assert total_cost([]) == 0


def test_a_training_without_its_images_cannot_be_counted():
    with pytest.raises(StorageError, match="`images` was not recorded"):
        total_cost([trial()])
