"""Promotion, full trainings that fail, and the choice of the winner, on a real storage without training."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from budgetnas.arch.spec import ResNetSpec
from budgetnas.exceptions import BudgetNASError
from budgetnas.pipeline.finals import choose, promoted
from budgetnas.pipeline.stages import missing_runs
from budgetnas.records.trial import Candidate, TrialState
from budgetnas.space.resnet import ResNetSpace
from budgetnas.storage.database import open_storage, sqlite_url
from budgetnas.storage.study import Ranges, StudyStore

RANGES = Ranges(stages=(1, 4), blocks=(1, 8), widths=(1, 99))


def prepared(promote=2, repeats=1):
    full = SimpleNamespace(promote=promote, repeats=repeats)
    return SimpleNamespace(config=SimpleNamespace(full=full), space=ResNetSpace())


@pytest.fixture
def stores(tmp_path):
    storage = open_storage(sqlite_url(tmp_path / "study.db"))
    proxies, fulls = (StudyStore(storage, name, RANGES) for name in ("s/r3", "s/full"))
    for number, score in enumerate((0.5, 0.9, 0.7, 0.8)):
        spec = ResNetSpec(blocks=(1,), widths=(10 + number,))
        candidate = Candidate(spec=spec, params=100, macs=100, origin="random")
        proxies.add(candidate, state=TrialState.RUNNING, attrs={})
        proxies.finish(number, score, {})
    return proxies, fulls


def train(proxies, fulls, parent, score, repeat=0):
    trial = fulls.add(
        proxies.trials[parent].candidate, state=TrialState.RUNNING, attrs={"parent": parent, "repeat": repeat}
    )
    if score is None:
        fulls.fail(trial.number, "out of memory")
    else:
        fulls.finish(trial.number, score, {})


def test_a_promotion_stays_decided_and_a_larger_one_adds_to_it(stores):
    proxies, fulls = stores
    assert [trial.number for trial in promoted(prepared(), proxies, fulls)] == [1, 3]
    fulls.record("promotions", {"4 trained, 2 promoted": [2, 0]})
    assert [trial.number for trial in promoted(prepared(), proxies, fulls)] == [2, 0]
    assert [trial.number for trial in promoted(prepared(promote=3), proxies, fulls)] == [1, 3, 2]
    train(proxies, fulls, 1, 0.9)
    missing = missing_runs(prepared(3), fulls, promoted(prepared(promote=3), proxies, fulls))
    assert [(trial.number, repeat) for trial, repeat in missing] == [(3, 0), (2, 0)]


def test_a_failed_full_training_is_tried_again_by_the_next_driver(stores):
    proxies, fulls = stores
    train(proxies, fulls, 1, None)
    train(proxies, fulls, 3, 0.8)
    missing = missing_runs(prepared(), fulls, promoted(prepared(), proxies, fulls))
    assert [trial.number for trial, _ in missing] == [1]
    choose(fulls)
    assert fulls.facts["choices"] == [{"winner": 3, "spec": "1x13", "score": 0.8, "among": 1}]


def test_when_all_full_trainings_fail_the_reason_is_told(stores):
    proxies, fulls = stores
    choose(fulls)
    assert "choices" not in fulls.facts
    train(proxies, fulls, 1, None)
    with pytest.raises(BudgetNASError, match=r"all 1 full trainings failed \(the last: out of memory\)"):
        choose(fulls)


def test_every_choice_is_recorded_once(stores):
    proxies, fulls = stores
    for parent, score in ((1, 0.7), (3, 0.6), (3, 0.9)):
        train(proxies, fulls, parent, score, repeat=len(fulls.trials))
        choose(fulls)
        choose(fulls)
    assert [choice["winner"] for choice in fulls.facts["choices"]] == [1, 1, 3]
