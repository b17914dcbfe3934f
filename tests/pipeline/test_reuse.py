from __future__ import annotations

from dataclasses import replace

import pytest
from small_studies import first, net, prepared, train

from budgetnas.config import recorded as before
from budgetnas.exceptions import StorageError, StudyMismatchError
from budgetnas.pipeline.open_run import opened, rehearsed
from budgetnas.pipeline.promote import decide, planned
from budgetnas.runs.settings import Kind
from budgetnas.storage.database import open_storage, sqlite_url
from budgetnas.storage.study import StudyStore, read_study
from budgetnas.trials.facts import RunFacts, TrialFacts
from budgetnas.trials.trial import TrialState


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


def study(runs, **changes):
    return prepared(output__dir=str(runs), search__trials=4, **changes)


@pytest.fixture
def old(runs):
    """A search with all of its short trainings, one of the longer ones and a full one."""
    asked = study(runs, proxy__rungs=[1, 3], output__name="old")
    with opened(asked) as run:
        run.ladder.fulls.record(RunFacts(drivers=({"command": "budgetnas search", "study": {}},)))
        for score in (0.5, 0.9, 0.7, 0.8):
            first(asked, run.ladder.first, score)
        longer = planned(asked, run.ladder, 0, decide(asked, run.ladder, 0))
        train(run.ladder.rungs[1].store, longer[0], 0.9)
        train(run.ladder.fulls, longer[0], 0.95)
        return run


def new(runs, old, **changes):
    words = {"output__name": "new", "full__epochs": 20, "proxy__from_run": str(runs / "old")}
    return study(runs, **{"proxy__rungs": [1, 3], **words, **changes})


def test_short_trainings_come_with_their_numbers_and_full_ones_do_not(runs, old):
    asked = new(runs, old)
    before = (runs / "old" / "study.db").read_bytes()
    assert rehearsed(asked)[1].first.trials == old.ladder.first.trials
    assert not (runs / "new").exists()
    for _ in range(2):  # taken over once
        with opened(asked) as run:
            assert run.ladder.first.trials == old.ladder.first.trials
            assert run.ladder.rungs[1].store.trials == old.ladder.rungs[1].store.trials
            assert run.ladder.fulls.trials == []
            assert [tier.band.low for tier in run.prepared.tiers] == [tier.band.low for tier in old.prepared.tiers]
            taken = run.ladder.fulls.facts.taken
    assert (taken.source, taken.is_whole, taken.trainings) == ("old", True, {"r1": 4, "r3": 1})
    assert taken.drivers[0]["command"] == "budgetnas search"
    with opened(study(runs, proxy__rungs=[1, 3], output__name="new", full__epochs=20)) as run:
        assert len(run.ladder.first.trials) == 4, "it goes on without the key, too"
    assert (runs / "old" / "study.db").read_bytes() == before


def test_a_take_over_that_was_cut_off_goes_on(runs, old, monkeypatch):
    import optuna

    add, room = optuna.Study.add_trial, iter(range(2))

    def cut_off(self, trial):
        if next(room, None) is None:
            raise KeyboardInterrupt
        add(self, trial)

    monkeypatch.setattr(optuna.Study, "add_trial", cut_off)
    with pytest.raises(KeyboardInterrupt), opened(new(runs, old)):
        pass
    monkeypatch.undo()
    storage = open_storage(sqlite_url(runs / "new" / "study.db"))
    assert len(read_study(storage, "new/r1")[0]) == 2
    with opened(new(runs, old)) as run:
        assert run.ladder.first.trials == old.ladder.first.trials


def test_what_is_not_finished_and_all_after_it_stays_there(runs, old):
    with opened(study(runs, proxy__rungs=[1, 3], output__name="old")) as run:
        run.ladder.first.add(net(old.prepared, 30), state=TrialState.RUNNING, facts=TrialFacts())
        first(old.prepared, run.ladder.first, 0.3)
    with opened(new(runs, old)) as run:
        assert len(run.ladder.first.trials) == 4


def test_a_rung_of_a_length_of_its_own_begins_empty(runs, old):
    with opened(new(runs, old, proxy__rungs=[1, 2])) as run:
        assert [len(level.store.trials) for level in run.ladder.rungs] == [4, 0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"search__seed": 1},
            r"that search was started with .* \(search.seed was 0, is 1\): .* leave it out",
        ),
        ({"proxy__rungs": [2]}, r"proxy.rungs was \[1\], is \[2\]"),
        ({"proxy__from_run": "nowhere"}, "`nowhere/study.db` does not exist: give the folder of a run"),
    ],
)
def test_other_short_trainings_are_refused(runs, old, changes, said):
    with pytest.raises((StudyMismatchError, StorageError), match=said), opened(new(runs, old, **changes)):
        pass
    with opened(new(runs, old)) as run:
        assert len(run.ladder.first.trials) == 4, "nothing was begun"


def test_a_run_with_short_trainings_of_its_own_takes_none(runs, old):
    own = study(runs, proxy__rungs=[1, 3], output__name="new", full__epochs=20)
    with opened(own) as run:
        first(own, run.ladder.first, 0.5)
    with pytest.raises(StudyMismatchError, match=r"but `new` has its own short trainings"):
        rehearsed(new(runs, old))
    with opened(new(runs, old, output__name="third")):
        pass
    other = new(runs, old, output__name="third", proxy__from_run=str(runs / "new"))
    with pytest.raises(StudyMismatchError, match=r"but `third` has its short trainings from `old`"):
        rehearsed(other)


def test_short_trainings_of_an_older_version_come_with_their_recipe(runs, old, monkeypatch):
    fulls = StudyStore(old.storage, "old/full", old.prepared.ranges)
    younger = ("proxy.recipe.ema", "full.recipe.ema")
    recorded = {key: value for key, value in fulls.facts.identity.items() if key not in younger}
    fulls.record(RunFacts(identity={**recorded, "full.recipe.lr": 0.3}))
    monkeypatch.setattr(before, "BEFORE", {"recipe.ema": 0.9})
    for _ in range(2):
        with opened(new(runs, old)) as run:
            assert len(run.ladder.first.trials) == 4
            assert (run.prepared.proxy.ema, run.prepared.full.ema, run.prepared.full.lr) == (0.9, 0.0, 0.1)


def test_a_calibration_is_no_source(runs):
    asked = study(runs, output__name="old")
    with opened(replace(asked, kind=Kind.CALIBRATION)):
        pass
    with pytest.raises(StudyMismatchError, match=r"kind was 'calibration', is 'search'"):
        rehearsed(new(runs, asked, proxy__rungs=None))


def test_other_full_trainings_are_told_how_to_keep_the_short_ones(runs, old):
    with (
        pytest.raises(StudyMismatchError) as refused,
        opened(study(runs, proxy__rungs=[1, 3], output__name="old", full__epochs=20)),
    ):
        pass
    keep = f"or choose another `output.name` with `proxy.from_run={runs}/old`, which keeps the short trainings."
    assert str(refused.value).endswith(keep)
