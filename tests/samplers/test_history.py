from __future__ import annotations

import numpy as np

from budgetnas.arch.spec import ResNetSpec
from budgetnas.samplers.history import history, is_ready
from budgetnas.space.resnet import ResNetSpace
from budgetnas.trials.facts import TrialFacts
from budgetnas.trials.trial import Candidate, Trial, TrialState


def trial(number: int, state: TrialState, **facts: object) -> Trial:
    candidate = Candidate(spec=ResNetSpec(blocks=(1,), widths=(number + 1,)), params=1, macs=1, origin="")
    score = 0.5 if state == "COMPLETE" else None
    return Trial(number=number, candidate=candidate, state=state, score=score, facts=TrialFacts(**facts))


def test_a_proposal_knows_results_up_to_the_last_batch_but_one():
    encode = ResNetSpace().encode
    trials = [trial(n, TrialState.COMPLETE) for n in range(11)]
    view = history(trials, 11, 4, encode=encode)
    assert view.number == len(view.points) == 11
    assert view.points[:, 5].tolist() == list(range(1, 12))
    assert (~np.isnan(view.scores)).tolist() == [True] * 4 + [False] * 7
    assert len(view.observed[0]) == len(view.observed[1]) == 4
    assert len(history(trials, 7, 4, encode=encode).observed[1]) == 0
    assert history([], 0, 4, encode=encode).number == 0
    assert is_ready(trials, 11, 4)
    trials[3] = trial(3, TrialState.RUNNING)
    assert not is_ready(trials, 11, 4)
    assert is_ready(trials, 7, 4)
    trials[3] = trial(3, TrialState.FAIL)
    assert is_ready(trials, 11, 4)
    assert len(history(trials, 11, 4, encode=encode).observed[1]) == 3


def test_pruned_and_seeded_trials_are_told_apart():
    trials = [trial(0, TrialState.PRUNED, seeded=True), trial(1, TrialState.PRUNED), trial(2, TrialState.RUNNING)]
    view = history(trials, 3, 1, encode=ResNetSpace().encode)
    assert view.pruned.tolist() == [True, True, False]
    assert view.seeded == 1
