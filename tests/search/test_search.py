from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgetnas.records.trial import Candidate, Trial, TrialState
from budgetnas.search.history import History, history, is_ready
from budgetnas.search.samplers import SAMPLERS, recommend
from budgetnas.search.surrogate import Surrogate
from budgetnas.space.feasible import ArchitectureIndex
from budgetnas.space.resnet import ResNetSpace

DEFAULT = ResNetSpace()
BAND = ArchitectureIndex(DEFAULT.chains(), max_macs=1_748_374_528).band(4_000_000, 5_000_000)


def truth(candidate: Candidate) -> float:
    """A made-up accuracy: more MACs help, four stages help a little."""
    return 0.5 + 0.04 * np.log2(candidate.macs / 1e8) + 0.01 * len(candidate.spec.blocks)


def run(sampler, number: int, *, score=truth) -> list[Candidate]:
    """Propose one after the other, every result known at once."""
    proposed: list[Candidate] = []
    for i in range(number):
        candidate = sampler.propose(
            History(
                number=i,
                seen=frozenset(c.spec.id for c in proposed),
                seeded=0,
                observed=tuple(proposed),
                scores=tuple(score(c) for c in proposed),
            )
        )
        if candidate is None:
            break
        proposed.append(candidate)
    return proposed


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_proposals_fit_and_never_repeat_and_the_seed_decides(name):
    first = run(SAMPLERS[name](DEFAULT, BAND, seed=1), 25)
    assert len({c.spec.id for c in first}) == 25
    assert all(4_000_000 <= c.params <= 5_000_000 for c in first)
    assert run(SAMPLERS[name](DEFAULT, BAND, seed=1), 25) == first
    assert run(SAMPLERS[name](DEFAULT, BAND, seed=2), 25) != first


@settings(max_examples=20)
@given(st.sampled_from(sorted(SAMPLERS)), st.integers(0, 2**31 - 1), st.integers(120, 9_000))
def test_a_small_space_is_proposed_whole_and_then_ends(name, seed, cap):
    space = ResNetSpace(stages=(1, 2), blocks=(1, 2), widths=(2, 8), width_step=3)
    index = ArchitectureIndex(space.chains(), max_macs=None)
    smallest = index.smallest()
    assert smallest is not None
    band = index.band(0, max(cap, smallest.params))
    proposed = run(SAMPLERS[name](space, band, seed=seed), len(band) + 5)
    assert {c.spec.id for c in proposed} == {space.decode(m.states).id for m in band.members()}
    assert len(proposed) == len(band)


def test_the_start_is_spread_over_stages_and_macs():
    proposed = run(SAMPLERS["thompson"](DEFAULT, BAND, seed=0), 10)
    assert set(Counter(len(c.spec.blocks) for c in proposed)) == set(BAND.counts)
    macs = np.array([c.macs for c in proposed])
    draws = np.array([m.macs for m in BAND.draw(500, rng=np.random.default_rng(0))])
    assert (macs > np.quantile(draws, 0.5)).sum() in range(3, 8)
    assert (macs > np.quantile(draws, 0.95)).sum() <= 3


def test_thompson_learns_where_random_does_not():
    means = {
        name: np.mean([truth(c) for seed in range(3) for c in run(SAMPLERS[name](DEFAULT, BAND, seed=seed), 30)[15:]])
        for name in SAMPLERS
    }
    assert means["thompson"] > means["random"] + 0.02


def test_one_network_at_chance_level_does_not_bend_the_model():
    proposed = run(SAMPLERS["random"](DEFAULT, BAND, seed=5), 40)
    scores = [truth(c) for c in proposed]
    clean, _ = Surrogate(proposed, scores).posterior(proposed)
    scores[7] = 0.1
    bent, _ = Surrogate(proposed, scores).posterior(proposed)
    others = [i for i in range(40) if i != 7]
    assert np.abs(bent - clean)[others].max() < 0.05


def test_recommendation_discounts_luck():
    proposed = run(SAMPLERS["random"](DEFAULT, BAND, seed=6), 60)
    rng = np.random.default_rng(0)
    scores = [truth(c) + rng.normal(0, 0.01) for c in proposed]
    worst = int(np.argmin([truth(c) for c in proposed]))
    scores[worst] += 0.03
    trusted = recommend(proposed, scores)
    errors = np.array([truth(c) for c in proposed]) - trusted
    assert np.sqrt((errors**2).mean()) < 0.01
    assert recommend(proposed[:3], scores[:3]).tolist() == scores[:3]
    assert recommend([], []).tolist() == []


def test_deeper_candidates_than_any_score_can_be_judged():
    proposed = [c for c in run(SAMPLERS["random"](DEFAULT, BAND, seed=7), 60) if len(c.spec.blocks) < 4]
    surrogate = Surrogate(proposed, [truth(c) for c in proposed])
    four = [c for c in run(SAMPLERS["random"](DEFAULT, BAND, seed=8), 30) if len(c.spec.blocks) == 4]
    mean, sd = surrogate.posterior(four)
    assert np.isfinite(mean).all()
    assert (sd >= 0).all()


def trial(number: int, state: TrialState) -> Trial:
    from budgetnas.arch.spec import ResNetSpec

    candidate = Candidate(spec=ResNetSpec(blocks=(1,), widths=(number + 1,)), params=1, macs=1, origin="")
    return Trial(number=number, candidate=candidate, state=state, score=0.5 if state == "COMPLETE" else None)


def test_a_proposal_knows_results_up_to_the_last_batch_but_one():
    trials = [trial(n, TrialState.COMPLETE) for n in range(11)]
    view = history(trials, 11, 4)
    assert len(view.seen) == 11
    assert len(view.scores) == 4
    assert len(history(trials, 7, 4).scores) == 0
    assert is_ready(trials, 11, 4)
    trials[3] = trial(3, TrialState.RUNNING)
    assert not is_ready(trials, 11, 4)
    assert is_ready(trials, 7, 4)
    trials[3] = trial(3, TrialState.FAIL)
    assert is_ready(trials, 11, 4)
    assert len(history(trials, 11, 4).scores) == 3
