from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from budgetnas.arch.spec import ResNetSpec
from budgetnas.exceptions import StorageError
from budgetnas.runs.calibration_set import CalibrationSet, drawn
from budgetnas.trials.facts import RunFacts, TrialFacts
from budgetnas.trials.trial import Candidate, Trial, TrialState

COMPLETE, FAIL, RUNNING = TrialState.COMPLETE, TrialState.FAIL, TrialState.RUNNING
NETS = [
    Candidate(spec=ResNetSpec(blocks=(1,), widths=(width,)), params=width, macs=width, origin="random")
    for width in (8, 16, 24)
]
SPECS = [net.spec.id for net in NETS]


def trials(*rows):
    """Trials of a level, each by network, seed and score; another state instead of a score."""
    return [
        Trial(
            number=number,
            candidate=NETS[i],
            state=what if isinstance(what, TrialState) else COMPLETE,
            score=None if isinstance(what, TrialState) else what,
            facts=TrialFacts(repeat=seed),
        )
        for number, (i, seed, what) in enumerate(rows)
    ]


SHORT = trials((0, 0, 0.3), (1, 0, 0.2), (2, 0, 0.1))
FULLS = [(0, 0, 0.5), (1, 0, 0.6), (2, 0, 0.7), (0, 1, 0.9), (1, 1, 0.8), (2, 1, 0.9)]


def made(*fulls, short=SHORT, specs=SPECS, seeds=2):
    return CalibrationSet(specs=specs, seeds=seeds, levels={"r1": short, "full": trials(*fulls)})


def test_a_full_score_is_the_mean_of_the_seeds_that_were_asked_for():
    whole = made(*FULLS)
    assert whole.is_done
    assert (whole.left, whole.failed, whole.seeds_done) == ({}, {}, 2)
    assert list(whole.scores("full").values()) == pytest.approx([0.7, 0.7, 0.8])
    assert whole.scores("r1") == dict(zip(SPECS, (0.3, 0.2, 0.1), strict=True))
    once = replace(whole, seeds=1)
    assert (once.is_done, once.scores("full")[SPECS[0]]) == (True, 0.5)


@pytest.mark.parametrize("more", [3, 4, 5])
def test_no_network_has_more_seeds_in_its_score_than_another(more):
    half = made(*FULLS[:more])
    assert (half.seeds_done, half.left, half.is_done) == (1, {"full": 6 - more}, False)
    assert list(half.scores("full").values()) == [0.5, 0.6, 0.7]
    assert half.nets == NETS


def test_a_network_without_its_first_seed_has_no_score_and_takes_none_from_the_others():
    one = made((0, 0, FAIL), *FULLS[1:])
    assert (one.seeds_done, [net.spec.id for net in one.nets]) == (2, SPECS[1:])
    assert (one.left, one.failed) == ({"full": 1}, {"full": 1})


def test_a_later_seed_that_failed_takes_its_network_out_and_no_seed_from_the_others():
    one = made(*FULLS[:4], (1, 1, FAIL), FULLS[5])
    assert (one.seeds_done, [net.spec.id for net in one.nets]) == (2, [SPECS[0], SPECS[2]])
    assert (one.left, one.failed) == ({"full": 1}, {"full": 1})


def test_what_another_version_drew_is_not_taken_for_nothing():
    setup = SimpleNamespace(name="s", rungs=(1,), study=SimpleNamespace(full=SimpleNamespace(repeats=2)))
    assert not drawn(setup, RunFacts(), {}).specs
    with pytest.raises(StorageError, match="`s` was started by an older version: resume it with its calibrate command"):
        drawn(setup, RunFacts(others={"networks": 3}), {"r1": SHORT})


def test_what_is_tried_again_has_not_failed():
    again = made((0, 0, FAIL), *FULLS[1:], (0, 0, RUNNING))
    assert (again.left, again.failed) == ({"full": 1}, {})
    mended = made((0, 0, FAIL), *FULLS)
    assert (mended.left, mended.failed, mended.nets) == ({}, {}, NETS)


def test_only_the_networks_that_are_asked_for_count_in_their_order():
    fewer = made(*FULLS, specs=[SPECS[2], SPECS[0]])
    assert [net.spec.id for net in fewer.nets] == [SPECS[2], SPECS[0]]
    assert fewer.is_done
    lacking = made(*FULLS, short=SHORT[:2], specs=SPECS[1:])
    assert (lacking.left, [net.spec.id for net in lacking.nets]) == ({"r1": 1}, [SPECS[1]])


def test_before_the_networks_are_drawn_nothing_is_done():
    nothing = made(specs=())
    assert (nothing.is_done, nothing.nets, nothing.left, nothing.scores("full")) == (False, [], {}, {})
